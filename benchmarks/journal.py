"""What recording costs: append on the hot path, then draining, reports and disk."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson

REQUESTS = 20_000


def measure() -> dict[str, Any]:
    """In a process of its own: Django reads its settings once, and this needs a data folder that is thrown away."""
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
        environment = {**kept, "SIGNALBOX_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "routerapp.settings"}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.journal", folder], env=environment, capture_output=True, check=True
        )
    figures: dict[str, Any] = orjson.loads(done.stdout.splitlines()[-1])
    return figures


def main(folder: Path) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, skip_checks=True)
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


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(main(Path(sys.argv[1]))) + b"\n")
