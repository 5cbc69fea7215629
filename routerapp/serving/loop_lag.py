"""Measures how late the event loop wakes: what anybody's blocking code costs everybody."""

from __future__ import annotations

import asyncio

from routerapp.serving.tally import Histogram

PERIOD_SECONDS = 0.5


async def watch_loop_lag(lag_us: Histogram, period_seconds: float = PERIOD_SECONDS) -> None:
    """Runs until it is cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + period_seconds
        await asyncio.sleep(period_seconds)
        lag_us.observe(max(0.0, (loop.time() - due) * 1_000_000))
