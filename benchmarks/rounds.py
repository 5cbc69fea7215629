"""The measuring itself: what is asked of each subject in each round, and what is read meanwhile. Nothing is judged here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.load import figures_of, run_load, running_load
from benchmarks.mock import CHUNKS, Mock
from benchmarks.process_tree import read_cpu, read_memory
from benchmarks.subjects import Started

HEAD_MS, PACE_MS = 50, 10
IN_FLIGHT = 100
# A hundred in flight at 50 ms and what a gateway adds; never above this share of what the subject can hold.
HUNDRED_RATE, HOLDABLE = 1_900, 0.6
SATURATING, MANY = 32, 400
QUIET_SHARE, QUIET_SECONDS, PATIENCE_SECONDS = 0.08, 0.5, 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How long each part lasts. is_whole: also feature by feature, and two workers."""

    rounds: int
    seconds: float
    least_requests: int
    stream_seconds: float
    hold_seconds: float
    settle_seconds: float = 0.6
    # What is compiled while it runs (node) needs thousands of requests to be as fast as it gets.
    warm_up_seconds: float = 8.0
    is_whole: bool = True

    def seconds_at(self, rate: float) -> float:
        """Long enough for a figure to rest on some requests, also of a slow subject."""
        return max(self.seconds, self.least_requests / rate)


FULL = Plan(rounds=5, seconds=4, least_requests=150, stream_seconds=6, hold_seconds=20)
QUICK = Plan(
    rounds=2,
    seconds=1,
    least_requests=40,
    stream_seconds=4,
    hold_seconds=6,
    settle_seconds=0.3,
    warm_up_seconds=6,
    is_whole=False,
)


@contextmanager
def awake(started: Started, plan: Plan) -> Iterator[None]:
    """Only one subject runs at a time; the others are held by SIGSTOP, so that nobody's housekeeping is in another's figures."""
    if started.running is None:
        yield
        return
    started.running.go_on()
    time.sleep(plan.settle_seconds)
    try:
        yield
    finally:
        started.running.pause()


class Meter:
    """CPU of the workers and of the whole tree between two instants, in microseconds."""

    def __init__(self, started: Started) -> None:
        self._running = started.running
        self._before = {} if self._running is None else {pid: read_cpu(pid) for pid in self._running.tree}
        self._began = time.monotonic()

    def read(self) -> dict[str, float]:
        if self._running is None:
            return {"worker_us": 0.0, "tree_us": 0.0, "seconds": time.monotonic() - self._began}
        workers = set(self._running.workers)
        spent = {pid: before.until(read_cpu(pid)) / 1_000 for pid, before in self._before.items()}
        return {
            "worker_us": sum(us for pid, us in spent.items() if pid in workers),
            "tree_us": sum(spent.values()),
            "seconds": time.monotonic() - self._began,
        }


def idle_cpu(started: Started, seconds: float) -> dict[str, float]:
    """What it costs to do nothing, in microseconds of CPU per second."""
    meter = Meter(started)
    time.sleep(seconds)
    spent = meter.read()
    return {name: spent[f"{name}_us"] / spent["seconds"] for name in ("worker", "tree")}


