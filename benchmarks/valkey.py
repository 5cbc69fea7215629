"""What a Valkey that freezes and dies costs callers: latency of requests at a fixed rate before, while and after. Needs the dev dependencies.

    python -m benchmarks.valkey [--rate 100] [--seconds 4]

Two gateway processes' worth of runtimes share one Valkey in this process; the upstream is simulated and takes a few milliseconds. Arrivals
are on a clock of their own (open loop), so that a wait shows in everybody behind it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import django

os.environ.setdefault("SIGNALBOX_DATA_DIR", tempfile.mkdtemp())
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "routerapp.settings")
django.setup()

from routerapp.providers.clock import SystemClock  # noqa: E402
from routerapp.serving.runtime import Runtime  # noqa: E402
from routerapp.store.shared.shared_state import TIMING  # noqa: E402
from tests.runtimes import QUICK, a_deployment, a_runtime, a_snapshot  # noqa: E402
from tests.shared.fleet import a_fleet, ask  # noqa: E402
from tests.shared.valkey import Valkey, running_valkey  # noqa: E402

LIMITS = {"requests_per_minute": 1_000_000, "tokens_per_minute": 10**10, "daily_spend_nusd": 10**15}
SNAPSHOT = a_snapshot(
    callers={"app": LIMITS},
    deployments=[a_deployment("cheap")],
    simulations={"cheap": {**QUICK, "ttft_ms": {"p50": 2, "p95": 3}, "output_tokens": {"mean": 5}}},
)


WAITED: list[float] = []


def watch(member: Runtime) -> None:
    """Notes how long each request was held up for the shared books: what is added, however loaded the machine is."""
    shared = member.shared
    assert shared is not None
    cover = shared._cover

    async def timed(*args: Any) -> bool:
        began = time.perf_counter()
        has_waited = await cover(*args)
        WAITED.append((time.perf_counter() - began) * 1000)
        return has_waited

    shared._cover = timed  # type: ignore[method-assign]


async def phase(members: list[Runtime], rate: int, seconds: float) -> list[float]:
    """Milliseconds of each request from the moment it was due."""
    WAITED.clear()
    taken: list[float] = []
    running = set()

    async def one(member: Runtime, due: float) -> None:
        status = await ask(member)
        assert status == 200, status
        taken.append((time.perf_counter() - due) * 1000)

    began = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(one(members[number % len(members)], due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    return taken


def row(name: str, taken: list[float], members: list[Runtime]) -> None:
    ordered, waited = sorted(taken), sorted(WAITED) or [0.0]
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    held = waited[min(len(waited) - 1, int(len(waited) * 0.99))]
    states = {(one.shared.is_alone if one.shared else None) for one in members}
    alone = {True: "alone", False: "together", None: "not shared"}[states.pop()] if len(states) == 1 else "both"
    print(
        f"| {name} | {len(taken)} | {median(ordered):.1f} | {p99:.1f} | {ordered[-1]:.1f} | {held:.2f} | {waited[-1]:.1f} | {alone} |"
    )


async def cpu_us(member: Runtime, n: int = 400) -> float:
    """CPU of this process for one request after another."""
    began = time.process_time()
    for _ in range(n):
        await ask(member)
    return (time.process_time() - began) / n * 1e6


async def measure(valkey: Valkey, rate: int, seconds: float, folder: Path) -> None:
    print(
        "| phase | requests | p50 ms | p99 ms | max ms | held up p99 ms | max ms | afterwards |\n|---|---|---|---|---|---|---|---|"
    )
    bare = a_runtime(folder / "bare", SNAPSHOT, SystemClock())
    await phase([bare], rate, 0.5)
    row("not shared", await phase([bare], rate, seconds), [bare])
    async with a_fleet(valkey, folder / "shared", SNAPSHOT, 2, timing=TIMING, timeout_seconds=0.1) as members:
        for member in members:
            watch(member)
        await phase(members, rate, 1)
        row("shared", await phase(members, rate, seconds), members)
        valkey.freeze()
        row("frozen, first second", await phase(members, rate, 1), members)
        row("frozen, later", await phase(members, rate, seconds), members)
        valkey.thaw()
        await asyncio.sleep(9)
        row("thawed", await phase(members, rate, seconds), members)
        valkey.kill()
        row("killed, first second", await phase(members, rate, 1), members)
        row("killed, later", await phase(members, rate, seconds), members)
        valkey.start()
        await asyncio.sleep(9)
        row("started again, empty", await phase(members, rate, seconds), members)
        alternating = [(await cpu_us(bare), await cpu_us(members[0])) for _ in range(5)]
    print(
        f"\nCPU a request, simulated upstream included, median of 5: {median(one[0] for one in alternating):.0f} µs not shared,"
    )
    print(f"{median(one[1] for one in alternating):.0f} µs shared.")
    await bare.close(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=4.0)
    given = parser.parse_args()
    with running_valkey() as valkey, tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(valkey, given.rate, given.seconds, Path(folder)))


if __name__ == "__main__":
    main()
