"""Deadlines of everything that waits in one event loop, under a single timer: a stream sets one for each packet, and nearly none rings."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")
# Loops count in whole milliseconds, so a timer may wake that much before the moment it was set to.
TICK_SECONDS = 0.001


async def within(seconds: float, awaitable: Awaitable[T]) -> T:
    """The result, or TimeoutError after seconds; the awaitable runs in the caller's task and is cancelled with it."""
    alarm = _Alarm(seconds)
    try:
        return await awaitable
    except asyncio.CancelledError:
        if alarm.has_rung and alarm.task.uncancel() <= alarm.cancelling:
            raise TimeoutError from None
        raise
    finally:
        alarm.clear()


class _Alarm:
    """What asyncio.timeout does, in a fraction of its time."""

    __slots__ = ("alarms", "at", "cancelling", "has_rung", "task")

    def __init__(self, seconds: float) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline needs a task")
        self.task = task
        self.cancelling = task.cancelling()
        self.has_rung = False
        loop = task.get_loop()
        self.at = loop.time() + seconds
        alarms = _thread.alarms
        if alarms is None or alarms.loop is not loop:
            alarms = _thread.alarms = _Alarms(loop)
        self.alarms = alarms
        alarms.add(self)

    def ring(self) -> None:
        self.has_rung = True
        self.task.cancel()

    def clear(self) -> None:
        self.alarms.waiting.pop(self, None)


class _Alarms:
    """The timer stands at the earliest deadline there was when it was set; when that one is gone, it moves on to the next."""

    __slots__ = ("_next", "_timer", "loop", "waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.waiting: dict[_Alarm, None] = {}
        self.loop = loop
        self._next = float("inf")
        self._timer: asyncio.TimerHandle | None = None

    def add(self, alarm: _Alarm) -> None:
        self.waiting[alarm] = None
        if alarm.at < self._next:
            self._set(alarm.at)

    def _set(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._next = at
        self._timer = self.loop.call_at(at, self._wake)

    def _wake(self) -> None:
        self._timer, self._next = None, float("inf")
        now = self.loop.time() + TICK_SECONDS
        for alarm in [alarm for alarm in self.waiting if alarm.at <= now]:
            del self.waiting[alarm]
            alarm.ring()
        if self.waiting:
            self._set(min(alarm.at for alarm in self.waiting))


class _Thread(threading.local):
    """A thread runs one loop at a time."""

    alarms: _Alarms | None = None


_thread = _Thread()