def wait_until_quiet(started: Started) -> None:
    """What was recorded is still being carried into the database when the answers are long out; wait for the end of it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        meter = Meter(started)
        time.sleep(QUIET_SECONDS)
        spent = meter.read()
        if spent["tree_us"] < QUIET_SHARE * spent["seconds"] * 1e6:
            return


def calibrate(started: Started, plan: Plan, core: int | None) -> float:
    """Warms up, then requests per second in a closed loop."""
    run_load(started.ask(), seconds=plan.warm_up_seconds, connections=SATURATING, core=core)
    run_load(started.ask("50 KB"), seconds=plan.seconds / 4, connections=4, core=core)
    figures = run_load(started.ask(), seconds=plan.seconds, connections=SATURATING, core=core)
    return float(figures["answers_per_second"])


def saturation(started: Started, plan: Plan, core: int | None) -> dict[str, Any]:
    meter = Meter(started)
    figures = run_load(started.ask(), seconds=plan.seconds, connections=SATURATING, core=core)
    return {**figures, "cpu": meter.read()}


def at_rate(started: Started, kind: str, rate: float, plan: Plan, core: int | None) -> dict[str, Any]:
    """Open loop; the CPU of the workers and the tree while the load ran."""
    meter = Meter(started)
    figures = run_load(started.ask(kind), seconds=plan.seconds_at(rate), connections=MANY, rate=rate, core=core)
    return {**figures, "rate": rate, "cpu": meter.read()}


def one_at_a_time(started: Started, plan: Plan, core: int | None) -> dict[str, Any]:
    """One caller who asks again as soon as it has its answer."""
    return run_load(started.ask(), seconds=plan.seconds, connections=1, core=core)


def recorded(started: Started, rate: float, plan: Plan, core: int | None) -> dict[str, Any]:
    """As at_rate, and then until all that was recorded is carried away: what the rest of the product costs a request."""
    meter = Meter(started)
    figures = at_rate(started, "2 KB", rate, plan, core)
    wait_until_quiet(started)
    return {**figures, "cpu_with_draining": meter.read()}


def streams(started: Started, mock: Mock, plan: Plan, number: int, core: int | None) -> dict[str, Any]:
    """Open loop, so that on average so many streams run, each of 200 chunks 10 ms apart: they begin one after the other, as streams do."""
    mock.behave(head_ms=HEAD_MS, pace_ms=PACE_MS)
    meter = Meter(started)
    rate = number / ((HEAD_MS + CHUNKS * PACE_MS) / 1_000)
    seconds = plan.stream_seconds
    figures = run_load(started.ask("stream"), seconds=seconds, connections=MANY, rate=rate, grace=30, core=core)
    spent = meter.read()
    mock.behave()
    return {**figures, "streams": number, "chunks_each": CHUNKS, "cpu": spent}


def hundred_in_flight(started: Started, mock: Mock, rate: float, plan: Plan, core: int | None) -> dict[str, Any]:
    """Open loop against an upstream that takes 50 ms."""
    mock.behave(head_ms=HEAD_MS)
    figures = at_rate(started, "2 KB", rate, plan, core)
    mock.behave()
    return figures


def open_streams(started: Started, mock: Mock, plan: Plan, core: int | None) -> dict[str, Any]:
    """Memory of the workers with so many streams open, a chunk a second on each, against before."""
    running, number = started.running, started.subject.open_streams
    assert running is not None
    before = [read_memory(pid) for pid in running.workers]
    ramp = number / 250 if started.subject.kind == "signalbox" else number / 25
    chunks = round(ramp + plan.hold_seconds)
    mock.behave(pace_ms=1_000, chunks=chunks)
    with running_load(
        started.ask("stream").with_chunks(chunks),
        seconds=ramp + 1,
        connections=number,
        rate=number / ramp,
        requests=number,
        grace=2 * chunks + 10,
        core=core,
    ) as load:
        time.sleep(ramp + plan.hold_seconds / 2)
        during = [read_memory(pid) for pid in running.workers]
        figures = figures_of(load, ramp + 2 * chunks + 10)
    mock.behave()
    return {
        "streams": number,
        "rss_before_kib": sum(one.rss for one in before),
        "rss_during_kib": sum(one.rss for one in during),
        "load": figures,
    }


def memory(started: Started) -> dict[str, Any]:
    """KiB of each worker, and of the whole tree."""
    assert started.running is not None
    workers = [read_memory(pid) for pid in started.running.workers]
    tree = [read_memory(pid) for pid in started.running.tree]
    return {
        "worker_rss_kib": [one.rss for one in workers],
        "worker_pss_kib": [one.pss for one in workers],
        "tree_pss_kib": sum(one.pss for one in tree),
    }


def hundred_rate(saturated: float) -> float:
    return min(HUNDRED_RATE, HOLDABLE * saturated)
