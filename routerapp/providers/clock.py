"""The one source of time for everything that waits: real, or virtual for tests and the demo. Nothing else may read a clock."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Collection, Coroutine
from typing import Any, Protocol, TypeVar

from routerapp.providers.alarms import within

T = TypeVar("T")


class Clock(Protocol):
    def now_ms(self) -> int:
        """Unix milliseconds of UTC, for records."""

    def monotonic(self) -> float:
        """Seconds from any origin, never going back, for durations."""

    async def sleep(self, seconds: float) -> None: ...

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        """The result, or TimeoutError after seconds; the awaitable runs in the caller's task and is cancelled with it."""

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Starts a second flow beside the caller's; whoever starts one ends it."""

    async def first_of(self, flows: Collection[asyncio.Task[Any]], seconds: float | None = None) -> None:
        """Returns when one of these flows is over, or after seconds. Raises nothing of theirs and cancels none."""


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def wait_for(self, awaitable: Awaitable[T], seconds: float) -> Coroutine[Any, Any, T]:
        return within(seconds, awaitable)

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        return asyncio.create_task(work)

    async def first_of(self, flows: Collection[asyncio.Task[Any]], seconds: float | None = None) -> None:
        await asyncio.wait(flows, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)


class VirtualClock:
    """Time that passes only when someone sleeps, at once and for one request at a time: run requests one after the other.

    A sleep that would pass a deadline of wait_for stops at the deadline and raises there, as it would in real time. wait_for must not
    be nested. While flows of spawn run, time moves to the earliest waking moment once all of them, and whoever waits for them, sleep.
    """

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._now_us = start_ms * 1000
        self._deadlines: dict[asyncio.Task[Any] | None, int] = {}
        self._flows: set[asyncio.Task[Any]] = set()
        self._sleepers: dict[asyncio.Future[None], None] = {}
        self._wakings: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = itertools.count()

    def now_ms(self) -> int:
        return self._now_us // 1000

    def monotonic(self) -> float:
        return self._now_us / 1_000_000

    def advance(self, seconds: float) -> None:
        self._now_us += round(seconds * 1_000_000)

    def move_to(self, at_ms: int) -> None:
        """Jumps to an instant, back as well: the next simulated request may start before the last one ended."""
        self._now_us = at_ms * 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)
        wake_us = self._now_us + round(max(seconds, 0) * 1_000_000)
        deadline = self._deadlines.get(asyncio.current_task(), wake_us + 1) if self._deadlines else wake_us + 1
        until_us = min(wake_us, deadline)
        if self._flows:
            await self._sleep_among_flows(until_us)
        self._now_us = max(self._now_us, until_us)
        if deadline < wake_us:
            raise TimeoutError("virtual deadline reached")

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        task = asyncio.current_task()
        self._deadlines[task] = self._now_us + round(seconds * 1_000_000)
        try:
            return await awaitable
        finally:
            del self._deadlines[task]

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        flow = asyncio.create_task(work)
        self._flows.add(flow)
        flow.add_done_callback(self._flow_ended)
        return flow

    async def first_of(self, flows: Collection[asyncio.Task[Any]], seconds: float | None = None) -> None:
        until_us = None if seconds is None else self._now_us + round(max(seconds, 0) * 1_000_000)
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def ended(flow: asyncio.Task[Any]) -> None:
            if not waiting.done():
                self._sleepers.pop(waiting, None)
                waiting.set_result(None)

        for flow in flows:
            flow.add_done_callback(ended)
        try:
            await self._sleep_among_flows(until_us, waiting)
        finally:
            for flow in flows:
                flow.remove_done_callback(ended)

    def _flow_ended(self, flow: asyncio.Task[Any]) -> None:
        """Time may pass again, unless somebody waited for just this flow: that one wakes first."""
        self._flows.discard(flow)
        asyncio.get_running_loop().call_soon(self._pass_time)

    async def _sleep_among_flows(self, until_us: int | None, waking: asyncio.Future[None] | None = None) -> None:
        waking = waking or asyncio.get_running_loop().create_future()
        self._sleepers[waking] = None
        if until_us is not None:
            heapq.heappush(self._wakings, (until_us, next(self._count), waking))
        self._pass_time()
        try:
            await waking
        finally:
            self._sleepers.pop(waking, None)

    def _pass_time(self) -> None:
        """Wakes the earliest sleeper when every flow, and the one that waits for them, sleeps."""
        if len(self._sleepers) <= len(self._flows):
            return
        while self._wakings:
            until_us, _, waking = heapq.heappop(self._wakings)
            if not waking.done():
                self._now_us = max(self._now_us, until_us)
                del self._sleepers[waking]
                waking.set_result(None)
                return
