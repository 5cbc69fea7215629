"""What recording costs: append on the hot path, then draining, reports and disk."""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.scratch import measured_in_scratch, run_in_scratch

REQUESTS = 20_000
DURABLE_REQUESTS = 2_000


def measure() -> dict[str, Any]:
    return measured_in_scratch("journal")


def main(folder: Path) -> dict[str, Any]:
    from routerapp.store.drain import Drainer
    from routerapp.store.overview import overview
    from routerapp.store.reports import Range
    from tests.store.examples import AT_MS

    timings, spooled = _append(folder)
    transactions: list[float] = []
    with Drainer("default", folder, on_transaction=transactions.append) as drainer:
        started = time.perf_counter()
        drainer.drain_once()
        took = time.perf_counter() - started
    durability = _durability(folder)
    span = Range(AT_MS, AT_MS + max(REQUESTS * 1000, 1))
    started = time.perf_counter()
    report = overview(span)
    reported = time.perf_counter() - started
    return {
        "append (begin, attempt, end), median µs per request": round(statistics.median(timings) * 1e6, 1),
        "spool, kB per request": round(spooled / REQUESTS / 1000, 2),
        "drain, µs per request": round(took / REQUESTS * 1e6, 1),
        "drain, median transaction ms": round(statistics.median(transactions) * 1000, 1),
        "drain, longest transaction ms": round(max(transactions) * 1000, 1),
        **durability,
        "database, kB per request": round((folder / "signalbox.sqlite3").stat().st_size / REQUESTS / 1000, 2),
        f"overview of {report.totals.requests:,} requests, ms": round(reported * 1000, 1),
    }


def _append(folder: Path) -> tuple[list[float], int]:
    from routerapp.store.journal import Journal
    from tests.store.examples import attempt, begin, decision, end

    candidates = decision().candidates * 8
    chosen = decision(candidates=candidates, trace=decision().trace * 6)
    journal = Journal(folder / "spool")
    timings = []
    for number in range(REQUESTS):
        records = (begin(number, decision=chosen), attempt(number), end(number))
        started = time.perf_counter()
        for record in records:
            journal.append(record)
        timings.append(time.perf_counter() - started)
    journal.close()
    return timings, sum(path.stat().st_size for path in journal.folder.glob("*.log"))


def _durability(folder: Path) -> dict[str, Any]:
    """SIGNALBOX_DURABILITY=machine against process, each request as serve_chat writes it: begin and wait, then attempt and end and wait."""
    figures: dict[str, Any] = {"durable: one fdatasync of this disk, median ms": round(_one_sync(folder) * 1000, 3)}
    for parallel in (1, 16, 100):
        quick, safe = (asyncio.run(_requests(folder, parallel, is_synced)) for is_synced in (False, True))
        label = f"durable, {parallel} at once"
        figures |= {
            f"{label}: requests/s (in process mode)": f"{safe.rate:,.0f} ({quick.rate:,.0f})",
            f"{label}: added per request, p50 / p99 ms": f"{safe.p50_ms - quick.p50_ms:.2f} / {safe.p99_ms - quick.p99_ms:.2f}",
            f"{label}: CPU µs per request (in process mode)": f"{safe.cpu_us:.0f} ({quick.cpu_us:.0f})",
            f"{label}: syncs/s, waiting requests per sync": f"{safe.syncs:,.0f}, {safe.shared:.1f}",
        }
    return figures


def _one_sync(folder: Path) -> float:
    descriptor, times = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600), []
    for _ in range(100):
        os.write(descriptor, b"x" * 3_000)
        started = time.perf_counter()
        os.fdatasync(descriptor)
        times.append(time.perf_counter() - started)
    os.close(descriptor)
    return statistics.median(times)


@dataclass(frozen=True, slots=True)
class _Written:
    rate: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    syncs: float
    shared: float


async def _requests(folder: Path, parallel: int, is_synced: bool) -> _Written:
    from routerapp.store.journal import Journal
    from tests.store.examples import attempt, begin, end

    journal, times = Journal(folder / "durable", is_synced=is_synced), []
    numbers = iter(range(DURABLE_REQUESTS))

    async def caller() -> None:
        for number in numbers:
            started = time.perf_counter()
            journal.append(begin(number))
            if journal.syncs is not None:
                await journal.durable()
            journal.append(attempt(number))
            journal.append(end(number))
            if journal.syncs is not None:
                await journal.durable()
            times.append(time.perf_counter() - started)

    started, used = time.perf_counter(), time.process_time()
    await asyncio.gather(*(caller() for _ in range(parallel)))
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    syncs = journal.syncs
    journal.close()
    times.sort()
    groups = syncs.groups if syncs else 0
    return _Written(
        DURABLE_REQUESTS / seconds,
        1000 * times[len(times) // 2],
        1000 * times[int(len(times) * 0.99)],
        1e6 * cpu / DURABLE_REQUESTS,
        groups / seconds,
        (syncs.waited / groups) if syncs and groups else 0.0,
    )


if __name__ == "__main__":
    run_in_scratch(main)
