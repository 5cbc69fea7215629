"""Simulated faults take the same way through the plan as real ones, in no time at all."""

import pytest

from routerapp.providers.clock import VirtualClock
from routerapp.providers.simulated import SimulatedTransport
from tests.providers.chats import make_target
from tests.serving.plans import Bench, collect


@pytest.mark.parametrize(
    ("do", "stream", "error_class"),
    [
        ("429", False, "rate_limited"),
        ("500", True, "upstream_unavailable"),
        ("hang", False, "first_token_timeout"),
        ("hang", True, "first_token_timeout"),
        ("slow", True, "first_token_timeout"),
        ("refuse", True, "connect_failed"),
        ("reset", False, "stream_broken"),
        ("rubbish", False, "bad_answer"),
        ("error_body", True, "upstream_unavailable"),
    ],
)
async def test_simulated_faults_take_the_same_way_in_no_time(do: str, stream: bool, error_class: str) -> None:
    clock = VirtualClock()
    fast = {"ttft_ms": {"p50": 20, "p95": 20}, "tokens_per_second": 1e6}
    targets = {
        "first": make_target("first", kind="simulated", simulation={**fast, "script": [{"on": "", "do": do}]}),
        "second": make_target("second", kind="simulated", simulation=fast),
    }
    bench = Bench(SimulatedTransport(clock), clock)
    run = bench.run(targets, stream=stream)
    await (collect(run) if stream else run.plain())

    assert bench.story == [("first", error_class), ("second", "ok")]


@pytest.mark.parametrize(
    ("do", "status"), [("reset", "upstream_error"), ("stall", "timeout"), ("truncate", "upstream_error")]
)
async def test_simulated_streams_break_honestly(do: str, status: str) -> None:
    clock = VirtualClock()
    simulation = {"ttft_ms": {"p50": 20, "p95": 20}, "script": [{"on": "", "do": do}], "tokens_per_second": 1e6}
    bench = Bench(SimulatedTransport(clock), clock)
    run = bench.run({"first": make_target("first", kind="simulated", simulation=simulation)}, stream=True)
    await collect(run)

    assert (run.outcome.status, run.outcome.finish_reason) == (status, "")
