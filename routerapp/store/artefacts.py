"""Artefacts of predictors for gateway processes: from the database into the data folder, where they outlast it. Addressed by sha256.

A file is used only if its bytes give its name, so a torn or tampered one is fetched again and never read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from routerapp.store.predictors import BadArtefact, artefact_bytes

FOLDER = "predictors"
SUFFIX = ".safetensors"
MOST_KEPT = 4
_SHA256 = re.compile(r"[0-9a-f]{64}")


class NoArtefact(LookupError):
    """The artefact is nowhere, or is not what its address says; the message says which."""


def cached_artefact(sha256: str, folder: Path, load: Callable[[str], bytes | None] = artefact_bytes) -> Path:
    """Where this artefact lies in the data folder, fetched if need be. Raises NoArtefact, DatabaseError and OSError."""
    if not _SHA256.fullmatch(sha256):
        raise NoArtefact(f"{sha256[:64]!r} is no address of an artefact: 64 hex digits are expected.")
    path = folder / FOLDER / f"{sha256}{SUFFIX}"
    with contextlib.suppress(FileNotFoundError):
        if hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return path
    try:
        content = load(sha256)
    except BadArtefact as error:
        raise NoArtefact(str(error)) from None
    if content is None:
        raise NoArtefact(f"The predictor {sha256[:12]} is not in the database.")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise NoArtefact(f"The predictor {sha256[:12]} in the database is damaged: its bytes do not give its address.")
    _write(path, content)
    _forget_old(path)
    return path


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all; mode 0600."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def _forget_old(newest: Path) -> None:
    """Those fetched longest ago; the database still has them."""
    others = [path for path in newest.parent.glob(f"*{SUFFIX}") if path != newest]
    with contextlib.suppress(FileNotFoundError):  # another process may be at the same
        others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
        for path in others[MOST_KEPT - 1 :]:
            path.unlink()
