"""A Valkey that is slow, frozen, killed or was never there slows nobody, and limits fall back as documented and say so."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

import pytest

from routerapp.serving.recording import Recording
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused
from routerapp.store.records import End
from tests.runtimes import QUICK, a_chat, a_deployment, a_snapshot, journal_of
from tests.shared.fleet import a_fleet, a_member, ask, leave, settled, usage
from tests.shared.test_limits_together import codes_of, limited
from tests.shared.valkey import Valkey

SOON = {"timeout_seconds": 0.1}


async def until_alone(member: Any) -> None:
    for _ in range(300):
        if member.shared.is_alone:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(member.shared.report())


async def until_together(member: Any) -> None:
    for _ in range(1_000):
        if not member.shared.is_alone:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(member.shared.report())


@pytest.mark.parametrize("how", ["frozen", "killed"])
async def test_nobody_waits_longer_than_one_answer_would_take_and_then_not_at_all(
    own_valkey: Valkey, tmp_path: Path, how: str
) -> None:
    limits = {"requests_per_minute": 6_000, "daily_spend_nusd": 10**12}
    async with a_fleet(own_valkey, tmp_path, limited(limits), 2, **SOON) as members:
        for member in members:
            assert await ask(member) == 200
        await settled(members)
        own_valkey.freeze() if how == "frozen" else own_valkey.kill()
        waited = []
        for member in members:
            shared, subjects = (
                member.shared,
                member.snapshot.config.subjects_of(member.snapshot.config.callers["app"], None),
            )
            assert shared is not None
            for _ in range(40):
                began = time.perf_counter()
                await shared.cover(subjects)
                waited.append(time.perf_counter() - began)
        served = [await ask(member) for _ in range(20) for member in members]
        for member in members:
            await until_alone(member)
        afterwards = []
        for _ in range(50):
            began = time.perf_counter()
            await members[0].shared.cover(subjects)  # type: ignore[union-attr]
            afterwards.append(time.perf_counter() - began)
        own_valkey.thaw() if how == "frozen" else own_valkey.start()

    assert codes_of(served) == {200: 40}
    assert max(waited) < 0.6
    # Only those that came before anybody knew.
    assert sum(one > 0.05 for one in waited) <= 4
    assert max(afterwards) < 0.02


async def within_a_minute(seconds: float = 20) -> None:
    """Until the minute that a limit counts has so long to go: what is counted here is counted in one."""
    left = 60 - time.time() % 60
    if left < seconds:
        await asyncio.sleep(left + 0.1)


async def test_alone_each_process_goes_on_with_its_share_and_says_so(
    own_valkey: Valkey, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await within_a_minute()
    async with a_fleet(own_valkey, tmp_path, limited({"requests_per_minute": 40}), 2, **SOON) as members:
        caller = members[0].snapshot.config.callers["app"]
        assert "x-ratelimit-policy" not in (await serve_chat(members[0], a_chat(), caller)).headers
        await settled(members)
        own_valkey.kill()
        with caplog.at_level(logging.WARNING):
            for member in members:
                await until_alone(member)
            await asyncio.sleep(0.5)
        said = [record for record in caplog.records if "cannot be asked" in record.message]
        served = await serve_chat(members[0], a_chat(max_tokens=50), caller)
        answers = [[await ask(member) for _ in range(25)] for member in members]

    # Once by each.
    assert len(said) == 2
    assert served.headers["x-ratelimit-policy"] == "limits:local"
    end = next(one for one in reversed(journal_of(members[0])) if isinstance(one, End) and one.status == "ok")
    assert end.warnings == ("limits:local",)
    # Half of the limit each, in all never more than the limit.
    assert [codes_of(one)[200] for one in answers] == [18, 20]


async def test_what_was_spent_alone_is_in_the_books_when_valkey_is_back(own_valkey: Valkey, tmp_path: Path) -> None:
    async with a_fleet(own_valkey, tmp_path, limited({"daily_spend_nusd": 10**9}), 2, **SOON) as members:
        assert [await ask(member) for member in members] == [200, 200]
        await settled(members)
        own_valkey.freeze()
        for member in members:
            await until_alone(member)
        assert codes_of([await ask(member) for _ in range(10) for member in members]) == {200: 20}
        own_valkey.thaw()
        for member in members:
            await until_together(member)
        await asyncio.sleep(1.6)
        await settled(members, 3)
        subjects = members[0].snapshot.config.subjects_of(members[0].snapshot.config.callers["app"], None)
        assert await ask(members[0]) == 200
        # What an exchange has not yet told of is in the books a little later.
        for _ in range(50):
            await settled(members, 3)
            left = members[0].limits.spend_left(subjects, members[0].clock.now_ms())
            spent = usage(members, "key:app")["day_spent_nusd"]
            if left == 10**9 - spent:
                break

    assert left == 10**9 - spent


async def test_alone_a_budget_is_divided_and_never_passed(own_valkey: Valkey, tmp_path: Path) -> None:
    limit = 6_000_000
    async with a_fleet(own_valkey, tmp_path, limited({"daily_spend_nusd": limit}), 3, **SOON) as members:
        for member in members:
            assert await ask(member) == 200
        await settled(members)
        own_valkey.kill()
        for member in members:
            await until_alone(member)
        answers = [await ask(member) for _ in range(40) for member in members]
        spent = usage(members, "key:app")["day_spent_nusd"]

    assert codes_of(answers)[402] > 0
    # What the others had taken ahead when each last looked is in nobody's share.
    assert limit * 2 // 3 < spent <= limit


async def test_an_exact_limit_is_refused_while_nobody_can_be_asked(own_valkey: Valkey, tmp_path: Path) -> None:
    limits = {"requests_per_minute": 100, "is_exact": True}
    async with a_fleet(own_valkey, tmp_path, limited(limits), 1, **SOON) as (member,):
        assert await ask(member) == 200
        own_valkey.kill()
        await until_alone(member)
        refused = await ask(member)
        lenient = limited(limits, settings={"exact_limits_alone": "serve"})
        member.swap(lenient)
        served = await ask(member)

    assert isinstance(refused, Refused)
    assert (refused.status, refused.code) == (503, "limits_unavailable")
    assert refused.retry_after_ms
    assert served == 200


async def test_a_process_that_starts_while_valkey_is_dead_serves_and_joins_later(
    own_valkey: Valkey, tmp_path: Path
) -> None:
    own_valkey.kill()
    member = a_member(own_valkey, tmp_path, "first", limited({"requests_per_minute": 10}), **SOON)
    assert member.shared is not None
    began = time.perf_counter()
    await member.shared.start()
    took = time.perf_counter() - began
    answers = [await ask(member) for _ in range(12)]
    own_valkey.start()
    await until_together(member)
    await settled([member])
    report = member.shared.report()
    after = await ask(member)
    await leave(member)

    assert took < 1
    assert codes_of(answers) == {200: 10, 429: 2}
    assert (report["is_alone"], report["problem"], report["processes"]) == (False, "", 1)
    # What it let in alone counts.
    assert isinstance(after, Refused)


async def test_without_valkey_the_path_never_asks(tmp_path: Path) -> None:
    from tests.runtimes import a_runtime

    runtime = a_runtime(tmp_path, a_snapshot(deployments=[a_deployment("cheap")], simulations={"cheap": QUICK}))
    assert runtime.shared is None
    recording = Recording(runtime, a_chat(), runtime.snapshot.config.callers["app"], "live")
    await recording.admission.cover()
    assert "shared" not in runtime.report()
    recording.admission.release()
    await runtime.close(1)
