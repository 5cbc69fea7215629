"""Several gateway processes in one: runtimes that share one Valkey, each with its own books, live state and journal, on one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from routerapp.engine.types import CallerFacts
from routerapp.providers.clock import SystemClock
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.runtime import Runtime
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.store.journal import Journal
from routerapp.store.live import LiveState
from routerapp.store.shared.connection import Connection
from routerapp.store.shared.limits import SharedLimits
from routerapp.store.shared.shared_state import SharedState, Timing
from routerapp.store.snapshot import Snapshot
from tests.runtimes import a_chat
from tests.shared.valkey import Valkey

# A loaded machine must not make a slow Valkey of a good one where the promise is about counting.
PATIENT_SECONDS = 5.0
QUICKLY = Timing(exchange_seconds=0.05, lease_ms=400)


def a_member(
    valkey: Valkey,
    folder: Path,
    name: str,
    snapshot: Snapshot,
    timing: Timing = QUICKLY,
    timeout_seconds: float = PATIENT_SECONDS,
    **shared: Any,
) -> Runtime:
    clock = SystemClock()
    limits = SharedLimits()
    runtime = Runtime(
        clock=clock,
        live=LiveState(),
        journal=Journal(folder / name / "spool", reserve_bytes=0),
        transport=SimulatedTransport(clock, seed=1),
        limits=limits,
    )
    runtime.swap(snapshot)
    connection = Connection(valkey.settings, timeout_seconds)
    runtime.shared = SharedState(
        connection, folder.name, name, runtime.live, limits, clock.now_ms, timing=timing, **shared
    )
    return runtime


@asynccontextmanager
async def a_fleet(
    valkey: Valkey, folder: Path, snapshot: Snapshot, size: int = 3, **options: Any
) -> AsyncIterator[list[Runtime]]:
    members = [a_member(valkey, folder, f"process-{number}", snapshot, **options) for number in range(size)]
    for member in members:
        assert member.shared is not None
        await member.shared.start()
    await settled(members)
    try:
        yield members
    finally:
        for member in members:
            await leave(member)


async def leave(member: Runtime) -> None:
    if member.shared is not None:
        await member.shared.stop()
    await member.close(1)


async def vanish(member: Runtime) -> None:
    """As after kill -9: it says nothing more to anybody."""
    shared = member.shared
    assert shared is not None
    assert shared._loop is not None
    shared._loop.cancel()
    await asyncio.wait((shared._loop,))
    await shared._connection.close()
    member.shared = None


async def settled(members: Sequence[Runtime], exchanges: int = 2) -> None:
    """Until each has exchanged so often from now on."""
    for member in members:
        shared = member.shared
        if shared is None:
            continue
        target = shared.counts.exchanges + exchanges
        for _ in range(500):
            if shared.counts.exchanges >= target:
                break
            await asyncio.sleep(0.01)
        else:
            raise AssertionError(shared.report())


async def ask(member: Runtime, key: str = "app", **members: Any) -> int | Refused:
    """The status, or the refusal."""
    caller: CallerFacts = member.snapshot.config.callers[key]
    try:
        served = await serve_chat(member, a_chat(**{"max_tokens": 50} | members), caller)
    except Refused as refused:
        return refused
    return served.status


def usage(members: Sequence[Runtime], name: str) -> Mapping[str, int]:
    """The books of all members added up."""
    total: dict[str, int] = {}
    for member in members:
        for field, n in member.limits.usage_report([name], member.clock.now_ms()).get(name, {}).items():
            total[field] = total.get(field, 0) + n
    return total
