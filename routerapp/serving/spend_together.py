"""Money budgets over several gateway processes without a shared store: each looks every two seconds at what all of them have spent.

What running requests of the others hold is not seen; docs/limits-and-budgets.md says what follows from that. Keys and teams only: sums per
end user would mean reading every row of the month.
"""

from __future__ import annotations

import asyncio
import contextlib
import os

from django.db import DatabaseError

from routerapp.engine.types import AllowanceFacts
from routerapp.serving.runtime import Runtime
from routerapp.serving.system_state import SHARED_STATE
from routerapp.store.undrained import UndrainedSpend

EVERY_SECONDS = 2.0
# After each mebibyte of the spool, which takes about as long to read: answering goes on beside it.
PAUSE_SECONDS = 0.01


def keep_spend_together(runtime: Runtime) -> None:
    """Starts it where it is needed; must run inside the event loop."""
    if runtime.place is None or runtime.place.workers == 1 or os.environ.get(SHARED_STATE):
        return
    task = asyncio.create_task(_look_again_and_again(runtime))

    async def stop() -> None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    # Before the threads that read the database are gone.
    runtime.on_close.insert(0, stop)


async def _look_again_and_again(runtime: Runtime) -> None:
    """While the database is away, each counts what it has served itself on top of what it last saw."""
    undrained = UndrainedSpend(runtime.journal.folder.parent, pause_seconds=PAUSE_SECONDS)
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        if runtime.has_snapshot and _has_budgets(runtime):
            with contextlib.suppress(DatabaseError, OSError):
                await look(runtime, undrained)


async def look(runtime: Runtime, undrained: UndrainedSpend) -> None:
    """Take what all have spent for what is spent. Raises DatabaseError."""
    now_ms = runtime.clock.now_ms()
    before = runtime.limits.spent(now_ms)
    spent = await runtime.in_thread(undrained.of_callers, now_ms)
    runtime.limits.catch_up(spent, before, now_ms)


def _has_budgets(runtime: Runtime) -> bool:
    subjects = runtime.snapshot.config.caller_subjects.values()
    return any(_is_budget(allowance) for names in subjects for _, allowance in names)


def _is_budget(allowance: AllowanceFacts) -> bool:
    return allowance.daily_spend_nusd is not None or allowance.monthly_spend_nusd is not None
