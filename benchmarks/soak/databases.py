"""The database of a soak: how it goes away for a while, and how its rows are read afterwards."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

# Holds the write lock until its standard input ends: every write of the product waits its five seconds and fails.
LOCKER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
sys.stdin.read()
database.rollback()
"""


class Database(Protocol):
    name: str

    def variables(self) -> dict[str, str]:
        """What the product's environment needs."""

    def stop(self) -> None: ...

    def start(self) -> None: ...

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]: ...

    def close(self) -> None: ...


class SQLite:
    """Stopped: a second process holds its exclusive lock, so that nothing can be written."""

    name = "SQLite, locked by another process"

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "signalbox.sqlite3"
        self._locker: subprocess.Popen[str] | None = None

    def variables(self) -> dict[str, str]:
        return {}

    def stop(self) -> None:
        self._locker = subprocess.Popen(
            [sys.executable, "-c", LOCKER, str(self._path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._locker.stdout is not None
        if self._locker.stdout.readline() != "locked\n":
            raise RuntimeError("the database could not be locked")

    def start(self) -> None:
        if self._locker is not None:
            self._locker.communicate()
            self._locker = None

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        database = sqlite3.connect(self._path, timeout=60)
        try:
            yield from database.execute(query)
        finally:
            database.close()

    def close(self) -> None:
        self.start()


class Server:
    """PostgreSQL from the wheel that tests use; stopped at once, as when its machine goes."""

    name = "PostgreSQL, stopped"

    def __init__(self) -> None:
        from tests.postgresql import PostgreSQL

        self._server = PostgreSQL().__enter__()
        self._url = self._server.create("soak")

    def variables(self) -> dict[str, str]:
        return {"SIGNALBOX_DATABASE_URL": self._url}

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    def rows(self, query: str) -> Iterator[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self._url) as connection, connection.cursor(name="soak") as cursor:
            cursor.itersize = 10_000
            cursor.execute(query)  # type: ignore[call-overload,unused-ignore]
            yield from cursor

    def close(self) -> None:
        self._server.close()


def open_database(kind: str, data_dir: Path) -> Database:
    return Server() if kind == "postgresql" else SQLite(data_dir)
