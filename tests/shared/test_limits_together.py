"""Several processes keep one set of limits: together they never let more through than one would, and little less."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from routerapp.serving.served import Refused
from routerapp.store.limits import Grant
from routerapp.store.shared.shared_state import Timing
from routerapp.store.shared.slices import IDLE_AFTER_MS
from routerapp.store.snapshot import Snapshot
from tests.runtimes import QUICK, a_deployment, a_snapshot
from tests.shared.fleet import QUICKLY, a_fleet, a_member, ask, leave, settled, usage, vanish
from tests.shared.valkey import Valkey

# After so long without a request a process keeps nothing ahead of need.
IDLE_SECONDS = IDLE_AFTER_MS / 1000 + 0.2


def limited(limits: dict[str, Any], **more: Any) -> Snapshot:
    simulation = {**QUICK, "ttft_ms": {"p50": 1, "p95": 2}, **more.pop("simulation", {})}
    deployments = [a_deployment("cheap")]
    return a_snapshot(callers={"app": limits}, deployments=deployments, simulations={"cheap": simulation}, **more)


def codes_of(answers: list[int | Refused]) -> Counter[int]:
    return Counter(one.status if isinstance(one, Refused) else one for one in answers)


@pytest.fixture(autouse=True)
def _not_at_the_turn_of_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts of one minute would begin anew in the middle of a test."""
    real = "routerapp.providers.clock.SystemClock.now_ms"
    import time

    start = time.time()
    monkeypatch.setattr(real, lambda self: 1_800_000_010_000 + int((time.time() - start) * 1000))


async def test_four_processes_and_eight_hundred_requests_let_exactly_the_limit_through(
    valkey: Valkey, tmp_path: Path
) -> None:
    async with a_fleet(valkey, tmp_path, limited({"requests_per_minute": 300}), 4) as members:
        answers = await asyncio.gather(*(ask(member) for _ in range(200) for member in members))

    assert codes_of(answers) == {200: 300, 429: 500}
    refused = next(one for one in answers if isinstance(one, Refused))
    assert refused.headers["x-ratelimit-limit-requests"] == "300"
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert "limit of 300 requests per minute" in refused.message


async def test_four_processes_and_eight_hundred_requests_never_pass_a_budget_and_use_it_up(
    valkey: Valkey, tmp_path: Path
) -> None:
    limit = 12_000_000
    async with a_fleet(valkey, tmp_path, limited({"daily_spend_nusd": limit}), 4) as members:
        answers = await asyncio.gather(*(ask(member) for _ in range(200) for member in members))
        at_once = usage(members, "key:app")["day_spent_nusd"]
        # What the answers did not use of what was held for them is spent by those that follow, wherever they come in.
        served = 1
        while served:
            await asyncio.sleep(IDLE_SECONDS)
            await settled(members)
            served = 0
            for member in members:
                while await ask(member) == 200:
                    served += 1
        spent = usage(members, "key:app")["day_spent_nusd"]

    assert codes_of(answers)[200] > 0
    assert codes_of(answers)[402] > 0
    assert at_once <= limit
    # Of one request, and no more: in one process, too, it would have been the end.
    worst_case = 250_000
    assert limit - worst_case <= spent <= limit


async def test_so_many_at_once_as_the_limit_allows_over_all_processes(valkey: Valkey, tmp_path: Path) -> None:
    slow = {"ttft_ms": {"p50": 400, "p95": 401}}
    async with a_fleet(valkey, tmp_path, limited({"max_parallel": 7}, simulation=slow), 3) as members:
        answers = await asyncio.gather(*(ask(member) for _ in range(10) for member in members))
        again = await asyncio.gather(*(ask(members[0]) for _ in range(10)))

    assert codes_of(answers) == {200: 7, 429: 23}
    # Given back by the others when they had ended, also to a process that had none.
    assert codes_of(again)[200] >= 5


async def test_a_steady_caller_is_served_from_slices_without_waiting(valkey: Valkey, tmp_path: Path) -> None:
    limits = {"requests_per_minute": 10_000, "daily_spend_nusd": 10**12, "tokens_per_minute": 10**9}
    async with a_fleet(valkey, tmp_path, limited(limits), 2) as members:
        for _ in range(40):
            assert await ask(members[0]) == 200
        shared = members[0].shared
        assert shared is not None
        warm = shared.counts.waits
        for _ in range(100):
            assert await ask(members[0]) == 200

    assert warm <= 20
    assert shared.counts.waits - warm <= 2


async def test_what_an_idle_process_had_taken_ahead_is_given_back(valkey: Valkey, tmp_path: Path) -> None:
    async with a_fleet(valkey, tmp_path, limited({"requests_per_minute": 40}), 2) as (first, second):
        assert codes_of([await ask(first) for _ in range(10)]) == {200: 10}
        await asyncio.sleep(IDLE_SECONDS)
        await settled([first, second])
        answers = [await ask(second) for _ in range(31)]

    assert codes_of(answers) == {200: 30, 429: 1}


async def test_a_process_that_leaves_gives_back_and_leaves_what_it_spent(valkey: Valkey, tmp_path: Path) -> None:
    snapshot = limited({"daily_spend_nusd": 10**9, "requests_per_minute": 30})
    async with a_fleet(valkey, tmp_path, snapshot, 2) as (first, second):
        assert codes_of([await ask(first) for _ in range(10)]) == {200: 10}
        spent = usage([first], "key:app")["day_spent_nusd"]
        await leave(first)
        await ask(second)
        await settled([second])
        now_ms = second.clock.now_ms()
        subjects = second.snapshot.config.subjects_of(second.snapshot.config.callers["app"], None)
        left = second.limits.spend_left(subjects, now_ms)
        own = usage([second], "key:app")["day_spent_nusd"]
        rest = [await ask(second) for _ in range(20)]

    assert left == 10**9 - spent - own
    assert codes_of(rest) == {200: 19, 429: 1}


