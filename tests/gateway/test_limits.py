"""Limits over the real gateway: many callers at once, and the books that must agree to the nano-dollar afterwards."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.db.models import Sum

from routerapp.models import AttemptRow, Granularity, RequestRollup, RoutedRequest
from routerapp.serving.units import hash_user
from routerapp.store.drain import Drainer
from routerapp.store.keys import NewKey
from routerapp.store.records import AttemptEnd, Begin, End
from routerapp.store.snapshot import Snapshot
from routerapp.store.undrained import spend_of_callers, spend_of_rows
from tests.gateway.server import Running, running_gateway
from tests.runtimes import QUICK, a_deployment, a_policy, a_snapshot, journal_of

PROMPT = {"messages": [{"role": "user", "content": "Say hello"}], "max_tokens": 100, "user": "ada"}
DAY = 24 * 3_600_000


def snapshot_of(
    keys: Mapping[str, NewKey], limits: Mapping[str, Any], simulations: Mapping[str, Any] | None = None, **more: Any
) -> Snapshot:
    return a_snapshot(keys=keys, callers={"app": dict(limits)}, simulations=simulations, **more)


async def send_all(running: Running, bodies: list[dict[str, Any]]) -> list[httpx.Response | None]:
    """All at once. A body with "leave" is given up after a few bytes of its stream."""
    limits = httpx.Limits(max_connections=len(bodies))
    headers = {"authorization": f"Bearer {running.key.full}"}
    async with httpx.AsyncClient(
        base_url=running.url, headers=headers, limits=limits, timeout=60, trust_env=False
    ) as client:

        async def send(body: dict[str, Any]) -> httpx.Response | None:
            if not body.pop("leave", False):
                return await client.post("/v1/chat/completions", json=body)
            async with client.stream("POST", "/v1/chat/completions", json=body) as response:
                async for _ in response.aiter_bytes():
                    break
            return None

        return await asyncio.gather(*(send(body) for body in bodies))


def usage(running: Running, name: str) -> dict[str, int]:
    found: dict[str, int] = running.call(
        lambda: running.runtime.limits.usage_report([name], running.runtime.clock.now_ms())[name]
    )
    return found


def settle(running: Running) -> None:
    """Until the server has noticed that everybody left."""
    for _ in range(200):
        if usage(running, "key:app")["in_flight"] == 0:
            return
        asyncio.run(asyncio.sleep(0.02))
    raise AssertionError(usage(running, "key:app"))


FLAKY = {**QUICK, "error_share": 0.2, "errors": ["500", "reset", "truncate", "503"]}
# One in three is of a model without a price, let through by setting, and repeats of a prompt are answered from the cache.
ODD = {
    "deployments": [a_deployment("cheap"), a_deployment("dear", dollars=10), a_deployment("bare", prices=[])],
    "policies": [
        a_policy(pool=["model:cheap", "model:dear"], cache={"mode": "exact", "ttl_seconds": 60}),
        a_policy("bare", pool=["model:bare", "model:cheap"], strategy={"kind": "ordered"}),
    ],
    "budgets": {"unpriced": "allow"},
}


def bodies_of(number: int, is_odd: bool) -> dict[str, Any]:
    body = PROMPT | {"stream": number % 3 == 0, "leave": number % 9 == 0, "max_tokens": 40 + number % 60}
    if is_odd:
        body |= {"max_tokens": 60, "model": "policy/bare" if number % 3 == 1 else "auto"}
    return body


@pytest.mark.parametrize("is_odd", [False, True], ids=["fallbacks and cuts", "and cache hits and no price"])
@pytest.mark.django_db(transaction=True)
def test_two_hundred_at_once_never_pass_the_budget_and_all_books_agree(tmp_path: Path, is_odd: bool) -> None:
    limit = 10_000_000 if is_odd else 25_000_000
    limits = {"daily_spend_nusd": limit, "monthly_spend_nusd": 10 * limit}
    more: dict[str, Any] = {"users": {"*": {"daily_spend_nusd": 3 * limit}}} | (ODD if is_odd else {})
    simulations = {"cheap": FLAKY, "dear": QUICK, "bare": FLAKY}
    with running_gateway(tmp_path, lambda keys: snapshot_of(keys, limits, simulations, **more)) as running:
        # The first of them fills the cache; alone, it is not held against two hundred others.
        first = asyncio.run(send_all(running, [bodies_of(2, is_odd)]))
        answers = first + asyncio.run(send_all(running, [bodies_of(number, is_odd) for number in range(200)]))
        settle(running)
        rows = {name: usage(running, name) for name in ("key:app", "team:team-a", f"user:{hash_user('ada')}")}
        records = journal_of(running.runtime)
        with Drainer("default", tmp_path) as drainer:
            drainer.drain_once()
        now_ms = running.runtime.clock.now_ms()
        restored = spend_of_callers(tmp_path / "spool", now_ms)
        restored |= spend_of_rows(tmp_path / "spool", now_ms, now_ms + DAY, ("user_hash",))

    codes = Counter(answer.status_code for answer in answers if answer is not None)
    ends = [record for record in records if isinstance(record, End)]
    spent = sum(record.cost_nusd or 0 for record in records if isinstance(record, AttemptEnd))
    reserved = {record.id: record.reservation_nusd for record in records if isinstance(record, Begin)}
    assert codes[402] > 0, codes
    assert codes[200] > 0, codes
    assert 0 < spent <= limit
    # What a later attempt needs beyond what was held at the beginning is held before it is made.
    assert all((one.cost_nusd or 0) <= reserved[one.id] for one in ends if one.attempts <= 1)
    assert {row["day_held_nusd"] + row["month_held_nusd"] + row["in_flight"] for row in rows.values()} == {0}
    assert {row["day_spent_nusd"] for row in rows.values()} == {spent}
    assert AttemptRow.objects.aggregate(sum=Sum("cost_nusd"))["sum"] == spent
    priced = sum(one.cost_nusd or 0 for one in ends)
    assert RoutedRequest.objects.aggregate(sum=Sum("cost_nusd"))["sum"] == priced
    for granularity in Granularity.values:
        rollup = RequestRollup.objects.filter(granularity=granularity).aggregate(sum=Sum("cost_nusd"))
        assert rollup["sum"] == priced
    assert restored == dict.fromkeys(rows, (spent, spent))
    if is_odd:
        assert any(one.cache == "hit" and one.cost_nusd == 0 for one in ends)
        assert any(one.cost_nusd is None and one.status == "ok" for one in ends)
    else:
        assert priced == spent


def test_so_many_at_once_as_the_limit_allows(tmp_path: Path) -> None:
    slow = {**QUICK, "ttft_ms": {"p50": 300, "p95": 301}}
    with running_gateway(tmp_path, lambda keys: snapshot_of(keys, {"max_parallel": 7}, {"cheap": slow})) as running:
        answers = asyncio.run(send_all(running, [dict(PROMPT) for _ in range(40)]))
        settle(running)

    codes = Counter(answer.status_code for answer in answers if answer is not None)
    assert codes == {200: 7, 429: 33}
    refused = next(one for one in answers if one is not None and one.status_code == 429)
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["error"]["code"] == "rate_limited"
    assert refused.json()["error"]["limit"] == {"subject": "key:app", "name": "max_parallel"}


def test_a_body_that_cannot_be_read_says_where_the_key_stands(tmp_path: Path) -> None:
    with running_gateway(tmp_path, lambda keys: snapshot_of(keys, {"requests_per_minute": 5})) as running:
        bad = running.post({"messages": "hello"})
        routed = running.post(PROMPT, "/v1/router/route")

    assert (bad.status_code, bad.headers["x-ratelimit-remaining-requests"]) == (400, "5")
    assert (routed.status_code, routed.headers["x-ratelimit-remaining-requests"]) == (200, "4")


def test_the_route_only_api_counts_requests_and_holds_nothing(tmp_path: Path) -> None:
    limits = {"requests_per_minute": 2, "daily_spend_nusd": 10**9, "max_parallel": 1}
    with running_gateway(tmp_path, lambda keys: snapshot_of(keys, limits)) as running:
        codes = [running.post(PROMPT, "/v1/router/route").status_code for _ in range(3)]
        row = usage(running, "key:app")

    assert codes == [200, 200, 429]
    assert (row["in_flight"], row["day_held_nusd"], row["day_spent_nusd"]) == (0, 0, 0)


def test_a_budget_that_is_spent_is_402_and_not_to_be_repeated(tmp_path: Path) -> None:
    with running_gateway(tmp_path, lambda keys: snapshot_of(keys, {"monthly_spend_nusd": 10})) as running:
        answer = running.post(PROMPT)

    assert (answer.status_code, answer.json()["error"]["code"]) == (402, "budget_exceeded")
    assert answer.headers["x-should-retry"] == "false"
    assert "This API key's monthly budget of 0.00000001 USD" in answer.json()["error"]["message"]
