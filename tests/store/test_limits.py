from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from routerapp.engine.types import AllowanceFacts
from routerapp.store import limits as limits_module
from routerapp.store.limits import LONGEST_REQUEST_MS, CallerLimits, Grant, Shortage
from routerapp.store.usage_windows import DAY_MS, MINUTE_MS, moment_at, month_starts_ms

MIDNIGHT = 20_700 * DAY_MS
DOLLAR = 10**9


def allowance(**limits: Any) -> AllowanceFacts:
    return AllowanceFacts(**limits)


def admitted(limits: CallerLimits, now_ms: int = MIDNIGHT, **subjects: AllowanceFacts) -> Grant:
    grant = limits.admit([(name.replace("_", ":", 1), one) for name, one in subjects.items()], now_ms)
    assert isinstance(grant, Grant), grant
    return grant


def test_a_minute_has_so_many_requests_and_says_when_the_next_begins() -> None:
    limits, two = CallerLimits(), [("key:a", allowance(requests_per_minute=2))]
    first = [limits.admit(two, MIDNIGHT + 15_000) for _ in range(3)]

    assert isinstance(first[1], Grant)
    assert first[2] == Shortage("key:a", "requests_per_minute", 2, 2, 1, MIDNIGHT + MINUTE_MS)
    assert isinstance(limits.admit([("key:b", allowance(requests_per_minute=2))], MIDNIGHT + 15_000), Grant)
    assert isinstance(limits.admit(two, MIDNIGHT + MINUTE_MS), Grant)


def test_what_one_subject_refuses_is_taken_from_none() -> None:
    limits = CallerLimits()
    key, team = ("key:a", allowance(requests_per_minute=9)), ("team:t", allowance(requests_per_minute=1))
    limits.release(limits.admit([key, team], MIDNIGHT))  # type: ignore[arg-type]
    refused = limits.admit([key, team], MIDNIGHT)

    assert isinstance(refused, Shortage)
    assert refused.subject == "team:t"
    assert limits.minute_left([key], "requests_per_minute", MIDNIGHT) == (9, 8)


def test_money_is_held_for_all_or_for_none() -> None:
    limits = CallerLimits()
    key, team = allowance(daily_spend_nusd=100), allowance(monthly_spend_nusd=50)
    grant = admitted(limits, key_a=key, team_t=team)
    shortage = limits.hold(grant, 60, 0, MIDNIGHT)

    assert shortage == Shortage("team:t", "monthly_spend_nusd", 50, 0, 60, month_starts_ms(MIDNIGHT + 32 * DAY_MS))
    assert not shortage.can_ever_pass
    assert limits.spend_left([("key:a", key)], MIDNIGHT) == 100
    assert limits.hold(grant, 50, 0, MIDNIGHT) is None
    assert limits.spend_left([("key:a", key), ("team:t", team)], MIDNIGHT) == 0


def test_parallel_requests_are_counted_until_they_end() -> None:
    limits, one = CallerLimits(), [("key:a", allowance(max_parallel=1))]
    grant = limits.admit(one, MIDNIGHT)
    assert limits.admit(one, MIDNIGHT) == Shortage("key:a", "max_parallel", 1, 1, 1, None)
    assert isinstance(grant, Grant)
    limits.release(grant)
    limits.release(grant)

    assert isinstance(limits.admit(one, MIDNIGHT), Grant)
    assert isinstance(limits.admit(one, MIDNIGHT), Shortage)


def test_what_was_held_and_not_used_is_given_back() -> None:
    limits, key = CallerLimits(), allowance(daily_spend_nusd=100, tokens_per_minute=1_000)
    grant = admitted(limits, key_a=key)
    limits.hold(grant, 80, 900, MIDNIGHT)
    limits.book(["key:a"], 30, 400, grant.begun, grant)
    assert limits.spend_left([("key:a", key)], MIDNIGHT) == 20
    assert limits.minute_left([("key:a", key)], "tokens_per_minute", MIDNIGHT) == (1_000, 100)
    limits.release(grant)

    assert limits.spend_left([("key:a", key)], MIDNIGHT) == 70
    assert limits.minute_left([("key:a", key)], "tokens_per_minute", MIDNIGHT) == (1_000, 600)


def test_a_request_counts_in_the_minute_day_and_month_in_which_it_began() -> None:
    limits = CallerLimits()
    new_year = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * 1000
    key = allowance(daily_spend_nusd=100, monthly_spend_nusd=100, tokens_per_minute=100)
    grant = admitted(limits, new_year - 1, key_a=key)
    limits.hold(grant, 100, 100, new_year - 1)
    assert limits.spend_left([("key:a", key)], new_year - 1) == 0
    assert limits.spend_left([("key:a", key)], new_year) == 100
    limits.book(["key:a"], 90, 100, grant.begun, grant)
    limits.release(grant)

    assert limits.spend_left([("key:a", key)], new_year) == 100
    assert limits.minute_left([("key:a", key)], "tokens_per_minute", new_year) == (100, 100)


