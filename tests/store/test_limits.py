from hypothesis import given
from hypothesis import strategies as st

from routerapp.store.limits import DAY_MS, CallerLimits

MIDNIGHT = 20_700 * DAY_MS


def test_a_minute_has_so_many_requests_and_says_how_long_to_wait() -> None:
    limits = CallerLimits()
    taken = [limits.try_take_request("key", 2, MIDNIGHT + 15_000) for _ in range(3)]

    assert taken == [None, None, 45_000]
    assert limits.try_take_request("other", 2, MIDNIGHT + 15_000) is None
    assert limits.try_take_request("key", 2, MIDNIGHT + 60_000) is None
    assert limits.try_take_request("key", None, MIDNIGHT) is None


def test_a_clock_that_jumps_back_opens_no_second_window() -> None:
    limits = CallerLimits()
    assert limits.try_take_request("key", 1, MIDNIGHT) is None
    assert limits.reserve_spend("key", 10, 10, MIDNIGHT)
    limits.settle_spend("key", 10, 10, MIDNIGHT)

    assert limits.try_take_request("key", 1, MIDNIGHT - 3_600_000) == 3_660_000
    assert not limits.reserve_spend("key", 1, 10, MIDNIGHT - 3_600_000)


def test_holds_and_spend_together_stay_below_the_cap() -> None:
    limits = CallerLimits()
    assert limits.reserve_spend("key", 60, 100, MIDNIGHT)
    assert not limits.reserve_spend("key", 60, 100, MIDNIGHT)
    limits.settle_spend("key", 60, 30, MIDNIGHT)

    assert limits.spend_left("key", 100, MIDNIGHT) == 70
    assert limits.reserve_spend("key", 70, 100, MIDNIGHT)
    limits.release_spend("key", 70, MIDNIGHT)
    assert limits.spend_left("key", 100, MIDNIGHT) == 70
    assert limits.spend_left("key", None, MIDNIGHT) is None


def test_a_new_day_starts_at_zero_but_keeps_what_is_held() -> None:
    limits = CallerLimits()
    limits.reserve_spend("key", 40, 100, MIDNIGHT - 1)
    limits.settle_spend("key", 0, 50, MIDNIGHT - 1)

    assert limits.spend_left("key", 100, MIDNIGHT) == 60
    limits.settle_spend("key", 40, 5, MIDNIGHT)
    assert limits.spend_left("key", 100, MIDNIGHT) == 95


def test_spend_survives_a_restart() -> None:
    limits = CallerLimits()
    limits.restore_spend({"key": 80}, MIDNIGHT)

    assert not limits.reserve_spend("key", 30, 100, MIDNIGHT)
    assert limits.spend_left("key", 100, MIDNIGHT) == 20


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=60), st.integers(0, 500))
def test_holds_alone_never_pass_the_cap(calls: list[tuple[int, int]], cap: int) -> None:
    limits = CallerLimits()
    held = spent = 0
    for hold, actual in calls:
        if limits.reserve_spend("key", hold, cap, MIDNIGHT):
            held += hold
            assert held + spent <= cap
            if actual % 2:
                limits.settle_spend("key", hold, min(actual, hold), MIDNIGHT)
                held, spent = held - hold, spent + min(actual, hold)
