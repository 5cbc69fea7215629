from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routerapp.engine.breaker import Breaker, BreakerSettings, on_result, state_at

SETTINGS = BreakerSettings(
    consecutive_failures=3,
    failure_share=0.5,
    window_ms=10_000,
    min_results=10,
    cooldown_ms=1_000,
    max_cooldown_ms=4_000,
)


def after(results, breaker=None, start_ms=0, step_ms=10):
    breaker = breaker or Breaker()
    for index, ok in enumerate(results):
        breaker = on_result(breaker, ok, start_ms + index * step_ms, SETTINGS)
    return breaker


def test_consecutive_failures_open_it():
    assert state_at(after([False, False]), 20) == ("closed", None)
    assert state_at(after([False, False, False]), 20) == ("open", 1_020)


def test_a_success_breaks_the_streak():
    assert state_at(after([False, False, True, False, False]), 50)[0] == "closed"


def test_a_share_of_failures_opens_it_once_there_are_enough_results():
    alternating = [True, False] * 5

    assert state_at(after(alternating[:-1]), 100)[0] == "closed"
    assert state_at(after(alternating), 100)[0] == "open"


def test_old_failures_are_forgotten():
    breaker = after([True, False] * 4)

    assert state_at(after([True, False] * 4, breaker, start_ms=30_000), 30_100)[0] == "closed"


def test_a_probe_decides_after_the_cooldown():
    breaker = after([False] * 3)

    assert state_at(breaker, 1_020) == ("half_open", 1_020)
    assert state_at(on_result(breaker, True, 1_020, SETTINGS), 1_020) == ("closed", None)
    assert state_at(on_result(breaker, False, 1_020, SETTINGS), 1_020) == ("open", 3_020)


def test_cooldowns_double_up_to_a_cap_and_start_over_after_a_success():
    breaker, ends = after([False] * 3), []
    for _ in range(4):
        now_ms = breaker.reopens_at_ms
        breaker = on_result(breaker, False, now_ms, SETTINGS)
        ends.append(breaker.reopens_at_ms - now_ms)

    assert ends == [2_000, 4_000, 4_000, 4_000]
    closed = on_result(breaker, True, breaker.reopens_at_ms, SETTINGS)
    assert after([False] * 3, closed, 50_000).reopens_at_ms == 50_020 + 1_000


def test_a_retry_after_opens_at_once_and_overrides_the_cooldown():
    breaker = on_result(Breaker(), False, 100, SETTINGS, retry_after_ms=2_500)

    assert state_at(breaker, 100) == ("open", 2_600)
    assert on_result(Breaker(), False, 0, SETTINGS, retry_after_ms=10**9).reopens_at_ms == 4_000
    assert on_result(breaker, False, 200, SETTINGS, retry_after_ms=10).reopens_at_ms == 2_600


def test_late_results_of_earlier_attempts_change_nothing_while_open():
    breaker = after([False] * 3)

    assert on_result(breaker, True, 500, SETTINGS) is breaker
    assert on_result(breaker, False, 500, SETTINGS) is breaker


@given(st.lists(st.tuples(st.booleans(), st.integers(-5_000, 20_000)), max_size=40))
def test_never_stays_open_longer_than_the_cap_and_survives_a_clock_that_steps_back(events):
    breaker, now_ms = Breaker(), 1_000_000
    for ok, step_ms in events:
        now_ms += step_ms
        breaker = on_result(breaker, ok, now_ms, SETTINGS)
        state, reopens_at_ms = state_at(breaker, now_ms)
        assert (state == "closed") is (reopens_at_ms is None)
        assert state_at(breaker, now_ms + 5_000 + SETTINGS.max_cooldown_ms * len(events))[0] != "open"
