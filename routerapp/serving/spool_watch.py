"""Looks at the spool once a second, apart from the database, and says when it fills up: once for each step up, and once when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

from routerapp.serving.runtime import Runtime
from routerapp.store.spool_bound import Level, SpoolUse

EVERY_SECONDS = 1.0
# So far below a level before it counts as left: a spool that goes up and down around it is told of once.
MARGIN = 0.05
MIB = 1024**2
log = logging.getLogger(__name__)


def watch_spool(runtime: Runtime) -> Callable[[], Awaitable[None]]:
    """Starts to look; returns what ends it."""
    thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spool")
    watching = asyncio.create_task(_watch(runtime, thread))

    async def stop() -> None:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        thread.shutdown(wait=False)

    return stop


async def _watch(runtime: Runtime, thread: ThreadPoolExecutor) -> None:
    loop, crier = asyncio.get_running_loop(), Crier()
    while True:
        try:
            crier.hear(await loop.run_in_executor(thread, runtime.journal.measure))
        except OSError as error:
            crier.cannot_look(error)
        await asyncio.sleep(EVERY_SECONDS)


class Crier:
    def __init__(self) -> None:
        self._level = Level.ROOMY
        self._is_blind = False

    def hear(self, use: SpoolUse) -> None:
        self._is_blind = False
        level = use.level
        if level > self._level:
            self._level = level
            say = log.warning if level == Level.FILLING else log.critical if level == Level.FULL else log.error
            say("%s", _words(level, use))
        elif level < self._level and 100 * (use.share + MARGIN) < self._level:
            self._level = level
            log.warning("The journal has room again: %s.", _amount(use))

    def cannot_look(self, error: OSError) -> None:
        if not self._is_blind:
            log.error("How full the journal is cannot be seen: %s.", error)
        self._is_blind = True


def _words(level: Level, use: SpoolUse) -> str:
    what = {
        Level.FILLING: "The journal is half full",
        Level.ALARMING: "The journal is nearly full",
        Level.FULL: "The journal is full, and new requests are refused or served unrecorded, as the settings say",
    }[level]
    return f"{what}: {_amount(use)} wait for the database. See whether the drainer runs and the database takes writes."


def _amount(use: SpoolUse) -> str:
    return f"{use.bytes_used / MIB:,.0f} of {use.most_bytes / MIB:,.0f} MiB"
