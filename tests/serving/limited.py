"""Runtimes whose callers are limited, and what must be true of the books once nothing runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.providers.clock import VirtualClock
from routerapp.serving.runtime import Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.store.records import AttemptEnd, End
from tests.runtimes import QUICK, a_runtime, a_snapshot, journal_of

DOLLAR = 10**9
RICH = {"daily_spend_nusd": DOLLAR, "monthly_spend_nusd": DOLLAR, "max_parallel": 9, "tokens_per_minute": 10**7}
BREAKING = {**QUICK, "script": [{"on": "", "do": "reset"}], "output_tokens": {"mean": 200}}
FAILING = {**QUICK, "script": [{"on": "", "do": "500"}]}
SLOW = {"ttft_ms": {"p50": 5_000, "p95": 5_001}, "tokens_per_second": 50, "output_tokens": {"mean": 40}}


def limited(
    folder: Path, limits: Mapping[str, Any] = RICH, *, clock: VirtualClock | None = None, **snapshot: Any
) -> Runtime:
    return a_runtime(folder, a_snapshot(callers={"app": dict(limits)}, **snapshot), clock)


def caller_of(runtime: Runtime, slug: str = "app") -> CallerFacts:
    return runtime.snapshot.config.callers[slug]


def usage(runtime: Runtime, name: str = "key:app") -> dict[str, int]:
    return runtime.limits.usage_report([name], runtime.clock.now_ms())[name]


def cost_in_journal(runtime: Runtime) -> int:
    return sum(record.cost_nusd or 0 for record in journal_of(runtime) if isinstance(record, End))


def assert_settled(runtime: Runtime, name: str = "key:app") -> None:
    """Nothing runs and nothing is held; what is spent is what the records say, attempt by attempt and request by request."""
    row = usage(runtime, name)
    attempts = sum(record.cost_nusd or 0 for record in journal_of(runtime) if isinstance(record, AttemptEnd))
    assert (row["in_flight"], row["day_held_nusd"], row["month_held_nusd"]) == (0, 0, 0)
    assert row["day_spent_nusd"] == row["month_spent_nusd"] == attempts == cost_in_journal(runtime)


async def refusal(runtime: Runtime, chat: Chat, caller: CallerFacts | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        await serve_chat(runtime, chat, caller or caller_of(runtime))
    return caught.value
