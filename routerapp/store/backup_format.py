"""The file a backup is: a gzipped tar of manifest, sealed secrets, journal and database. docs/operations.md describes it.

The secrets are sealed under a passphrase (scrypt, then Fernet) together with the digests of all the rest, so that a backup somebody
has changed is refused. Nothing here knows where a data folder is.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

FORMAT = 1
MANIFEST, SECRETS, DATABASE = "manifest.json", "secrets.json", "database.sqlite3"
# What an archive may hold besides, by path inside the data folder.
JOURNAL = re.compile(r"(?:spool/[0-9A-Za-z._-]{1,80}/\d{8}\.log|refused/[0-9A-Za-z._-]{1,200}\.bin)\Z")
SECRET_FILES = ("root.key", "first-key")
MAX_MANIFEST_BYTES = 16 * 1024 * 1024
MAX_SECRETS_BYTES = 16 * 1024 * 1024
LEAST_PASSPHRASE = 12
# About 0.3 s and 128 MiB for each guess.
SCRYPT_N, SCRYPT_R, SCRYPT_P = 2**17, 8, 1
CHUNK_BYTES = 1024 * 1024


class BadBackup(ValueError):
    """This file is no backup, is damaged, or cannot be opened so; the message says which."""


class FileEntry(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """migrations: per Django app the newest applied one. is_sealed: the secrets need a passphrase."""

    format: int
    product_version: str
    engine_version: str
    made_at: str
    migrations: dict[str, list[str]]
    files: dict[str, FileEntry]
    is_sealed: bool


class Seal(msgspec.Struct, frozen=True):
    """salt and token are base64 and a Fernet token of the secrets."""

    salt: str
    n: int
    r: int
    p: int
    token: str


class Secrets(msgspec.Struct, frozen=True):
    """files: content of the secret files in base64. digest: of everything else in the backup."""

    files: dict[str, str]
    digest: str


def digest_of(files: Mapping[str, FileEntry]) -> str:
    """One digest over the digests of every file but the secrets, in the order of their names."""
    lines = [f"{name}\0{entry.sha256}\0{entry.bytes}\n" for name, entry in sorted(files.items()) if name != SECRETS]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def seal(content: Secrets, passphrase: str) -> bytes:
    salt = secrets.token_bytes(16)
    fernet = _fernet(passphrase, salt, SCRYPT_N, SCRYPT_R, SCRYPT_P)
    token = fernet.encrypt(msgspec.json.encode(content)).decode()
    return msgspec.json.encode(Seal(_text(salt), SCRYPT_N, SCRYPT_R, SCRYPT_P, token))


def unseal(sealed: bytes, passphrase: str) -> Secrets:
    """Raises BadBackup for a wrong passphrase and for a seal nobody here made."""
    try:
        outer = msgspec.json.decode(sealed, type=Seal)
        # Another's numbers could ask for any amount of memory and time.
        if (outer.n, outer.r, outer.p) != (SCRYPT_N, SCRYPT_R, SCRYPT_P):
            raise BadBackup("Its secrets are sealed in a way this version does not know.")
        content = _fernet(passphrase, base64.b64decode(outer.salt), outer.n, outer.r, outer.p).decrypt(
            outer.token.encode()
        )
    except InvalidToken:
        raise BadBackup("That is not the passphrase of this backup, or its secrets were changed.") from None
    except (msgspec.DecodeError, ValueError) as error:
        raise BadBackup(f"Its secrets cannot be read: {error}") from None
    return parse_secrets(content)


def parse_secrets(content: bytes) -> Secrets:
    try:
        found = msgspec.json.decode(content, type=Secrets)
    except msgspec.DecodeError as error:
        raise BadBackup(f"Its secrets cannot be read: {error}") from None
    if not set(found.files) <= set(SECRET_FILES) or "root.key" not in found.files:
        raise BadBackup(f"Its secrets must be {' and '.join(SECRET_FILES)}, the first at least.")
    return found


def parse_manifest(content: bytes) -> Manifest:
    try:
        manifest = msgspec.json.decode(content, type=Manifest)
    except msgspec.DecodeError as error:
        raise BadBackup(f"Its manifest cannot be read: {error}") from None
    if manifest.format != FORMAT:
        raise BadBackup(f"It is in format {manifest.format}; this version reads format {FORMAT}.")
    strange = [name for name in manifest.files if name not in (SECRETS, DATABASE) and not JOURNAL.match(name)]
    if strange:
        raise BadBackup(f"It names a file no backup holds: {strange[0][:100]!r}.")
    if not {SECRETS, DATABASE} <= set(manifest.files):
        raise BadBackup("It names no database or no secrets.")
    return manifest


def entry_of(path: Path) -> FileEntry:
    """Digest and size of a file, read in pieces."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            digest.update(piece)
            size += len(piece)
    return FileEntry(digest.hexdigest(), size)


def _fernet(passphrase: str, salt: bytes, n: int, r: int, p: int) -> Fernet:
    key = Scrypt(salt=salt, length=32, n=n, r=r, p=p).derive(passphrase.encode())
    return Fernet(base64.urlsafe_b64encode(key))


def _text(content: bytes) -> str:
    return base64.b64encode(content).decode()
