"""Opens a Runtime for one worker process and keeps its snapshot fresh: the only place that reads settings and starts background tasks."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from django.db import DatabaseError, connections

from routerapp.engine.config import Config
from routerapp.engine.problems import ConfigError, PolicyError
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import Clock, SystemClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.egress import EgressGuard
from routerapp.providers.presets import presets
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.huge_pages import settle_memory
from routerapp.serving.meeting import meet_siblings
from routerapp.serving.predicting import Predicting, open_predicting
from routerapp.serving.runtime import Runtime
from routerapp.serving.spend_together import keep_spend_together
from routerapp.serving.spool_watch import watch_spool
from routerapp.serving.watching import watch
from routerapp.serving.worker_place import identity, read_place
from routerapp.store.journal import Journal
from routerapp.store.last_good import FILE_NAME, NoLastGood, load_last_good, save_last_good
from routerapp.store.limits import CallerLimits
from routerapp.store.live import LiveState
from routerapp.store.shared.limits import SharedLimits
from routerapp.store.snapshot import Snapshot, current_serial, load_snapshot
from routerapp.store.undrained import spend_of_callers, spend_of_rows
from routerapp.store.workers import report_worker, retire_worker

# A publish is live everywhere within two seconds also where many processes share few processors.
POLL_SECONDS = 0.4
REPORT_SECONDS = 1.0
THREADS, THREADS_MEET_SECONDS = 2, 2.0
SAVE_LAST_GOOD_SECONDS = 60.0
PREDICTOR_SECONDS = 60.0
MAX_LAST_GOOD_AGE_SECONDS = 24 * 3600
SPOOL_FOLDER = "spool"

log = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")


async def open_runtime(settings: Any) -> Runtime:
    """Reads the snapshot (or the last good one while the database is down) and starts polling. settings: Django's."""
    # Read now, so that no request waits for the file.
    presets()
    clock = SystemClock()
    valkey = settings.ENVIRONMENT.valkey
    runtime = Runtime(
        clock=clock,
        live=LiveState(),
        journal=Journal(
            settings.DATA_DIR / SPOOL_FOLDER,
            bound_bytes=settings.ENVIRONMENT.journal.spool_max_bytes,
            is_synced=settings.ENVIRONMENT.journal.is_synced,
        ),
        transport=make_transport(settings.ENVIRONMENT.egress_allow, clock),
        limits=CallerLimits() if valkey is None else SharedLimits(),
    )
    runtime.place = read_place()
    keeper = SnapshotKeeper(runtime, settings.DATA_DIR / FILE_NAME, identity(runtime.place, settings.ENVIRONMENT.port))
    runtime.in_thread = keeper.in_thread
    runtime.reload = keeper.reload
    await keeper.start()
    runtime.on_close += [keeper.stop, watch_spool(runtime)]
    if valkey is not None:
        # Its client is loaded only where it is used.
        from routerapp.serving.sharing import share

        runtime.shared = share(runtime, valkey)
        await runtime.shared.start()
        runtime.on_close.insert(0, runtime.shared.stop)
    environment = settings.ENVIRONMENT
    await meet_siblings(runtime)
    keep_spend_together(runtime)
    watch(runtime, environment.observability, environment.egress_allow, settings.DATA_DIR)
    settle_memory()
    return runtime


def make_transport(egress_allow: tuple[str, ...], clock: Clock) -> DispatchTransport:
    return DispatchTransport(HttpTransport(EgressGuard(egress_allow), clock), SimulatedTransport(clock))


