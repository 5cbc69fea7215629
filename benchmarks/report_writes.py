"""How long a transaction holds the database beside so many rows: recording, forgetting requests, dropping minute sums. Stops early."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from routerapp.models import RoutedRequest
from routerapp.serving.identifiers import make_id
from routerapp.store import batches, compaction, ingest, retention
from routerapp.store.ledger import Entry
from routerapp.store.records import encode_record
from routerapp.store.spool import Position

BATCHES = 40


class Enough(Exception):
    """So many batches say it."""


class Recorded(batches.Batches):
    """Notes what each transaction took."""

    took: list[float] = []

    @contextmanager
    def timed(self) -> Iterator[None]:
        with super().timed():
            yield
        self.took.append(self._took)


def writes() -> dict[str, Any]:
    return {
        "recording 500 requests": _recording(),
        "forgetting requests, a batch": _forgetting(),
        "dropping minute sums, a batch": _dropping(),
    }


def _recording() -> dict[str, float]:
    """As the drainer does it: one transaction, with inputs, traces and sums."""
    now_ms, took, cpu = int(time.time() * 1000), [], []
    drawn = random.Random(now_ms)
    for batch in range(10):
        rows = ingest.rows_of(_entry(now_ms + batch * 500 + number, drawn) for number in range(500))
        started = time.perf_counter(), time.process_time()
        ingest.ingest(rows, "bench", Position())
        took.append(time.perf_counter() - started[0])
        cpu.append(time.process_time() - started[1])
    return _figure(took) | {"cpu_ms": round(1000 * statistics.median(cpu), 1)}


def _entry(at_ms: int, drawn: random.Random) -> Entry:
    from tests.store.examples import attempt, begin, decision, end

    changes: dict[str, Any] = {"id": make_id(at_ms, drawn.getrandbits), "at_ms": at_ms}
    key = drawn.randrange(40)
    latency = {"latency_ms": int(drawn.lognormvariate(6, 1)), "ttft_ms": int(drawn.lognormvariate(5, 1))}
    chosen = decision(policy="support", policy_version=3, rule=f"r{drawn.randrange(4)}")
    begun = begin(0, **changes, key=f"key-{key:02}", team=f"team-{key % 8}", decision=chosen)
    tried = attempt(0, **changes, **latency)
    ended = end(0, **changes, **latency)
    return Entry(Position(), 0.0, begun, encode_record(begun), [tried], ended)


def _forgetting() -> dict[str, float]:
    """The oldest requests with their attempts and feedback."""
    oldest = RoutedRequest.objects.order_by("at_ms").values_list("at_ms", flat=True)[0]
    now = datetime.fromtimestamp(oldest / 1000, UTC) + timedelta(days=401)
    retention.Batches = compaction.Batches = Recorded  # type: ignore[misc]
    return _until_enough(lambda stop: retention.forget(now, stop, retention.RetentionDays(), ("requests",)))


def _dropping() -> dict[str, float]:
    now = datetime.now(UTC) + timedelta(days=retention.RetentionDays().minute_sums)
    return _until_enough(lambda stop: compaction.compact_rollups(now, stop))


def _until_enough(work: Callable[[Callable[[float, str], None]], object]) -> dict[str, float]:
    Recorded.took = []

    def stop(share: float, words: str) -> None:
        if len(Recorded.took) == BATCHES:
            raise Enough

    with suppress(Enough):
        work(stop)
    return _figure(Recorded.took)


def _figure(took: list[float]) -> dict[str, float]:
    milliseconds = [1000 * seconds for seconds in took]
    return {"median_ms": round(statistics.median(milliseconds), 1), "worst_ms": round(max(milliseconds), 1)}