async def test_what_a_killed_process_held_counts_as_spent_until_its_reservation_is_over(
    valkey: Valkey, tmp_path: Path
) -> None:
    snapshot = limited({"daily_spend_nusd": 10_000, "max_parallel": 1})
    timing = Timing(exchange_seconds=0.05, lease_ms=300, reservation_ms=1_200)
    async with a_fleet(valkey, tmp_path, snapshot, 2, timing=timing) as (first, second):
        subjects = first.snapshot.config.subjects_of(first.snapshot.config.callers["app"], None)
        assert first.shared is not None
        assert second.shared is not None
        await first.shared.cover(subjects)
        grant = first.limits.admit(subjects, first.clock.now_ms())
        assert isinstance(grant, Grant)
        await first.shared.cover_hold(grant, 9_000, 0)
        assert first.limits.hold(grant, 9_000, 0, first.clock.now_ms()) is None
        first.limits.book(["key:app"], 1_000, 0, grant.begun, grant)
        await settled([first])
        await vanish(first)

        async def second_may(nusd: int) -> tuple[bool, bool]:
            """Whether one gets in, and whether it may hold so much."""
            assert second.shared is not None
            await second.shared.cover(subjects)
            own = second.limits.admit(subjects, second.clock.now_ms())
            if not isinstance(own, Grant):
                return False, False
            await second.shared.cover_hold(own, nusd, 0)
            may_hold = second.limits.hold(own, nusd, 0, second.clock.now_ms()) is None
            second.limits.release(own)
            return True, may_hold

        assert await second_may(2_000) == (False, False)
        await asyncio.sleep(0.7)
        assert await second_may(2_000) == (True, False)
        await asyncio.sleep(1.2)
        assert await second_may(2_000) == (True, True)
        # What it had told to be spent stays spent.
        assert await second_may(9_500) == (True, False)


async def test_an_exact_limit_asks_for_every_request(valkey: Valkey, tmp_path: Path) -> None:
    limits = {"requests_per_minute": 30, "is_exact": True}
    async with a_fleet(valkey, tmp_path, limited(limits), 3) as members:
        answers = [await ask(members[number % 3]) for number in range(34)]
        waits = sum(member.shared.counts.waits for member in members if member.shared is not None)

    # In turn at three processes, and yet to the last one.
    assert codes_of(answers) == {200: 30, 429: 4}
    assert waits == 34


async def test_spend_that_rows_know_is_in_the_books_before_the_first_request(valkey: Valkey, tmp_path: Path) -> None:
    async def read_floors(has_users: bool) -> tuple[dict[str, tuple[int, int]], int]:
        assert has_users
        return {"key:app": (99_000_000, 99_000_000)}, member.clock.now_ms()

    snapshot = limited({"daily_spend_nusd": 100_000_000})
    member = a_member(valkey, tmp_path, "first", snapshot, QUICKLY, read_floors=read_floors)
    assert member.shared is not None
    await member.shared.start()
    subjects = member.snapshot.config.subjects_of(member.snapshot.config.callers["app"], None)
    await member.shared.cover(subjects)
    await ask(member)
    await settled([member])
    left = member.limits.spend_left(subjects, member.clock.now_ms())
    spent = usage([member], "key:app")["day_spent_nusd"]
    await leave(member)

    assert left == 1_000_000 - spent


async def test_books_that_were_lost_are_rebuilt_and_nothing_counts_twice(own_valkey: Valkey, tmp_path: Path) -> None:
    known = {"key:app": (5_000_000, 5_000_000)}
    reads = []

    async def read_floors(has_users: bool) -> tuple[dict[str, tuple[int, int]], int]:
        """Rows know what was spent before, and what these processes have spent."""
        spent = usage(members, "key:app").get("day_spent_nusd", 0) if members else 0
        reads.append(has_users)
        return {"key:app": (known["key:app"][0] + spent, known["key:app"][1] + spent)}, 1_800_000_010_000

    members: list[Any] = []
    snapshot = limited({"daily_spend_nusd": 100_000_000})
    options = {"read_floors": read_floors, "timeout_seconds": 2.0}
    async with a_fleet(own_valkey, tmp_path, snapshot, 3, **options) as fleet:
        members.extend(fleet)
        for number in range(30):
            assert await ask(members[number % 3]) == 200
        await settled(members)
        own_valkey.kill()
        own_valkey.start()
        newcomer = a_member(own_valkey, tmp_path, "newcomer", snapshot, QUICKLY, read_floors=read_floors)
        assert newcomer.shared is not None
        await newcomer.shared.start()
        await asyncio.sleep(1.5)
        await settled([*members, newcomer], 3)
        assert await ask(newcomer) == 200
        await asyncio.sleep(1.7)
        await settled([*members, newcomer], 3)
        subjects = snapshot.config.subjects_of(snapshot.config.callers["app"], None)
        lefts = {one.limits.spend_left(subjects, one.clock.now_ms()) for one in (newcomer,)}
        spent = usage([*members, newcomer], "key:app")["day_spent_nusd"]
        await leave(newcomer)

    assert lefts == {100_000_000 - 5_000_000 - spent}
    assert reads.count(True) >= 2
