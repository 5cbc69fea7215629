"""The live state and the books of limits that several gateway processes keep together, in Valkey.

    shared = SharedState(...); await shared.start()     # serves at once, with Valkey or without
    await shared.cover(subjects)                        # only waits where this process's slices do not suffice
    await shared.cover_hold(grant, nusd, tokens)
    await shared.stop()                                 # gives everything back

Decisions read what is in the process; five times a second one exchange brings it level with the others. While Valkey does not answer,
a breaker keeps everybody from waiting for it, and each process goes on alone (SharedLimits.go_alone), which the answers say.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from routerapp.engine.allowances import Subject
from routerapp.engine.breaker import OPEN, Breaker, BreakerSettings, on_result, state_at
from routerapp.engine.extras import MAX_STICKY_SECONDS
from routerapp.store.last_served import MOST_UNITS
from routerapp.store.limits import Grant
from routerapp.store.live import LiveState
from routerapp.store.shared.away import Away
from routerapp.store.shared.limits import Asked, Lack, SharedLimits
from routerapp.store.shared.live_share import LiveShare, Told
from routerapp.store.shared.wire import Received, Sent, decode, encode

RESTORE_SECONDS = 3.0
MOST_ROUNDS = 3
MOST_FLOORS = 500
# Opens after three failures in a row; asks again after one second, then two, four, eight.
AWAY = BreakerSettings(consecutive_failures=3, failure_share=2.0, cooldown_ms=1_000, max_cooldown_ms=8_000)
log = logging.getLogger(__name__)
Spend = Mapping[str, tuple[int, int]]


class Caller(Protocol):
    @property
    def place(self) -> str: ...
    async def call(self, key: str, message: bytes) -> bytes: ...
    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Timing:
    """A process that has not been heard for lease_ms is gone; what it held of money is reserved for longer. compare_ms: books and rows."""

    exchange_seconds: float = 0.2
    lease_ms: int = 3_000
    reservation_ms: int = 15 * 60_000
    compare_ms: int = 60_000


TIMING = Timing()


@dataclass(slots=True)
class Counts:
    """exchange_us: of the last one. waits: requests that had to wait for one."""

    exchanges: int = 0
    failures: int = 0
    openings: int = 0
    waits: int = 0
    exchange_us: int = 0


class SharedState:
    """read_floors: what rows know to be spent, and when they were read."""

    def __init__(
        self,
        connection: Caller,
        prefix: str,
        me: str,
        live: LiveState,
        limits: SharedLimits,
        now_ms: Callable[[], int],
        read_floors: Callable[[bool], Awaitable[tuple[Spend, int]]] | None = None,
        timing: Timing = TIMING,
    ) -> None:
        self.counts = Counts()
        self.limits = limits
        self.problem = ""
        self._connection = connection
        self._key = f"{{{prefix}}}"
        self._me = me
        self._share = LiveShare(live)
        self._now_ms = now_ms
        self._read_floors = read_floors
        self._timing = timing
        self._breaker = Breaker()
        self._generation = ""
        self._heard: Received | None = None
        self._floors: list[tuple[str, int, int]] = []
        self._has_compared = False
        self._comparing: asyncio.Task[None] | None = None
        self._loop: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._exchanged_at = time.monotonic()

    @property
    def place(self) -> str:
        return self._connection.place

    @property
    def is_alone(self) -> bool:
        return self.limits.is_alone

    @property
    def processes(self) -> int:
        return self._heard.processes if self._heard is not None and not self.is_alone else 1

    def report(self) -> dict[str, Any]:
        """For the heartbeat."""
        return {
            "place": self.place,
            "is_alone": self.is_alone,
            "breaker": state_at(self._breaker, self._mono_ms())[0],
            "problem": self.problem,
            "processes": self.processes,
            "exchanges": self.counts.exchanges,
            "failures": self.counts.failures,
            "exchange_us": self.counts.exchange_us,
            "waits": self.counts.waits,
        }

    async def start(self) -> None:
        """Meets the others, if they can be met; where nobody has compared the books with the rows yet, waits a moment until somebody has."""
        deadline = time.monotonic() + RESTORE_SECONDS
        await self._exchange()
        while not self.is_alone and self._heard is not None and not self._heard.is_restored:
            if time.monotonic() > deadline:
                log.warning("The shared books at %s could not be compared with the database yet.", self.place)
                break
            await asyncio.sleep(0.02 if self._floors or self._has_compared else 0.05)
            await self._exchange()
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Leaves, and gives back what it has not used."""
        for task in (self._loop, self._comparing):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._release(self._waiting)
        if not self.is_alone:
            asked = self.limits.parting(self._now_ms())
            with contextlib.suppress(Away):
                await self._ask(self._share.tell(), asked, is_leaving=True)
        await self._connection.close()

    async def cover(self, subjects: Sequence[Subject]) -> bool:
        """Before one more request is admitted. False: one of its limits is exact, and nobody can be asked."""
        must_ask = any(one.is_exact for _, one in subjects)
        await self._cover(lambda: self.limits.lacks(subjects, self._now_ms()), must_ask)
        return not (must_ask and self.is_alone)

    async def cover_hold(self, grant: Grant, nusd: int, tokens: int) -> bool:
        """Before the grant holds so much; whether it had to be waited for."""
        return await self._cover(lambda: self.limits.lacks_for(grant, nusd, tokens, self._now_ms()), False)

    async def _cover(self, lacks: Callable[[], list[Lack]], must_ask: bool) -> bool:
        """Waits for one exchange, rarely for two: until nothing lacks, nothing more can be had, or nobody can be asked."""
        has_waited = False
        for _ in range(MOST_ROUNDS):
            found = lacks()
            is_asking = must_ask and not has_waited
            if self.is_alone or not (is_asking or found) or (not is_asking and any(one.has_no_hope for one in found)):
                break
            self.counts.waits += not has_waited
            has_waited = True
            self.limits.need(found)
            try:
                await self._next_exchange()
            finally:
                self.limits.settled(found)
        return has_waited

    async def _next_exchange(self) -> None:
        """Until one that began after now has ended, or any has failed: no exchange takes longer than the connection lets it."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        self._wake.set()
        await done

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._timing.exchange_seconds)
            self._wake.clear()
            try:
                if state_at(self._breaker, self._mono_ms())[0] != OPEN:
                    await self._exchange()
            except Exception:
                log.exception("An exchange with %s failed.", self.place)
                self._failed("an unexpected error")
            finally:
                if self.is_alone:
                    self._release(self._waiting)

    async def _exchange(self) -> None:
        """Tell and hear. Never raises Away: then this process goes on alone."""
        waiting, self._waiting = self._waiting, []
        began = time.monotonic()
        seconds, self._exchanged_at = max(0.02, began - self._exchanged_at), began
        told = self._share.tell()
        asked = self.limits.collect(seconds, self._now_ms())
        try:
            heard = await self._ask(told, asked)
        except Away as away:
            self.limits.not_granted(asked)
            self._failed(str(away))
        else:
            self._succeeded(told, asked, heard)
            self.counts.exchange_us = round((time.monotonic() - began) * 1_000_000)
        finally:
            self._release(waiting)

    async def _ask(self, told: Told, asked: Sequence[Asked], *, is_leaving: bool = False) -> Received:
        floors, later = self._floors[:MOST_FLOORS], self._floors[MOST_FLOORS:]
        has_compared = self._has_compared and not later
        sent = Sent(
            me=self._me,
            new_generation=secrets.token_hex(8),
            lease_ms=self._timing.lease_ms,
            reservation_ms=self._timing.reservation_ms,
            compare_ms=self._timing.compare_ms,
            most_units=MOST_UNITS,
            unit_ttl=MAX_STICKY_SECONDS * 1000,
            cursors=self._share.cursors,
            at_least=max(self._share.cursors),
            is_leaving=is_leaving,
            has_compared=has_compared,
            in_flight=told.in_flight,
            deployments=told.deployments,
            turns=told.turns,
            units=told.units,
            limits=[one.entry for one in asked],
            floors=floors,
        )
        try:
            heard = decode(await self._connection.call(self._key, encode(sent)))
        except msgspec.MsgspecError as error:
            raise Away(f"an answer that cannot be read ({error})") from None
        self._floors, self._has_compared = later, self._has_compared and not has_compared
        return heard

    def _succeeded(self, told: Told, asked: Sequence[Asked], heard: Received) -> None:
        self.counts.exchanges += 1
        if self.problem:
            log.warning(
                "%s answers again; processes that share limits and live state: %d.", self.place, heard.processes
            )
        self.problem = ""
        self._breaker = on_result(self._breaker, True, self._mono_ms(), AWAY)
        was_alone = self.is_alone
        self._heard = heard
        self.limits.ask_again(heard.processes)
        self.limits.granted(asked, heard.grants, self._now_ms())
        self._share.hear(told, heard)
        if heard.generation != self._generation:
            self._meet(heard.generation)
        elif was_alone:
            self.limits.touch_all()
        if heard.wants_floors and self._read_floors is not None:
            self._compare(has_users=heard.wants_floors == 2)
        elif heard.wants_floors:
            self._has_compared = True

    def _meet(self, generation: str) -> None:
        """New to us: the first ever, or its data were lost."""
        if self._generation:
            log.warning("%s has lost its data; the shared books are rebuilt.", self.place)
            self._share.begin_anew()
        self._generation = generation
        self.limits.touch_all()

    def _failed(self, problem: str) -> None:
        self.counts.failures += 1
        if not self.problem:
            log.error(
                "%s cannot be asked (%s); every process goes on with its own share of the limits.", self.place, problem
            )
        self.problem = problem
        was_closed = not self._breaker.is_open
        self._breaker = on_result(self._breaker, False, self._mono_ms(), AWAY)
        self.counts.openings += was_closed and self._breaker.is_open
        if not self.is_alone or self._heard is None:
            self.limits.go_alone()
            self._share.forget_others()

    def _compare(self, *, has_users: bool) -> None:
        if self._comparing is None or self._comparing.done():
            self._comparing = asyncio.create_task(self._read(has_users))

    async def _read(self, has_users: bool) -> None:
        assert self._read_floors is not None
        try:
            spent, at_ms = await self._read_floors(has_users)
        except Exception as error:
            # Somebody is asked again in a while.
            log.warning("What was spent cannot be read from the database (%s).", type(error).__name__)
            return
        self._floors = self.limits.floors(spent, at_ms, spent)
        self._has_compared = True

    @staticmethod
    def _release(waiting: list[asyncio.Future[None]]) -> None:
        for one in waiting:
            if not one.done():
                one.set_result(None)
        waiting.clear()

    @staticmethod
    def _mono_ms() -> int:
        return int(time.monotonic() * 1000)
