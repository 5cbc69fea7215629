"""The root secret: one file in the data folder (0600) from which every other key is derived by purpose.

Rotating puts a new secret in front and keeps the older ones until nothing is encrypted with them. The pepper of keyed hashes never
changes, so that API keys and recorded hashes of users go on working. Nothing here logs or quotes a secret.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

FILE_NAME = "root.key"
SECRET_BYTES = 32
PEPPER, OLD = "pepper", "old"


class BadRootSecret(ValueError):
    """The file is not one of ours, or damaged."""


@dataclass(frozen=True, slots=True)
class RootSecret:
    """primary encrypts. old: what may still have to be decrypted, newest first. pepper: what keyed hashes are made with, for good."""

    primary: bytes = field(repr=False)
    pepper: bytes = field(repr=False)
    old: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def is_rotating(self) -> bool:
        return bool(self.old)


def derive_key(secret: bytes, purpose: str) -> bytes:
    """32 bytes for one purpose; no two purposes share a key (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=b"signalbox/" + purpose.encode()).derive(secret)


def read_root_secret(path: Path) -> RootSecret:
    """Raises BadRootSecret or OSError."""
    return parse_root_secret(path.read_bytes())


def make_root_secret(path: Path) -> None:
    """Written aside and linked: a second process never sees half a key, and the first one wins."""
    aside = _write_aside(path, RootSecret(fresh := secrets.token_bytes(SECRET_BYTES), fresh))
    with contextlib.suppress(FileExistsError):
        os.link(aside, path)
    aside.unlink()


def replace_root_secret(path: Path, secret: RootSecret) -> None:
    """The old file or the new one, also after a crash or a power cut."""
    os.replace(_write_aside(path, secret), path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def begin_rotation(secret: RootSecret) -> RootSecret:
    """A new primary in front of everything there was."""
    return RootSecret(secrets.token_bytes(SECRET_BYTES), secret.pepper, (secret.primary, *secret.old))


def end_rotation(secret: RootSecret) -> RootSecret:
    return RootSecret(secret.primary, secret.pepper)


def root_secret_text(secret: RootSecret) -> bytes:
    """First line the primary; then, where they differ from it, the pepper and the old ones by name."""
    lines = [_text(secret.primary)]
    if secret.pepper != secret.primary:
        lines.append(f"{PEPPER} {_text(secret.pepper)}")
    lines += [f"{OLD} {_text(one)}" for one in secret.old]
    return "\n".join(lines).encode()


def parse_root_secret(content: bytes) -> RootSecret:
    """Raises BadRootSecret, without quoting what was read."""
    try:
        first, *rest = content.decode("ascii").split("\n")
        primary = _secret(first)
        named = [line.split(" ") for line in rest if line]
        peppers = [_secret(value) for name, value in named if name == PEPPER]
        old = [_secret(value) for name, value in named if name == OLD]
    except (ValueError, binascii.Error):
        raise BadRootSecret("it does not hold 32 bytes in base64 a line") from None
    if len(peppers) > 1 or len(peppers) + len(old) != len(named):
        raise BadRootSecret(f"it has a line that is neither a secret nor {PEPPER} nor {OLD}")
    return RootSecret(primary, peppers[0] if peppers else primary, tuple(old))


def _text(secret: bytes) -> str:
    return base64.urlsafe_b64encode(secret).decode()


def _secret(text: str) -> bytes:
    secret = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    if len(secret) != SECRET_BYTES:
        raise ValueError("not 32 bytes")
    return secret


def _write_aside(path: Path, secret: RootSecret) -> Path:
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(root_secret_text(secret))
        file.flush()
        os.fsync(file.fileno())
    return aside
