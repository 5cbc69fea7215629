"""Two flows for one answer: when the first is silent for too long a second one starts; the first to answer wins, the other ends at once.

Knows nothing of upstreams, money or records: on_over is told who won, after the losers are cancelled and before anything else runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from routerapp.providers.clock import Clock

T = TypeVar("T")
Flow = Coroutine[Any, Any, T | None]


async def race(
    clock: Clock,
    first: Flow[T],
    after_seconds: float,
    second: Callable[[], Flow[T] | None],
    on_over: Callable[[T | None], None],
) -> T | None:
    """The winner's answer, None when neither has one. second is asked once the time is over and may decline with None.

    What either flow raises ends the race and is raised here. Leaves no task behind, however it ends.
    """
    flows = [clock.spawn(first)]
    found: T | None = None
    try:
        await clock.first_of(flows, after_seconds)
        if not flows[0].done() and (flow := second()) is not None:
            flows.append(clock.spawn(flow))
        found = await _first_answer(clock, flows)
        return found
    finally:
        for task in flows:
            task.cancel()
        on_over(found)
        await asyncio.gather(*flows, return_exceptions=True)


async def _first_answer(clock: Clock, flows: list[asyncio.Task[T | None]]) -> T | None:
    """Of flows that are over at the same moment the one that started first counts."""
    while True:
        for flow in flows:
            if flow.done() and (answer := flow.result()) is not None:
                return answer
        running = [flow for flow in flows if not flow.done()]
        if not running:
            return None
        await clock.first_of(running)
