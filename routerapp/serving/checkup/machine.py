"""Checks of the machine and the data folder: versions, disk, permissions, the root secret, the clock."""

from __future__ import annotations

import platform
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection
from django.utils import timezone

from routerapp.models import RoutedRequest
from routerapp.root_secret import FILE_NAME as ROOT_SECRET
from routerapp.serving.checkup.finding import Finding, well, worth_a_look, wrong
from routerapp.serving.system_state import read_folder, read_versions
from routerapp.store.config_document import unix_ms
from routerapp.store.secrets import WrongDataFolder, check_canary

LEAST_PYTHON = (3, 11)
LEAST_SQLITE = (3, 35, 0)
LEAST_POSTGRESQL = 14
GIB = 1024**3
FEW_BYTES, FEWEST_BYTES = 2 * GIB, GIB // 4
CLOCK_AHEAD_MS = 60_000
FOR_OTHERS = 0o077


def versions() -> Iterator[Finding]:
    python = platform.python_version()
    if sys.version_info < LEAST_PYTHON:
        yield wrong(
            "python", f"Python {python} is too old.", "Install Python 3.11 or newer and make the environment anew."
        )
    else:
        yield well("python", f"Python {python}")
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        yield wrong("sqlite", f"SQLite {sqlite3.sqlite_version} is too old.", "Use a Python with SQLite 3.35 or newer.")
    else:
        yield well("sqlite", f"SQLite {sqlite3.sqlite_version}")


def server() -> Iterator[Finding]:
    """Nothing to say where the database is a file."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('synchronous_commit')")
        version, commit = cursor.fetchone()
    if int(version.split(".")[0]) < LEAST_POSTGRESQL:
        yield wrong("postgresql", f"PostgreSQL {version} is too old.", f"Use {LEAST_POSTGRESQL} or newer.")
    elif commit == "off":
        words = f"PostgreSQL {version} with synchronous_commit off: a crash takes back the last changes of people."
        yield worth_a_look("postgresql", words, "Switch it on. Recorded requests are safe either way.")
    else:
        yield well("postgresql", f"PostgreSQL {version}")


def disk() -> Iterator[Finding]:
    folder = read_folder(settings.DATA_DIR)
    free = f"{folder.free_bytes / GIB:,.1f} GiB free for {folder.path}"
    to_do = "Free space, or keep less: see `purge` and the retention settings."
    if folder.free_bytes < FEWEST_BYTES:
        yield wrong("disk", free, to_do)
    elif folder.free_bytes < FEW_BYTES:
        yield worth_a_look("disk", free, to_do)
    else:
        yield well("disk", free)


def permissions() -> Iterator[Finding]:
    """Everything but static files is for the owner alone."""
    folder = settings.DATA_DIR
    secret = folder / ROOT_SECRET
    if secret.exists() and secret.stat().st_mode & FOR_OTHERS:
        yield wrong("permissions", f"{secret} can be read by others.", f"chmod 600 {secret}, then rotate_secrets.")
    kept = [folder, *(path for path in _kept(folder) if path != secret)]
    open_to_others = [str(path.relative_to(folder.parent)) for path in kept if path.stat().st_mode & FOR_OTHERS]
    if open_to_others:
        shown = ", ".join(open_to_others[:3]) + (" …" if len(open_to_others) > 3 else "")
        yield worth_a_look("permissions", f"Open to others: {shown}", f"chmod -R go= {folder}")
    else:
        yield well("permissions", f"{folder} is for its owner alone")


def root_secret() -> Iterator[Finding]:
    try:
        check_canary()
    except WrongDataFolder as error:
        yield wrong("root secret", str(error), "Restore the backup that belongs to this database.")
        return
    if settings.ENVIRONMENT.old_secrets:
        yield worth_a_look(
            "root secret", "A rotation was begun and not finished.", "Stop Signalbox and run rotate_secrets again."
        )
    else:
        yield well("root secret", "The database was made with this folder's secret")


def migrations() -> Iterator[Finding]:
    found = read_versions()
    if found.pending:
        yield wrong(
            "migrations", f"Not applied yet: {', '.join(found.pending[:5])}", "Start Signalbox; it applies them."
        )
    else:
        yield well("migrations", f"The database is at {found.schema}")


def clock() -> Iterator[Finding]:
    newest = RoutedRequest.objects.order_by("-at_ms").values_list("at_ms", flat=True).first() or 0
    ahead_ms = newest - unix_ms(timezone.now())
    if ahead_ms > CLOCK_AHEAD_MS:
        yield wrong(
            "clock",
            f"The newest request lies {ahead_ms // 1000:,} seconds in the future: the clock was set back.",
            "Set the clock and keep it set (NTP): budgets and charts go by it.",
        )
    else:
        yield well("clock", f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC, later than all that is recorded")


def _kept(folder: Path) -> Iterator[Path]:
    """Files and folders a few levels deep, without the pages' public files."""
    for path in sorted(folder.iterdir()):
        if path.name == "static":
            continue
        yield path
        if path.is_dir():
            yield from sorted(path.rglob("*"))[:500]
