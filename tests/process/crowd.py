"""Many clients that keep their connections, each asking again and again, and everything that became of what they asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from tests.process.product import Product

TIMEOUT = aiohttp.ClientTimeout(total=60)


@dataclass(slots=True)
class Asked:
    """began, ended: seconds of the monotonic clock. status 0: no whole answer came."""

    began: float
    ended: float
    status: int
    decision_id: str
    version: int
    problem: str = ""


@dataclass(slots=True)
class Crowd:
    product: Product
    body: dict[str, object]
    pause_seconds: float
    asked: list[Asked] = field(default_factory=list)
    is_over: bool = False

    @property
    def failed(self) -> list[Asked]:
        return [one for one in self.asked if one.status != 200]

    async def _ask(self, session: aiohttp.ClientSession, body: dict[str, object]) -> None:
        began = time.monotonic()
        status, decision_id, version, problem = 0, "", 0, ""
        try:
            async with session.post(f"{self.product.url}/v1/chat/completions", json=body) as answer:
                decision_id = answer.headers.get("x-router-decision-id", "")
                version = int(answer.headers.get("x-router-policy-version", 0))
                text = await answer.text()
                is_whole = not body.get("stream") or text.rstrip().endswith("data: [DONE]")
                status, problem = (answer.status if is_whole else 0), text if answer.status != 200 else ""
        except (TimeoutError, aiohttp.ClientError, ConnectionError) as error:
            problem = repr(error)
        self.asked.append(Asked(began, time.monotonic(), status, decision_id, version, problem))

    async def _client(self, number: int) -> None:
        """A session of its own, so that one client is one connection."""
        headers = {"Authorization": f"Bearer {self.product.key}"}
        async with aiohttp.ClientSession(headers=headers, timeout=TIMEOUT) as session:
            while not self.is_over:
                await self._ask(session, {**self.body, "stream": number % 3 == 0})
                await asyncio.sleep(self.pause_seconds)


@asynccontextmanager
async def a_crowd(
    product: Product, clients: int, body: dict[str, object], pause_seconds: float = 0.3
) -> AsyncIterator[Crowd]:
    crowd = Crowd(product, body, pause_seconds)
    tasks = [asyncio.create_task(crowd._client(number)) for number in range(clients)]
    try:
        yield crowd
    finally:
        crowd.is_over = True
        await asyncio.gather(*tasks)