def test_a_day_that_is_over_admits_no_further_hold() -> None:
    limits, key = CallerLimits(), allowance(daily_spend_nusd=100)
    grant = admitted(limits, MIDNIGHT - 1, key_a=key)
    limits.hold(grant, 10, 0, MIDNIGHT - 1)

    assert limits.hold(grant, 10, 0, MIDNIGHT) is None
    assert limits.hold(grant, 11, 0, MIDNIGHT) is not None


def test_a_month_goes_on_when_a_day_ends() -> None:
    limits, key = CallerLimits(), allowance(daily_spend_nusd=100, monthly_spend_nusd=150)
    begun = month_starts_ms(MIDNIGHT) + 2 * DAY_MS - 1
    grant = admitted(limits, begun, key_a=key)
    limits.book(["key:a"], 100, 0, grant.begun, grant)
    limits.release(grant)

    assert limits.spend_left([("key:a", key)], begun) == 0
    assert limits.spend_left([("key:a", key)], begun + 1) == 50


def test_a_clock_that_jumps_back_opens_no_second_window() -> None:
    limits, key = CallerLimits(), allowance(requests_per_minute=1, daily_spend_nusd=10)
    grant = admitted(limits, key_a=key)
    limits.book(["key:a"], 10, 0, grant.begun, grant)
    limits.release(grant)

    refused = limits.admit([("key:a", key)], MIDNIGHT - 3_600_000)
    assert isinstance(refused, Shortage)
    assert refused.renews_at_ms == MIDNIGHT + MINUTE_MS
    assert limits.spend_left([("key:a", key)], MIDNIGHT - 3_600_000) == 0


def test_more_than_was_held_is_booked_in_full() -> None:
    limits, key = CallerLimits(), allowance(daily_spend_nusd=100, tokens_per_minute=100)
    grant = admitted(limits, key_a=key)
    limits.hold(grant, 10, 10, MIDNIGHT)
    limits.book(["key:a"], 70, 60, grant.begun, grant)
    limits.release(grant)

    assert limits.spend_left([("key:a", key)], MIDNIGHT) == 30
    assert limits.minute_left([("key:a", key)], "tokens_per_minute", MIDNIGHT) == (100, 40)


def test_spend_survives_a_restart_and_yesterdays_part_only_in_the_month() -> None:
    limits = CallerLimits()
    day, month = allowance(daily_spend_nusd=100), allowance(monthly_spend_nusd=100)
    limits.restore({"key:a": (30, 80)}, MIDNIGHT)

    assert limits.spend_left([("key:a", day)], MIDNIGHT) == 70
    assert limits.spend_left([("key:a", month)], MIDNIGHT) == 20


def test_a_request_that_vanished_gives_back_what_it_held() -> None:
    limits, key = CallerLimits(), allowance(daily_spend_nusd=100, max_parallel=1)
    grant = admitted(limits, key_a=key)
    limits.hold(grant, 100, 0, MIDNIGHT)

    assert limits.sweep(MIDNIGHT + LONGEST_REQUEST_MS - 1) == 0
    assert limits.sweep(MIDNIGHT + LONGEST_REQUEST_MS) == 1
    assert limits.usage_report(["key:a"], MIDNIGHT)["key:a"]["in_flight"] == 0
    limits.release(grant)
    assert limits.usage_report(["key:a"], MIDNIGHT)["key:a"]["in_flight"] == 0


def test_a_request_taken_for_vanished_that_goes_on_leaves_nothing_held() -> None:
    """A machine that slept: its clock jumps by hours while its requests still run."""
    limits, key = CallerLimits(), allowance(daily_spend_nusd=100, max_parallel=1)
    grant = admitted(limits, key_a=key)
    limits.hold(grant, 60, 0, MIDNIGHT)
    limits.sweep(MIDNIGHT + LONGEST_REQUEST_MS)

    assert limits.hold(grant, 80, 0, MIDNIGHT + LONGEST_REQUEST_MS) is None
    row = limits.usage_report(["key:a"], MIDNIGHT + LONGEST_REQUEST_MS)["key:a"]
    assert (row["in_flight"], row["day_held_nusd"]) == (1, 80)
    limits.release(grant)
    row = limits.usage_report(["key:a"], MIDNIGHT + LONGEST_REQUEST_MS)["key:a"]
    assert (row["in_flight"], row["day_held_nusd"]) == (0, 0)


