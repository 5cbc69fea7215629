"""Asks upstreams for a job: the way of all traffic (decision, egress guard, records), marked as calibration, each call once and with an end.

Every call pins one deployment. Nothing is tried again by itself: what may be spent was counted before.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings

from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.models import Origin
from routerapp.providers.base import Transport
from routerapp.providers.clock import SystemClock
from routerapp.serving.answer_acceptance import WrittenAnswer
from routerapp.serving.attempts import Attempts
from routerapp.serving.retry_budget import RetryBudget
from routerapp.serving.runtime import Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.serving.startup import SPOOL_FOLDER, make_transport
from routerapp.store.journal import Journal
from routerapp.store.live import LiveState
from routerapp.store.snapshot import Snapshot

CALLER = CallerFacts(slug="calibration")
CALL_SECONDS = 120.0
# Reasons that a second try may mend.
PASSING = "provider"


@dataclass(frozen=True, slots=True)
class Answered:
    """problem: why there is no answer, as a code and its words; empty where there is one. cost_nusd: what was paid, or may have been."""

    cost_nusd: int
    text: str = ""
    is_cut: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    request_id: str = ""
    problem: str = ""
    is_passing: bool = False
    written: WrittenAnswer | None = None


class Upstreams:
    """Calls side by side on a loop of its own, driven by a thread that also writes rows: between two waits nothing runs."""

    def __init__(self, runtime: Runtime, runner: asyncio.Runner, seconds: float) -> None:
        self._runtime = runtime
        self._runner = runner
        self._seconds = seconds

    def start(self, chat: Chat, held_nusd: int) -> asyncio.Task[Answered]:
        return self._runner.get_loop().create_task(ask(self._runtime, chat, held_nusd, self._seconds))

    def wait(self, running: set[asyncio.Task[Answered]], seconds: float) -> set[asyncio.Task[Answered]]:
        """Those that have ended, at the latest after so many seconds."""
        return self._runner.run(_first(running, seconds))

    @property
    def has_room(self) -> bool:
        return self._runtime.journal.has_room


async def ask(runtime: Runtime, chat: Chat, held_nusd: int, seconds: float) -> Answered:
    """One call. A call cut off by its time may be billed in full, so it counts with all that was held for it."""
    try:
        async with asyncio.timeout(seconds):
            served = await serve_chat(runtime, chat, CALLER, Origin.CALIBRATE.value)
    except TimeoutError:
        return Answered(held_nusd, problem=f"timeout: no answer within {seconds:g} s")
    except Refused as refused:
        cost, _, _ = _used(runtime, refused.decision_id, held_nusd)
        words = f"{refused.code}: {refused.message}"
        return Answered(cost, request_id=refused.decision_id, problem=words, is_passing=refused.source == PASSING)
    written = WrittenAnswer(served.body or b"", is_stream=False)
    cost, read, wrote = _used(runtime, served.decision_id, held_nusd)
    is_cut = written.finish_reason in ("length", "max_tokens")
    return Answered(cost, written.text, is_cut, read, wrote, served.decision_id, written=written)


@contextmanager
def open_upstreams(
    snapshot: Snapshot, transport: Transport | None = None, seconds: float = CALL_SECONDS
) -> Iterator[Upstreams]:
    """transport: another way to send bytes than through the egress guard; for tests."""
    clock = SystemClock()
    runtime = Runtime(
        clock=clock,
        live=LiveState(),
        journal=Journal(settings.DATA_DIR / SPOOL_FOLDER, is_synced=settings.ENVIRONMENT.journal.is_synced),
        transport=transport or make_transport(settings.ENVIRONMENT.egress_allow, clock),
    )
    never = RetryBudget(share=0.0, floor=0)
    runtime.attempts = Attempts(
        runtime.transport, runtime.adapters, runtime.live, clock, lambda: 0.0, retry_budget=never
    )
    runtime.swap(snapshot)
    with asyncio.Runner() as runner:
        try:
            yield Upstreams(runtime, runner, seconds)
        finally:
            runner.run(runtime.close(0))


async def _first(running: set[asyncio.Task[Answered]], seconds: float) -> set[asyncio.Task[Answered]]:
    done, _ = await asyncio.wait(running, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    return done


def _used(runtime: Runtime, request_id: str, held_nusd: int) -> tuple[int, int | None, int | None]:
    """Cost and tokens as they were recorded; all that was held where nobody knows."""
    recent = runtime.recent.find(request_id)
    end = recent.end if recent else None
    if end is None:
        return held_nusd if recent else 0, None, None
    return held_nusd if end.cost_nusd is None else end.cost_nusd, end.input_tokens, end.output_tokens
