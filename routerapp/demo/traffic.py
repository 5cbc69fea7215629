"""Thirty days of sample traffic on a virtual clock, through the real decide, attempts, journal and ingest code."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from routerapp.demo.arrivals import Arrival
from routerapp.demo.opinions import Opinions
from routerapp.engine.types import CallerFacts
from routerapp.providers.clock import VirtualClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.feedback import give_feedback, source_of
from routerapp.serving.runtime import Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.store.journal import Journal
from routerapp.store.live import LiveState
from routerapp.store.snapshot import Snapshot

ORIGIN = "sample"
SEED = 20_260
SAY_EVERY = 4_000


class SampleLive(LiveState):
    """Live state of a world in which the sample traffic is the live traffic: it feeds latency, success and breakers."""

    def attempt_ended(self, deployment: str, now_ms: int, **facts: Any) -> None:
        super().attempt_ended(deployment, now_ms, **{**facts, "is_live": True})


async def run_traffic(
    snapshot: Snapshot, arrivals: Iterable[Arrival], data_dir: Path, start_ms: int, say: Callable[[int], None]
) -> int:
    """Serve every arrival at its moment, one after the other; tells and returns how many were asked."""
    clock = VirtualClock(start_ms)
    draw = random.Random(SEED)
    simulated = SimulatedTransport(clock, SEED)
    runtime = Runtime(
        clock=clock,
        live=SampleLive(),
        journal=Journal(data_dir / "spool"),
        transport=DispatchTransport(simulated, simulated),
        random_bits=draw.getrandbits,
    )
    runtime.swap(snapshot)
    callers = {caller.team: caller for caller in snapshot.config.callers.values() if caller.team}
    opinions = Opinions(snapshot.config.models, SEED)
    count = 0
    for arrival in arrivals:
        clock.move_to(max(arrival.at_ms, clock.now_ms()))
        await _ask(runtime, arrival, callers[arrival.team], opinions)
        count += 1
        if count % SAY_EVERY == 0:
            say(count)
    await runtime.close()
    return count


async def _ask(runtime: Runtime, arrival: Arrival, caller: CallerFacts, opinions: Opinions) -> None:
    try:
        served = await serve_chat(runtime, arrival.chat, caller, ORIGIN)
    except Refused:
        return
    if served.stream is not None:
        async for _ in served.stream:
            continue
    judgement = opinions.judge(served.headers.get("x-router-model", ""), served.decision_id)
    if judgement is not None:
        give_feedback(runtime, judgement, source_of(caller))
