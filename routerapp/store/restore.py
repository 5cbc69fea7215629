"""Puts a backup into an empty data folder: everything is unpacked aside, checked, and only then moved into place."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.db import connection
from django.db.migrations.loader import MigrationLoader

from routerapp.root_secret import FILE_NAME as ROOT_SECRET
from routerapp.root_secret import BadRootSecret, RootSecret, parse_root_secret
from routerapp.store import secrets
from routerapp.store.backup_format import (
    CHUNK_BYTES,
    DATABASE,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    MAX_SECRETS_BYTES,
    SECRETS,
    BadBackup,
    FileEntry,
    Manifest,
    Secrets,
    digest_of,
    parse_manifest,
    parse_secrets,
    unseal,
)
from routerapp.store.transfer import is_used, make_tables, sqlite_file, transfer

# Held or made by the process that restores; nothing of anybody's.
OURS = frozenset({ROOT_SECRET, "run.lock", "drainer.lock"})
STAGING = ".restoring"


class FolderNotEmpty(BadBackup):
    """Restoring never mixes with what is there."""


@dataclass(frozen=True, slots=True)
class Restored:
    manifest: Manifest
    secret: RootSecret


def refuse_used_folder(folder: Path, *, is_new: bool) -> None:
    """is_new: this process made the folder's root secret, so that it belongs to nothing."""
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith(STAGING))
    foreign = [name for name in found if name not in OURS]
    if foreign:
        raise FolderNotEmpty(
            f"{folder} is not empty (it holds {', '.join(foreign[:5])}). Restore into an empty folder."
        )
    if ROOT_SECRET in found and not is_new:
        raise FolderNotEmpty(
            f"{folder} holds a {ROOT_SECRET} from before. If no database anywhere was made with it, delete it and try again."
        )


def restore_backup(backup: Path, folder: Path, passphrase: str | None) -> Restored:
    """Raises BadBackup, with the folder as it was, for anything that is not exactly what was backed up or is too new for us."""
    refuse_used_database()
    with tempfile.TemporaryDirectory(dir=folder, prefix=STAGING) as name:
        staging = Path(name)
        manifest = _unpack(backup, staging)
        found = _open_secrets((staging / SECRETS).read_bytes(), manifest, passphrase)
        secret = _root_secret(found)
        refuse_newer_schema(manifest)
        _check_database(staging / DATABASE, secret)
        if connection.vendor != "sqlite":
            _fill_server(staging / DATABASE)
        _move(staging, folder, manifest, found)
    return Restored(manifest, secret)


def refuse_used_database() -> None:
    """A server's; a database in a file is in the folder."""
    if connection.vendor != "sqlite" and is_used("default"):
        raise FolderNotEmpty(
            f"The database {connection.settings_dict['NAME']} is not empty. Restore into an empty one, made for it."
        )


def refuse_newer_schema(manifest: Manifest) -> None:
    """A database that has seen migrations we do not have was made by a newer version."""
    known = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    newer = [
        f"{app}.{name}" for app, names in manifest.migrations.items() for name in names if (app, name) not in known
    ]
    if newer:
        raise BadBackup(
            f"It was made by a newer Signalbox ({manifest.product_version}): its database has {', '.join(newer[:3])}. "
            "Restore with that version or a later one."
        )


def _unpack(backup: Path, staging: Path) -> Manifest:
    """Every file the manifest names, whole and with its digest; nothing else."""
    try:
        with tarfile.open(backup, mode="r:gz") as tar:
            manifest = parse_manifest(_read_small(tar, _next(tar, MANIFEST), MAX_MANIFEST_BYTES))
            left = dict(manifest.files)
            while (member := tar.next()) is not None:
                entry = left.pop(member.name, None)
                if entry is None or not member.isfile():
                    raise BadBackup(f"It holds a file its manifest does not name: {member.name[:100]!r}.")
                _copy_member(tar, member, entry, staging / member.name)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise BadBackup(f"{backup.name} cannot be read: {error}") from None
    if left:
        raise BadBackup(f"It is cut short: {next(iter(left))} is missing.")
    return manifest


def _next(tar: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    member = tar.next()
    if member is None or member.name != name or not member.isfile():
        raise BadBackup("It does not begin with a manifest: this is not a backup of Signalbox.")
    return member


def _read_small(tar: tarfile.TarFile, member: tarfile.TarInfo, most_bytes: int) -> bytes:
    if member.size > most_bytes:
        raise BadBackup(f"{member.name} is longer than {most_bytes:,} bytes.")
    return _opened(tar, member).read()


def _copy_member(tar: tarfile.TarFile, member: tarfile.TarInfo, entry: FileEntry, target: Path) -> None:
    if member.size != entry.bytes or (member.name == SECRETS and member.size > MAX_SECRETS_BYTES):
        raise BadBackup(f"{member.name} has not the size its manifest says.")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    content = _opened(tar, member)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        while piece := content.read(CHUNK_BYTES):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != entry.sha256:
        raise BadBackup(f"{member.name} was changed: its digest is not the one in the manifest.")


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    if content is None:
        raise BadBackup(f"{member.name[:100]!r} is not a plain file.")
    return content


def _open_secrets(content: bytes, manifest: Manifest, passphrase: str | None) -> Secrets:
    if manifest.is_sealed and not passphrase:
        raise BadBackup("Its secrets are sealed: the passphrase is needed.")
    found = unseal(content, passphrase or "") if manifest.is_sealed else parse_secrets(content)
    if found.digest != digest_of(manifest.files):
        raise BadBackup("Its files are not those it was made with: somebody has changed the backup.")
    return found


def _root_secret(found: Secrets) -> RootSecret:
    try:
        return parse_root_secret(base64.b64decode(found.files[ROOT_SECRET]))
    except (BadRootSecret, ValueError) as error:
        raise BadBackup(f"Its {ROOT_SECRET} cannot be used: {error}.") from None


def _check_database(path: Path, secret: RootSecret) -> None:
    """Whole, and made with this very secret; afterwards without the heartbeats of processes that are not here."""
    try:
        with closing(sqlite3.connect(path)) as database:
            result = database.execute("PRAGMA quick_check(1)").fetchone()
            if result != ("ok",):
                raise BadBackup(f"Its database is damaged: {result}")
            row = database.execute("SELECT canary FROM routerapp_installationstate WHERE id = 1").fetchone()
            database.execute("DELETE FROM routerapp_workerreport")
            database.commit()
            database.execute("PRAGMA journal_mode=WAL")
    except sqlite3.DatabaseError as error:
        raise BadBackup(f"Its database cannot be read: {error}") from None
    if row and row[0] and not secrets.opens(secrets.CANARY, row[0], secret):
        raise BadBackup("Its database was not made with the root secret beside it.")


def _fill_server(path: Path) -> None:
    """All rows in one transaction: when one is refused, the server's database stays without rows."""
    with sqlite_file(path) as copy:
        # It may be of an older version.
        make_tables(copy)
        make_tables("default")
        transfer(copy, "default")


def _move(staging: Path, folder: Path, manifest: Manifest, found: Secrets) -> None:
    """The root secret last but one, the database last: a folder without it is plainly not restored. A server's is filled already."""
    for name in sorted(set(manifest.files) - {SECRETS, DATABASE}):
        (folder / name).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.replace(staging / name, folder / name)
    for name, content in found.files.items():
        aside = staging / f"{name}.secret"
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(base64.b64decode(content))
        os.replace(aside, folder / name)
    if connection.vendor == "sqlite":
        shutil.move(staging / DATABASE, Path(connection.settings_dict["NAME"]))
