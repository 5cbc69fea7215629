"""Makes a backup of a data folder while the product runs on it: one file that restores to the same decisions, numbers, people and keys.

The journal is copied before the database: what is drained in between is then in both, and the drainer takes an entry only once.
"""

from __future__ import annotations

import base64
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from routerapp.engine.types import ENGINE_VERSION
from routerapp.store.backup_format import (
    CHUNK_BYTES,
    DATABASE,
    FORMAT,
    LEAST_PASSPHRASE,
    MANIFEST,
    SECRET_FILES,
    SECRETS,
    BadBackup,
    FileEntry,
    Manifest,
    Secrets,
    digest_of,
    entry_of,
    seal,
)
from routerapp.store.spool import boot_folders
from routerapp.store.transfer import make_tables, sqlite_file, transfer
from routerapp.version import PRODUCT_VERSION

COMPRESSION = 4


@dataclass(frozen=True, slots=True)
class Made:
    path: Path
    bytes: int
    manifest: Manifest


def make_backup(folder: Path, target: Path, passphrase: str | None) -> Made:
    """passphrase None puts the secrets in plain. The target appears whole and for its owner only, or not at all.

    Raises BadBackup for a passphrase that is too short and a target that exists, OSError when the disk refuses.
    """
    if passphrase is not None and len(passphrase) < LEAST_PASSPHRASE:
        raise BadBackup(f"The passphrase must have at least {LEAST_PASSPHRASE} characters.")
    if target.exists():
        raise BadBackup(f"{target} exists already; a backup never replaces a file.")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}.") as name:
        staging = Path(name)
        files = {relative: entry_of(staging / relative) for relative in _copy_journal(folder, staging)}
        _copy_database(staging / DATABASE)
        files[DATABASE] = entry_of(staging / DATABASE)
        (staging / SECRETS).write_bytes(_secrets(folder, files, passphrase))
        files[SECRETS] = entry_of(staging / SECRETS)
        manifest = _manifest(files, is_sealed=passphrase is not None)
        (staging / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
        archive = staging / "archive"
        _pack(staging, [MANIFEST, SECRETS, *sorted(set(files) - {SECRETS, DATABASE}), DATABASE], archive)
        size = archive.stat().st_size
        # Fails, rather than replaces, when the target has come into being meanwhile.
        os.link(archive, target)
    return Made(target, size, manifest)


def applied_migrations() -> dict[str, list[str]]:
    """Every migration this database has seen, by app."""
    found: dict[str, list[str]] = {}
    for app, name in sorted(MigrationRecorder(connection).applied_migrations()):
        found.setdefault(app, []).append(name)
    return found


def _copy_journal(folder: Path, staging: Path) -> Iterator[str]:
    """Segments and refused bytes as they are now; a segment that goes meanwhile is in the database already."""
    sources = [path for boot in boot_folders(folder / "spool") for path in sorted(boot.glob("*.log"))]
    sources += sorted((folder / "refused").glob("*.bin"))
    for source in sources:
        relative = source.relative_to(folder)
        target = staging / relative
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(source, target)
        except FileNotFoundError:
            continue
        yield str(relative)


def _copy_database(target: Path) -> None:
    """As one read transaction sees it, always as a file of SQLite: a backup can be restored into either database.

    In WAL mode, copied in one go, it neither waits for writers nor holds them up; nor does reading PostgreSQL.
    """
    if connection.vendor != "sqlite":
        with sqlite_file(target) as copy:
            make_tables(copy)
            transfer("default", copy)
        return
    name = str(connection.settings_dict["NAME"])
    if not Path(name).exists():
        raise BadBackup(f"There is no database {name} yet.")
    source = sqlite3.connect(f"file:{name}?mode=ro", uri=True, timeout=30)
    taken = sqlite3.connect(target)
    try:
        source.backup(taken, pages=-1)
        # One file, not three: the copy is nobody's to write to until it is restored.
        taken.execute("PRAGMA journal_mode=DELETE")
    finally:
        taken.close()
        source.close()


def _secrets(folder: Path, files: dict[str, FileEntry], passphrase: str | None) -> bytes:
    kept = {name: folder / name for name in SECRET_FILES if (folder / name).exists()}
    content = {name: base64.b64encode(path.read_bytes()).decode() for name, path in kept.items()}
    found = Secrets(files=content, digest=digest_of(files))
    return msgspec.json.encode(found) if passphrase is None else seal(found, passphrase)


def _manifest(files: dict[str, FileEntry], *, is_sealed: bool) -> Manifest:
    return Manifest(
        format=FORMAT,
        product_version=PRODUCT_VERSION,
        engine_version=ENGINE_VERSION,
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        migrations=applied_migrations(),
        files=dict(sorted(files.items())),
        is_sealed=is_sealed,
    )


def _pack(staging: Path, names: list[str], archive: Path) -> None:
    descriptor = os.open(archive, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb", buffering=CHUNK_BYTES) as file:
        with tarfile.open(fileobj=file, mode="w:gz", compresslevel=COMPRESSION) as tar:
            for name in names:
                member = tarfile.TarInfo(name)
                member.size, member.mode = (staging / name).stat().st_size, 0o600
                with (staging / name).open("rb") as content:
                    tar.addfile(member, content)
        file.flush()
        os.fsync(file.fileno())
