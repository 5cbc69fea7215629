"""The drainer process: journal to database, for ever, or once with --once. Exactly one per data folder."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from django.utils import timezone

from routerapp.management.heartbeat import Heartbeat
from routerapp.management.parent import exit_with_parent
from routerapp.serving.huge_pages import settle_memory
from routerapp.store.drain import Drainer, DrainerRunning

NICENESS = 5
# The supervisor waits a little longer.
LAST_SECONDS = 15.0


class Progress:
    """What the drainer has done since it started, for its heartbeat."""

    def __init__(self) -> None:
        self._committed = 0
        self._last_commit_at = ""

    def note(self, committed: int) -> None:
        if committed:
            self._committed += committed
            self._last_commit_at = timezone.now().isoformat(timespec="seconds")

    def state(self) -> dict[str, Any]:
        return {"committed": self._committed, "last_commit_at": self._last_commit_at}


def _take_the_rest(drainer: Drainer) -> None:
    """What the gateway wrote while it stopped. A longer backlog, and all of it while the database is away, waits for the next start."""
    deadline = time.monotonic() + LAST_SECONDS
    with contextlib.suppress(DatabaseError, OSError):
        drainer.drain_once(lambda: time.monotonic() > deadline)


class Command(BaseCommand):
    help = "Carries journalled requests from the spool into the database."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="take what is there now, then exit")

    def handle(self, *args: Any, **options: Any) -> None:
        exit_with_parent()
        stop = threading.Event()
        progress = Progress()
        heartbeat = Heartbeat("drainer", progress.state)

        def on_round(committed: int) -> None:
            progress.note(committed)
            heartbeat.beat()

        # A long catching up beats too.
        on_transaction = None if options["once"] else lambda seconds: heartbeat.beat()
        try:
            with Drainer("default", settings.DATA_DIR, on_transaction=on_transaction) as drainer:
                if options["once"]:
                    self.stdout.write(f"{drainer.drain_once()} entries committed")
                    return
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda *_: stop.set())
                # Answering comes first where processors are few; the journal waits on disk.
                os.nice(NICENESS)
                settle_memory()
                with heartbeat:
                    drainer.run_forever(stop, on_round)
                    _take_the_rest(drainer)
        except DrainerRunning as error:
            raise CommandError(str(error)) from None
