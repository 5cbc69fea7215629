"""kill -9 of everything in the middle of traffic: every received answer has its row, every other accepted request exactly one."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal

import aiohttp
import pytest

from tests.process.product import QUICK_WORKSPACE, Product, a_product
from tests.process.prompts import some_prompts

pytestmark = pytest.mark.process

REQUESTS = 1_000
PARALLEL = 24
SETTLE_SECONDS = 60


@dataclass(slots=True)
class Received:
    """costs: decision id -> nano-dollars of completely received answers; begun: ids whose head arrived."""

    costs: dict[str, int] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    failed: int = 0


def nusd(text: str | float) -> int:
    return int((Decimal(str(text)) * 1_000_000_000).to_integral_value())


async def ask(session: aiohttp.ClientSession, product: Product, number: int, prompt: str, got: Received) -> None:
    is_streaming = number % 2 == 0
    body = {"model": "auto", "messages": [{"role": "user", "content": prompt}], "stream": is_streaming}
    if is_streaming:
        body["stream_options"] = {"include_usage": True}
    try:
        async with session.post(f"{product.url}/v1/chat/completions", json=body) as answer:
            decision_id = answer.headers.get("x-router-decision-id", "")
            if decision_id:
                got.begun.add(decision_id)
            text = await answer.text()
    except (TimeoutError, aiohttp.ClientError, ConnectionError):
        got.failed += 1
        return
    if answer.status != 200:
        return
    if not is_streaming:
        got.costs[decision_id] = nusd(answer.headers["x-router-cost-usd"])
    elif text.rstrip().endswith("data: [DONE]"):
        usages = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {") and '"cost"' in line]
        got.costs[decision_id] = nusd(usages[-1]["usage"]["cost"])


async def send(product: Product, prompts: list[tuple[int, str]], got: Received, kill_after: int | None) -> None:
    queue = iter(prompts)
    done = 0
    headers = {"Authorization": f"Bearer {product.key}"}
    async with aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=60)) as session:

        async def worker() -> None:
            nonlocal done
            for number, prompt in queue:
                await ask(session, product, number, prompt, got)
                done += 1
                if kill_after is not None and done == kill_after:
                    product.kill_tree()

        await asyncio.gather(*(worker() for _ in range(PARALLEL)))


def rows(product: Product, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(product.data_dir / "signalbox.sqlite3") as database:
        return database.execute(query).fetchall()


def settle(product: Product, expected: set[str]) -> dict[str, tuple[str, int | None]]:
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = {
            str(row[0]): (str(row[1]), row[2])
            for row in rows(product, "SELECT id, status, cost_nusd FROM routed_request")
        }
        if expected <= set(found) or time.monotonic() > deadline:
            return found  # type: ignore[return-value]
        time.sleep(0.25)


def test_every_received_answer_has_exactly_one_row_and_sums_agree(tmp_path, capsys):
    prompts, origin = some_prompts(REQUESTS)
    numbered = list(enumerate(prompts))
    first, second = Received(), Received()
    with a_product(tmp_path, SIGNALBOX_DEMO="0") as product:
        product.prepare(QUICK_WORKSPACE)
        product.start()
        asyncio.run(send(product, numbered[: REQUESTS // 2], first, kill_after=REQUESTS // 4))
        product.start()
        asyncio.run(send(product, numbered[REQUESTS // 2 :], second, kill_after=None))
        found = settle(product, first.begun | second.begun)
        time.sleep(1)
        received = {**first.costs, **second.costs}
        lost = {decision_id for decision_id in (first.begun | second.begun) - set(received)}
        statuses = Counter(found[decision_id][0] for decision_id in lost if decision_id in found)
        unseen = Counter(found[decision_id][0] for decision_id in set(found) - first.begun - second.begun)
        with capsys.disabled():
            print(f"\n  {REQUESTS} prompts from {origin}: {len(received)} answers received, {len(found)} rows,")
            print(f"  cut or failed: {dict(statuses)}; accepted but never answered: {dict(unseen)}")

        assert len(received) > REQUESTS // 2
        assert {i: found.get(i) for i in received} == {i: ("ok", cost) for i, cost in received.items()}
        assert lost <= set(found)
        # The end is recorded before the last byte is sent: a kill between the two leaves a caller without it, and a whole record.
        assert set(statuses) <= {"interrupted", "cancelled", "upstream_error", "timeout", "ok"}
        assert statuses["ok"] <= PARALLEL
        assert set(unseen) <= {"interrupted", "cancelled", "upstream_error", "timeout", "ok"}
        assert unseen["ok"] <= PARALLEL
        check_sums(product)


CHART = """
import time, django; django.setup()
from routerapp.store.overview import overview
from routerapp.store.reports import Range
now_ms = int(time.time() * 1000)
totals = overview(Range(now_ms - 3_600_000, now_ms + 60_000)).totals
print(totals.cost_nusd, totals.requests)
"""


def check_sums(product: Product) -> None:
    """Attempts, requests, every granularity of both rollups and what the overview's charts show, as integers."""
    [(attempts,)] = rows(product, "SELECT sum(cost_nusd) FROM attempt")
    [(requests, count)] = rows(product, "SELECT sum(cost_nusd), count(*) FROM routed_request")
    assert attempts == requests
    for granularity in ("minute", "hour", "day"):
        where = f"WHERE granularity = '{granularity}'"
        assert rows(product, f"SELECT sum(cost_nusd) FROM attempt_rollup {where}") == [(attempts,)]
        assert rows(product, f"SELECT sum(cost_nusd), sum(n) FROM request_rollup {where}") == [(requests, count)]
    assert product.run_python(CHART).split() == [str(attempts), str(count)]
