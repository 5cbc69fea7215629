"""The last good snapshot on disk, so that a worker starts and serves while the database is down, for a bounded age.

One file, mode 0600: magic, HMAC-SHA-256 under a derived key, msgpack. Credentials in it are ciphertext, keys are hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import tempfile
from pathlib import Path

import msgspec

from routerapp.store.secrets import derived_key
from routerapp.store.snapshot import Snapshot, SnapshotParts, assemble_snapshot

MAGIC = b"signalbox-snapshot-1\n"
MAC_LENGTH = 32
FILE_NAME = "snapshot.last-good"


class NoLastGood(Exception):
    """There is no last good snapshot that may be used; the message says why."""


class _Saved(msgspec.Struct, frozen=True):
    saved_at_ms: int
    parts: SnapshotParts


def save_last_good(snapshot: Snapshot, path: Path, now_ms: int) -> None:
    """Replaces the file whole: a crash leaves the old one or the new one."""
    payload = msgspec.msgpack.encode(_Saved(now_ms, snapshot.parts))
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:  # mkstemp opens with mode 0600
            file.write(MAGIC + _mac(payload) + payload)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def load_last_good(path: Path, now_ms: int, max_age_seconds: int) -> Snapshot:
    """The snapshot saved last; raises NoLastGood when there is none, it is too old, damaged or another data folder's."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise NoLastGood(f"{path} does not exist.") from None
    head = len(MAGIC) + MAC_LENGTH
    payload = content[head:]
    if not content.startswith(MAGIC) or not hmac.compare_digest(_mac(payload), content[len(MAGIC) : head]):
        raise NoLastGood(f"{path} is damaged or was written with another data folder's key.")
    saved = msgspec.msgpack.decode(payload, type=_Saved)
    age_seconds = (now_ms - saved.saved_at_ms) // 1000
    if age_seconds > max_age_seconds:
        raise NoLastGood(f"{path} is {age_seconds} seconds old; at most {max_age_seconds} are allowed.")
    return assemble_snapshot(saved.parts)


def _mac(payload: bytes) -> bytes:
    return hmac.new(derived_key("last-good-snapshot"), MAGIC + payload, hashlib.sha256).digest()