class SnapshotKeeper:
    """Asks the database all the time, in a thread, whether there is a newer configuration; writes the worker's heartbeat."""

    def __init__(self, runtime: Runtime, last_good: Path, identity: Mapping[str, Any] | None = None) -> None:
        self._runtime = runtime
        self._last_good = last_good
        self._identity = identity or {}
        self._saved_at = float("-inf")
        self._looked_at = float("-inf")
        self._turn = asyncio.Lock()
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="database")
        self._poller: asyncio.Task[None] | None = None
        self._reporting: asyncio.Future[None] | None = None
        self._started_ms = runtime.clock.now_ms()
        self._unrestored = frozenset({"key", "team", "user_hash"})

    async def in_thread(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Database work outside the event loop, on one of two threads with a connection each."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: _fresh(work, *args, **kwargs))

    async def start(self) -> None:
        try:
            await self.reload()
        except DatabaseError as error:
            log.error("The database cannot be read (%s); starting from the last good configuration.", error)
            self._take_last_good()
        self._poller = asyncio.create_task(self._poll())

    async def reload(self) -> None:
        """Swap in the newest snapshot if it is newer than ours; one look after the other. Raises DatabaseError."""
        async with self._turn:
            await self._reload()

    async def _reload(self) -> None:
        runtime = self._runtime
        asked_at = runtime.clock.monotonic()
        have = runtime.snapshot.serial if runtime.has_snapshot else -1
        try:
            newer = await self.in_thread(_other_than, have)
        except (ConfigError, PolicyError) as error:
            # What is being served stays: a configuration this engine cannot read must not take the worker down.
            log.error("The newest configuration cannot be used: %s", error)
            return
        runtime.confirmed_at = asked_at
        if newer is not None or runtime.has_snapshot:
            await self._restore_spend((newer or runtime.snapshot).config)
        if newer is not None and (not runtime.has_snapshot or newer.serial != runtime.snapshot.serial):
            runtime.swap(newer, await self._predicting(newer))
            self._saved_at = float("-inf")
        elif runtime.has_snapshot and runtime.predicting.problem:
            await self._look_again_for_predictor()
        if runtime.has_snapshot and runtime.clock.monotonic() - self._saved_at > SAVE_LAST_GOOD_SECONDS:
            self._saved_at = runtime.clock.monotonic()
            await self.in_thread(self._save, runtime.snapshot, runtime.clock.now_ms())

    async def _predicting(self, snapshot: Snapshot) -> Predicting:
        """What will speak under this snapshot; opened in the thread, so that both change at once."""
        self._looked_at = self._runtime.clock.monotonic()
        return await self.in_thread(open_predicting, snapshot, self._last_good.parent, self._runtime.predicting)

    async def _look_again_for_predictor(self) -> None:
        """A predictor that was missing may be there by now."""
        runtime = self._runtime
        if runtime.clock.monotonic() - self._looked_at >= PREDICTOR_SECONDS:
            snapshot = runtime.snapshot
            predicting = await self._predicting(snapshot)
            if runtime.snapshot is snapshot:
                runtime.predicting = predicting

    async def stop(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._poller
        if self._reporting is not None:
            # A thread cannot be cancelled: its row must not come after it was taken away.
            await asyncio.wait((self._reporting,), timeout=THREADS_MEET_SECONDS)
        with contextlib.suppress(DatabaseError):
            await self.in_thread(retire_worker, self._runtime.journal.boot_id)
        meeting, loop = threading.Barrier(THREADS), asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(self._threads, _close_with, meeting) for _ in range(THREADS)))
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _poll(self) -> None:
        """A new configuration is looked for at every turn, everything else is done once a second."""
        is_down = False
        reported_at = float("-inf")
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.reload()
                if self._runtime.clock.monotonic() - reported_at >= REPORT_SECONDS:
                    reported_at = self._runtime.clock.monotonic()
                    self._sweep()
                    await self._report()
            except DatabaseError as error:
                if not is_down:
                    log.error(
                        "The database cannot be read: %s. Serving goes on from the configuration in memory.", error
                    )
                is_down = True
            except Exception:
                log.exception("Polling for a newer configuration failed.")
            else:
                is_down = False

    def _sweep(self) -> None:
        if swept := self._runtime.limits.sweep(self._runtime.clock.now_ms()):
            log.error("%d requests vanished without an end; what they held is given back.", swept)

    async def _report(self) -> None:
        runtime = self._runtime
        revision, serial = ("", 0)
        if runtime.has_snapshot:
            revision, serial = runtime.snapshot.config.revision, runtime.snapshot.serial
        state = {**self._identity, **runtime.report()}
        self._reporting = asyncio.ensure_future(
            self.in_thread(report_worker, runtime.journal.boot_id, revision, serial, state)
        )
        await asyncio.shield(self._reporting)

    async def _restore_spend(self, config: Config) -> None:
        """Book what was spent before this worker started, once: of keys and teams at the first chance, of users once one is limited.

        While it serves already, rows are asked: what it has booked itself began later than it.
        """
        runtime = self._runtime
        wanted = self._unrestored if config.users else self._unrestored - {"user_hash"}
        spool, now_ms = runtime.journal.folder.parent, runtime.clock.now_ms()
        if "key" in wanted and not runtime.has_snapshot:
            runtime.limits.restore(await self.in_thread(spend_of_callers, spool, now_ms), now_ms)
            self._unrestored = self._unrestored - {"key", "team"}
            wanted = wanted - {"key", "team"}
        if wanted:
            columns = tuple(sorted(wanted))
            spent = await self.in_thread(spend_of_rows, spool, now_ms, self._started_ms, columns)
            runtime.limits.restore(spent, now_ms)
            self._unrestored = self._unrestored - wanted

    def _take_last_good(self) -> None:
        runtime = self._runtime
        try:
            snapshot = load_last_good(self._last_good, runtime.clock.now_ms(), MAX_LAST_GOOD_AGE_SECONDS)
        except NoLastGood as error:
            log.error("%s", error)
            return
        runtime.swap(snapshot, open_predicting(snapshot, self._last_good.parent, runtime.predicting))
        runtime.confirmed_at = runtime.clock.monotonic()

    def _save(self, snapshot: Snapshot, now_ms: int) -> None:
        try:
            save_last_good(snapshot, self._last_good, now_ms)
        except OSError as error:
            log.error("The last good configuration cannot be saved: %s", error)


def _other_than(serial: int) -> Snapshot | None:
    return load_snapshot() if current_serial() != serial else None


def _fresh(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """On this thread's own connection, which stays open from one poll to the next until the database or an error has closed it."""
    _drop_closed()
    try:
        return work(*args, **kwargs)
    finally:
        _drop_closed()


def _drop_closed() -> None:
    for connection in connections.all(initialized_only=True):
        if connection.vendor == "postgresql":
            # Opening one costs more than a poll: it is never too old.
            connection.close_at = None
        connection.close_if_unusable_or_obsolete()


def _close_with(meeting: threading.Barrier) -> None:
    """Every thread has connections of its own; waiting for the others keeps one thread from being asked twice."""
    with contextlib.suppress(threading.BrokenBarrierError):
        meeting.wait(THREADS_MEET_SECONDS)
    connections.close_all()
