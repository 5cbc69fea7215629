"""Several processes route as one: they take turns together, and what one learns of a deployment all know within an exchange."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from routerapp.engine.types import InFlight, LiveDeployment, ProbePermit
from routerapp.serving.route_chat import prepare
from routerapp.serving.runtime import Runtime
from tests.runtimes import QUICK, a_chat, a_deployment, a_policy, a_snapshot
from tests.shared.fleet import a_fleet, ask, settled, vanish
from tests.shared.valkey import Valkey

ABC = [a_deployment(slug) for slug in ("a", "b", "c")]
IN_TURN = a_snapshot(
    deployments=ABC,
    policies=[a_policy(strategy={"kind": "round_robin"})],
    simulations={slug: {**QUICK, "ttft_ms": {"p50": 1, "p95": 2}} for slug in ("a", "b", "c")},
)


def live(member: Runtime, slug: str = "a") -> LiveDeployment:
    return member.live.view(member.clock.now_ms()).deployments.get(slug) or LiveDeployment()


def fail(member: Runtime, slug: str = "a", times: int = 5) -> None:
    for _ in range(times):
        member.live.attempt_started(slug, member.clock.now_ms())
        member.live.attempt_ended(slug, member.clock.now_ms(), ok=False)


def choice(member: Runtime) -> str:
    """What the next request would be sent to; its turn is taken."""
    prepared = prepare(member, a_chat(), member.snapshot.config.callers["app"])
    member.live.apply(prepared.effects)
    member.live.release([one for one in prepared.effects if isinstance(one, InFlight | ProbePermit)])
    return prepared.decision.plan[0].deployment


async def test_round_robin_is_even_over_all_processes_together(valkey: Valkey, tmp_path: Path) -> None:
    async with a_fleet(valkey, tmp_path, IN_TURN, 3) as members:
        drawn: Counter[str] = Counter()
        for _ in range(20):
            # One request each between two exchanges: alone, each would begin with the same.
            drawn.update(choice(member) for member in members)
            await settled(members, 1)

    assert sum(drawn.values()) == 60
    assert max(drawn.values()) - min(drawn.values()) <= 3


async def test_round_robin_of_a_process_that_comes_later_goes_on_where_the_others_are(
    valkey: Valkey, tmp_path: Path
) -> None:
    async with a_fleet(valkey, tmp_path, IN_TURN, 2) as (first, second):
        assert [choice(first), choice(first)] == ["a", "b"]
        await settled([first, second])

        assert choice(second) == "c"


async def test_an_opened_breaker_is_open_for_all_within_a_second_and_closes_for_all(
    valkey: Valkey, tmp_path: Path
) -> None:
    async with a_fleet(valkey, tmp_path, IN_TURN, 3) as members:
        fail(members[0])
        assert live(members[0]).breaker == "open"
        await settled(members)
        assert [live(member).breaker for member in members] == ["open"] * 3
        assert {choice(member) for member in members for _ in range(4)} == {"b", "c"}
        assert len({live(member).reopens_at_ms for member in members}) == 1

        # A Retry-After of nothing ends the cooldown at once: half open.
        members[0].live.attempt_started("b", members[0].clock.now_ms())
        members[0].live.attempt_ended("b", members[0].clock.now_ms(), ok=False, retry_after_ms=0)
        await settled(members)
        assert [live(member, "b").breaker for member in members] == ["half_open"] * 3
        # One of them may probe; for the others a probe is under way.
        assert sum(live(member, "b").probes_in_flight == 0 for member in members) <= 1

        members[2].live.attempt_started("b", members[2].clock.now_ms(), is_probe=True)
        members[2].live.attempt_ended("b", members[2].clock.now_ms(), ok=True, is_probe=True)
        await settled(members)
        assert [live(member, "b").breaker for member in members] == ["closed"] * 3
        assert [live(member, "b").probes_in_flight for member in members] == [0] * 3


async def test_a_probe_is_tried_by_one_process_at_a_time(valkey: Valkey, tmp_path: Path) -> None:
    async with a_fleet(valkey, tmp_path, IN_TURN, 3) as members:
        now_ms = members[0].clock.now_ms()
        members[0].live.attempt_started("a", now_ms)
        members[0].live.attempt_ended("a", now_ms, ok=False, retry_after_ms=0)
        most = 0
        for _ in range(30):
            await settled(members, 1)
            most = max(most, sum(live(member).probes_in_flight == 0 for member in members))

    # Two for the one exchange in which a turn passes on.
    assert 1 <= most <= 2


async def test_what_runs_elsewhere_is_counted_and_vanishes_with_its_process(valkey: Valkey, tmp_path: Path) -> None:
    async with a_fleet(valkey, tmp_path, IN_TURN, 3) as members:
        for number, member in enumerate(members):
            for _ in range(number + 1):
                member.live.attempt_started("a", member.clock.now_ms(), tokens=10)
        await settled(members)
        assert [live(member).in_flight for member in members] == [6, 6, 6]
        now_ms = members[0].clock.now_ms()
        assert [member.live.requests_this_minute("a", now_ms) for member in members] == [6] * 3
        assert [member.live.tokens_this_minute("a", now_ms) for member in members] == [60] * 3

        await vanish(members.pop())
        for _ in range(40):
            await settled(members, 1)
            if live(members[0]).in_flight == 3:
                break
        assert [live(member).in_flight for member in members] == [3, 3]
        members[0].live.attempt_ended("a", members[0].clock.now_ms(), ok=True)
        await settled(members)
        assert [live(member).in_flight for member in members] == [2, 2]


async def test_pace_and_success_are_everybodys(valkey: Valkey, tmp_path: Path) -> None:
    async with a_fleet(valkey, tmp_path, IN_TURN, 2) as members:
        for _ in range(8):
            for member, ok, ttft_ms in zip(members, (True, False), (100.0, 300.0), strict=True):
                now_ms = member.clock.now_ms()
                member.live.attempt_started("a", now_ms)
                member.live.attempt_ended("a", now_ms, ok=ok, ttft_ms=ttft_ms if ok else None)
                if not ok:
                    # Not five in a row: that would open the breaker.
                    member.live.attempt_started("a", now_ms)
                    member.live.attempt_ended("a", now_ms, ok=True, ttft_ms=ttft_ms)
            await settled(members, 1)
        await settled(members)
        first, second = (live(member) for member in members)

    assert first == second
    assert first.success_samples == 24
    assert first.success_ewma == pytest.approx(16 / 24, abs=0.02)
    assert first.ttft_ewma_ms == pytest.approx(300, rel=0.02)


async def test_a_unit_finds_its_deployment_at_every_process(valkey: Valkey, tmp_path: Path) -> None:
    sticky = {"by": "unit", "first": "strategy", "ttl_seconds": 60}
    snapshot = a_snapshot(
        deployments=ABC,
        policies=[a_policy(strategy={"kind": "round_robin"}, sticky=sticky)],
        simulations=dict.fromkeys(("a", "b", "c"), QUICK),
    )
    async with a_fleet(valkey, tmp_path, snapshot, 3) as members:
        for number, user in enumerate(("ada", "bob", "cyd", "dan")):
            assert await ask(members[number % 3], user=user) == 200
            await settled(members)
        found = {}
        for user in ("ada", "bob", "cyd", "dan"):
            chat = a_chat(user=user)
            plans = [prepare(member, chat, member.snapshot.config.callers["app"]).decision for member in members]
            found[user] = {one.plan[0].deployment for one in plans}

    assert all(len(one) == 1 for one in found.values())
    assert len(set.union(*found.values())) == 3
