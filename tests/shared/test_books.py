"""The books of limits under everything that can happen between processes: in all of it, what all may use is never more than the limit."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from routerapp.engine.types import AllowanceFacts
from routerapp.store.limits import Grant
from routerapp.store.live import LiveState
from routerapp.store.shared.connection import Away, Connection
from routerapp.store.shared.limits import SharedLimits
from routerapp.store.shared.shared_state import SharedState, Timing
from tests.shared.fleet import PATIENT_SECONDS
from tests.shared.valkey import Valkey

LIMIT = AllowanceFacts(requests_per_minute=400, max_parallel=25, daily_spend_nusd=100_000, tokens_per_minute=50_000)
SUBJECT = (("key:a", LIMIT),)
TIMING = Timing(lease_ms=60_000, reservation_ms=60_000)
NOW_MS = 1_800_000_010_000


class Lossy:
    """A connection that loses questions, and answers to questions that were heard."""

    def __init__(self, connection: Connection, draw: random.Random) -> None:
        self._connection = connection
        self._draw = draw
        self.share = 0.0
        self.place = "somewhere"

    async def call(self, key: str, message: bytes) -> bytes:
        fate = self._draw.random()
        if fate < self.share / 2:
            raise Away("lost")
        answer = await self._connection.call(key, message)
        if fate < self.share:
            raise Away("the answer was lost")
        return answer

    async def close(self) -> None:
        await self._connection.close()


class Books(SharedLimits):
    """Of a process that takes no share of its own when it is not answered: then the sum must hold by the books alone."""

    def go_alone(self) -> None:
        self.is_alone = False


class Process:
    def __init__(self, valkey: Valkey, prefix: str, name: str, draw: random.Random) -> None:
        self.limits = Books()
        self.limits.is_alone = False
        self.lossy = Lossy(Connection(valkey.settings, PATIENT_SECONDS), draw)
        self.shared = SharedState(self.lossy, prefix, name, LiveState(), self.limits, lambda: NOW_MS, timing=TIMING)
        self.grants: list[Grant] = []
        self.spent = 0
        self.requests = 0

    async def step(self, draw: random.Random) -> None:
        what = draw.randrange(5)
        if what == 0 and self.limits.lacks(SUBJECT, NOW_MS):
            self.limits.need(lacks := self.limits.lacks(SUBJECT, NOW_MS))
            await self.shared._exchange()
            self.limits.settled(lacks)
        if what <= 1:
            grant = self.limits.admit(SUBJECT, NOW_MS)
            if isinstance(grant, Grant):
                self.requests += 1
                self.grants.append(grant)
        elif what == 2 and self.grants:
            grant, nusd, tokens = draw.choice(self.grants), draw.randrange(3_000), draw.randrange(1_500)
            if lacks := self.limits.lacks_for(grant, nusd, tokens, NOW_MS):
                self.limits.need(lacks)
                await self.shared._exchange()
                self.limits.settled(lacks)
            self.limits.hold(grant, nusd, tokens, NOW_MS)
        elif what == 3 and self.grants:
            grant = self.grants.pop(draw.randrange(len(self.grants)))
            nusd = draw.randrange(grant.nusd + 1)
            self.limits.book(["key:a"], nusd, draw.randrange(grant.tokens + 1), grant.begun, grant)
            self.limits.release(grant)
            self.spent += nusd
        else:
            await self.shared._exchange()

    def usage(self) -> tuple[int, int, int, int]:
        row = self.limits.usage_report(["key:a"], NOW_MS).get("key:a")
        if row is None:
            return 0, 0, 0, 0
        return row["requests"], row["tokens"], row["in_flight"], row["day_spent_nusd"] + row["day_held_nusd"]


@pytest.mark.parametrize("seed", range(3))
async def test_all_together_never_use_more_than_the_limit(valkey: Valkey, tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    processes = [Process(valkey, tmp_path.name, f"p{number}", draw) for number in range(4)]
    gone: list[Process] = []
    for number in range(400):
        one = draw.choice(processes)
        one.lossy.share = 0.3 if number % 100 > 60 else 0.0
        await one.step(draw)
        if number in (150, 250):
            # One is killed, one leaves; another comes.
            processes.remove(one)
            gone.append(one)
            one.lossy.share = 0.0
            if number == 250:
                await one.shared.stop()
            else:
                await one.lossy.close()
            processes.append(Process(valkey, tmp_path.name, f"later-{number}", draw))
        requests, tokens, _, money = (sum(n) for n in zip(*(one.usage() for one in (*processes, *gone)), strict=True))
        assert requests <= LIMIT.requests_per_minute
        assert tokens <= LIMIT.tokens_per_minute
        assert money <= LIMIT.daily_spend_nusd
        assert sum(one.usage()[2] for one in processes) <= LIMIT.max_parallel
    used_money = sum(one.usage()[3] for one in (*processes, *gone))
    for one in processes:
        await one.lossy.close()

    # And it is not because nothing was let through.
    assert used_money > LIMIT.daily_spend_nusd // 4