def test_users_are_forgotten_when_idle_and_never_while_something_of_theirs_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits_module, "MOST_IDLE_USERS", 10)
    limits, any_user = CallerLimits(), allowance(daily_spend_nusd=100, monthly_spend_nusd=200)
    limits.protect_users({"*": any_user})
    running = admitted(limits, user_running=any_user)
    limits.book(["user:spender"], 40, 0, moment_at(MIDNIGHT), None)
    for number in range(1_000):
        limits.release(admitted(limits, **{f"user_{number}": any_user}))
    later = MIDNIGHT + DAY_MS
    for number in range(1_000):
        limits.release(admitted(limits, later, **{f"user_{number}": any_user}))

    assert len(limits._users) <= 15
    assert limits.usage_report(["user:running"], later)["user:running"]["in_flight"] == 1
    assert limits.spend_left([("user:spender", any_user)], later) == 100
    assert limits.usage_report(["user:spender"], later)["user:spender"]["month_spent_nusd"] == 40
    limits.release(running)


def test_without_limits_on_users_their_number_is_bounded_whatever_they_spend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits_module, "MOST_IDLE_USERS", 10)
    limits = CallerLimits()
    for number in range(1_000):
        limits.book([f"user:{number}"], 1, 0, moment_at(MIDNIGHT), None)

    assert len(limits._users) <= 11


class Holds(RuleBasedStateMachine):
    """Any order of requests on two keys of one team, over a clock that also goes backwards, against a plain ledger."""

    KEYS = ("key:a", "key:b")
    LIMIT = {"key:a": 300, "key:b": 500, "team:t": 600}
    PARALLEL = 4

    def __init__(self) -> None:
        super().__init__()
        self.limits = CallerLimits()
        self.now_ms = MIDNIGHT + 1_000
        self.latest_ms = self.now_ms
        self.open: list[tuple[Grant, tuple[str, ...]]] = []
        self.spent: list[tuple[str, int, int]] = []

    def subjects(self, key: str) -> list[tuple[str, AllowanceFacts]]:
        team = allowance(daily_spend_nusd=self.LIMIT["team:t"], max_parallel=self.PARALLEL, tokens_per_minute=10_000)
        return [(key, allowance(daily_spend_nusd=self.LIMIT[key])), ("team:t", team)]

    @property
    def day(self) -> int:
        return self.latest_ms // DAY_MS

    @rule(step_ms=st.sampled_from([-7_200_000, -1, 1, 30_000, 61_000, DAY_MS // 3]))
    def time_passes(self, step_ms: int) -> None:
        self.now_ms += step_ms
        self.latest_ms = max(self.latest_ms, self.now_ms)

    @rule(key=st.sampled_from(KEYS), nusd=st.integers(0, 400), tokens=st.integers(0, 3_000))
    def begin(self, key: str, nusd: int, tokens: int) -> None:
        grant = self.limits.admit(self.subjects(key), self.now_ms)
        if isinstance(grant, Shortage):
            assert len(self.open) >= self.PARALLEL
            return
        if self.limits.hold(grant, nusd, tokens, self.now_ms) is None:
            self.open.append((grant, (key, "team:t")))
        else:
            self.limits.release(grant)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), nusd=st.integers(0, 400))
    def hold_more(self, data: st.DataObject, nusd: int) -> None:
        grant, _ = data.draw(st.sampled_from(self.open))
        before = grant.nusd
        is_held = self.limits.hold(grant, nusd, 0, self.now_ms) is None
        assert grant.nusd == (max(before, nusd) if is_held else before)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), share=st.integers(0, 100))
    def an_attempt_ends(self, data: st.DataObject, share: int) -> None:
        grant, names = data.draw(st.sampled_from(self.open))
        nusd, tokens = grant.nusd * share // 100, grant.tokens * share // 100
        self.limits.book(names, nusd, tokens, grant.begun, grant)
        self.spent += [(name, grant.begun.day, nusd) for name in names]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.open))
        self.open.remove(one)
        self.limits.release(one[0])
        self.limits.release(one[0])

    @invariant()
    def the_books_agree_and_no_limit_is_passed(self) -> None:
        self.limits.moment(self.latest_ms)
        for name, row in self.limits.usage_report(self.LIMIT, self.now_ms).items():
            mine = [grant for grant, names in self.open if name in names]
            assert row["day_spent_nusd"] == sum(n for who, day, n in self.spent if (who, day) == (name, self.day))
            assert row["day_held_nusd"] == sum(grant.nusd for grant in mine if grant.begun.day == self.day)
            assert row["day_spent_nusd"] + row["day_held_nusd"] <= self.LIMIT[name]
            assert row["in_flight"] == len(mine)
            assert 0 <= row["tokens"] <= 10_000
            assert min(row.values()) >= 0
        assert len(self.limits._grants) == len(self.open)


Holds.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_holds_are_never_negative_and_never_lost = Holds.TestCase
