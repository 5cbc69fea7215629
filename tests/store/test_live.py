import pytest

from routerapp.engine.types import InFlight, LiveDeployment, ProbePermit, RoundRobinAdvance
from routerapp.store.live import FORGET_TTFT_AFTER_MS, LiveState

NOW = 1_790_000_000_000


def answer(live: LiveState, deployment: str = "a", now_ms: int = NOW, **facts) -> None:
    live.attempt_started(deployment, now_ms)
    live.attempt_ended(deployment, now_ms, **({"ok": True, "ttft_ms": 300.0} | facts))


def shown(live: LiveState, deployment: str = "a", now_ms: int = NOW) -> LiveDeployment:
    return live.view(now_ms).deployments[deployment]


def test_a_slow_answer_counts_at_once_and_is_forgiven_with_time() -> None:
    live = LiveState()
    answer(live, ttft_ms=300)
    answer(live, ttft_ms=3000)
    assert shown(live).ttft_ewma_ms == 3000
    answer(live, ttft_ms=300, now_ms=NOW + 1000)
    soon = shown(live, now_ms=NOW + 1000).ttft_ewma_ms
    answer(live, ttft_ms=300, now_ms=NOW + 120_000)
    later = shown(live, now_ms=NOW + 120_000).ttft_ewma_ms

    assert 2900 < soon < 3000
    assert 300 < later < 700


def test_old_latency_is_forgotten_so_that_a_slow_target_gets_another_chance() -> None:
    live = LiveState()
    answer(live, ttft_ms=9000)

    assert shown(live, now_ms=NOW + FORGET_TTFT_AFTER_MS - 1).ttft_ewma_ms == 9000
    assert shown(live, now_ms=NOW + FORGET_TTFT_AFTER_MS).ttft_ewma_ms is None
    assert shown(live, now_ms=NOW + FORGET_TTFT_AFTER_MS).ttft_samples == 0


def test_success_is_the_plain_share_at_first_and_then_moves_slowly() -> None:
    live = LiveState()
    for ok in (True, True, False, True):
        answer(live, ok=ok)
    assert shown(live).success_ewma == pytest.approx(0.75)
    for _ in range(500):
        answer(live)

    assert shown(live).success_ewma > 0.99
    assert shown(live).success_samples == 504


@pytest.mark.parametrize("facts", [{"is_live": False}, {"ok": None}])
def test_other_origins_and_callers_faults_leave_no_mark(facts) -> None:
    live = LiveState()
    answer(live, **({"ok": False} | facts))

    assert shown(live) == LiveDeployment()


def test_the_breaker_opens_after_failures_and_closes_after_a_probe() -> None:
    live = LiveState()
    for _ in range(30):
        answer(live, ok=False, ttft_ms=None)
    opened = shown(live)
    assert opened.breaker == "open"
    assert opened.reopens_at_ms is not None
    assert opened.reopens_at_ms > NOW
    later = opened.reopens_at_ms
    assert shown(live, now_ms=later).breaker == "half_open"
    live.apply([ProbePermit("a"), InFlight("a")])
    assert shown(live, now_ms=later).probes_in_flight == 1
    live.attempt_started("a", later, is_counted=True, is_probe=True)
    live.attempt_ended("a", later, ok=True, ttft_ms=200, is_probe=True)

    assert shown(live, now_ms=later).breaker == "closed"
    assert shown(live, now_ms=later).probes_in_flight == 0
    assert shown(live, now_ms=later).in_flight == 0


def test_retry_after_decides_when_the_breaker_reopens() -> None:
    live = LiveState()
    for _ in range(30):
        answer(live, ok=False, ttft_ms=None, retry_after_ms=90_000)

    assert shown(live).reopens_at_ms >= NOW + 90_000


def test_in_flight_counts_each_attempt_once() -> None:
    live = LiveState()
    live.apply([InFlight("a")])
    live.attempt_started("a", NOW, is_counted=True)
    live.attempt_started("a", NOW)
    assert shown(live).in_flight == 2
    live.attempt_ended("a", NOW, ok=True)
    live.attempt_ended("a", NOW, ok=None)

    assert shown(live).in_flight == 0


def test_a_decision_that_is_never_started_gives_its_counts_back() -> None:
    live = LiveState()
    effects = (InFlight("a"), ProbePermit("a"), RoundRobinAdvance("r1", {"a": -1, "b": 1}))
    live.apply(effects)
    live.release(effects)

    assert (shown(live).in_flight, shown(live).probes_in_flight) == (0, 0)
    assert live.view(NOW).round_robin["r1"] == {"a": -1, "b": 1}


def test_a_view_shows_what_it_showed_before_whatever_happens_since() -> None:
    live = LiveState()
    answer(live)
    live.apply([RoundRobinAdvance("r1", {"a": 1})])
    view = live.view(NOW)
    before = view.deployments["a"], view.round_robin["r1"]
    live.apply([InFlight("a"), RoundRobinAdvance("r1", {"a": 5})])

    assert (view.deployments["a"], view.round_robin["r1"]) == before
    assert live.view(NOW).deployments["a"].in_flight == 1
    assert live.view(NOW).round_robin["r1"] == {"a": 5}


def test_an_unknown_deployment_is_not_in_the_view() -> None:
    view = LiveState().view(NOW)

    assert view.deployments.get("never-called") is None
    assert list(view.deployments) == []
    assert view.round_robin.get("r1") is None


def test_requests_left_follow_the_minute() -> None:
    live = LiveState()
    live.set_deployment_limits({"a": 2, "b": None}, {})
    assert shown(live).requests_left == 2
    for _ in range(3):
        answer(live)

    assert shown(live).requests_left == 0
    assert shown(live, now_ms=NOW - 30_000).requests_left == 0
    assert shown(live, now_ms=NOW + 60_000).requests_left == 2
    assert live.requests_this_minute("a", NOW) == 3


def test_tokens_left_count_the_prompt_at_the_start_and_the_answer_at_the_end() -> None:
    live = LiveState()
    live.set_deployment_limits({}, {"a": 1_000, "b": None})
    assert shown(live).tokens_left == 1_000
    live.attempt_started("a", NOW, tokens=300)
    assert shown(live).tokens_left == 700
    live.attempt_ended("a", NOW, ok=True, tokens=500)
    assert shown(live).tokens_left == 200
    live.attempt_started("a", NOW, tokens=900)

    assert shown(live).tokens_left == 0
    assert live.tokens_this_minute("a", NOW) == 1_700
    assert shown(live, now_ms=NOW + 60_000).tokens_left == 1_000


def test_an_answer_that_ends_in_another_minute_counts_there() -> None:
    live = LiveState()
    live.set_deployment_limits({}, {"a": 1_000})
    live.attempt_started("a", NOW, tokens=300)
    live.attempt_ended("a", NOW + 60_000, ok=True, tokens=500)

    assert shown(live, now_ms=NOW + 60_000).tokens_left == 500


def test_the_report_is_plain_values() -> None:
    live = LiveState()
    answer(live)

    assert live.report(NOW)["a"]["success_samples"] == 1
