"""The one source of time for everything that waits: real, or virtual for tests and the demo. Nothing else may read a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Coroutine
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


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def wait_for(self, awaitable: Awaitable[T], seconds: float) -> Coroutine[Any, Any, T]:
        return within(seconds, awaitable)


class VirtualClock:
    """Time that passes only when someone sleeps, at once and for one flow at a time: run requests one after the other.

    A sleep that would pass a deadline of wait_for stops at the deadline and raises there, as it would in real time. wait_for must not be nested.
    """

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self._now_us = start_ms * 1000
        self._deadlines: list[int] = []

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
        deadline = min(self._deadlines, default=wake_us + 1)
        if deadline < wake_us:
            self._now_us = max(self._now_us, deadline)
            raise TimeoutError("virtual deadline reached")
        self._now_us = wake_us

    async def wait_for(self, awaitable: Awaitable[T], seconds: float) -> T:
        deadline = self._now_us + round(seconds * 1_000_000)
        self._deadlines.append(deadline)
        try:
            return await awaitable
        finally:
            self._deadlines.remove(deadline)
