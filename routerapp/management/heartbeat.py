"""Heartbeat of a process that is no gateway worker: a row saying it lives and what it last did, for the System page and `doctor`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection

from routerapp.store.workers import report_worker, retire_worker

EVERY_SECONDS = 5.0


def name_of_process(role: str) -> str:
    """The same after a restart. Where several machines share a database, it also says which one and of which data folder."""
    if connection.vendor == "sqlite":
        return role
    folder = hashlib.sha256(str(settings.DATA_DIR).encode()).hexdigest()[:6]
    return f"{role} {socket.gethostname()[:40]} {folder}"


class Heartbeat:
    """Use as a context manager. beat() writes at most every few seconds; state gives plain values to report besides the process id."""

    def __init__(
        self,
        role: str,
        state: Callable[[], dict[str, Any]] = dict,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._role = role
        self._worker = name_of_process(role)
        self._state = state
        self._monotonic = monotonic
        self._beaten_at = float("-inf")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(self, *_: object) -> None:
        """The process ends in good order: its row goes."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(EVERY_SECONDS)
        with contextlib.suppress(DatabaseError):
            retire_worker(self._worker)

    def beat(self) -> None:
        """A database that is away has other ways to be noticed."""
        if self._monotonic() - self._beaten_at < EVERY_SECONDS:
            return
        self._beaten_at = self._monotonic()
        with contextlib.suppress(DatabaseError):
            report_worker(self._worker, "", 0, {"role": self._role, "pid": os.getpid(), **self._state()})

    def keep_beating(self) -> None:
        """In a thread with a connection of its own, for a process whose main thread may be busy for long."""
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            self.beat()
        connection.close()
