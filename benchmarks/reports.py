"""What reports cost on many recorded requests: the overview, the request list by each filter, whole pages, and writing beside them.

`python -m benchmarks reports [--rows 1000000] [--folder PATH] [--postgresql | --url postgresql://…]`. Without a folder the data is thrown
away; with one it is kept and measured again. --postgresql starts a server of its own for the time, --url names an empty database or
one filled before. The first call is apart. Each figure is of several calls:
median and worst in milliseconds as a clock sees them, and CPU of this process, which for SQLite is all the work there is.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson

from tests.postgresql import PostgreSQL

ROUNDS = 7
SERVER = ("shared_buffers=512MB", "max_wal_size=8GB")
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
Figures = dict[str, Any]
Calls = Iterator[tuple[str, Callable[[], object]]]


def measure(arguments: Sequence[str] = ()) -> Figures:
    """In a process of its own: Django reads its settings once."""
    options = _options(arguments)
    with ExitStack() as stack:
        folder = options.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="signalbox-bench-"))
        if options.postgresql:
            options.url = stack.enter_context(PostgreSQL(*SERVER)).create("bench")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
        url = {"SIGNALBOX_DATABASE_URL": options.url} if options.url else {}
        environment = {
            **kept,
            **url,
            "SIGNALBOX_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "routerapp.settings",
        }
        command = [sys.executable, "-m", "benchmarks.reports", "--rows", str(options.rows)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    figures: Figures = orjson.loads(done.stdout.splitlines()[-1])
    return figures


def main(rows: int) -> Figures:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    from benchmarks.report_database import fill
    from benchmarks.report_writes import writes
    from routerapp.models import RoutedRequest

    call_command("migrate", verbosity=0, skip_checks=True)
    figures: Figures = {}
    now_ms = int(time.time() * 1000)
    if not RoutedRequest.objects.exists():
        started = time.perf_counter()
        fill(rows, now_ms - now_ms % DAY_MS)
        figures["filling, s"] = round(time.perf_counter() - started, 1)
    for name, call in (*_overviews(now_ms), *_lists(now_ms), *_pages()):
        figures[f"{connection.vendor}: {name}"] = timed(call)
    return figures | {f"{connection.vendor}: {name}": figure for name, figure in writes().items()}


def timed(call: Callable[[], object], rounds: int = ROUNDS) -> Figures:
    clock, cpu = [], []
    started = time.perf_counter()
    call()
    first_ms = 1000 * (time.perf_counter() - started)
    for _ in range(rounds):
        before = time.perf_counter(), time.process_time()
        call()
        clock.append(1000 * (time.perf_counter() - before[0]))
        cpu.append(1000 * (time.process_time() - before[1]))
    return {
        "first_ms": round(first_ms, 1),
        "least_ms": round(min(clock), 1),
        "median_ms": round(statistics.median(clock), 1),
        "worst_ms": round(max(clock), 1),
        "cpu_ms": round(statistics.median(cpu), 1),
    }


def _overviews(now_ms: int) -> Calls:
    from routerapp.store.overview import overview
    from routerapp.store.reports import Filters, Range

    ranges = {"1 h": HOUR_MS, "24 h": DAY_MS, "7 days": 7 * DAY_MS, "30 days": 30 * DAY_MS, "89 days": 89 * DAY_MS}
    for name, length_ms in ranges.items():
        span = Range(now_ms - length_ms, now_ms)
        yield f"overview, {name}", lambda span=span: overview(span)
    month = Range(now_ms - 30 * DAY_MS, now_ms)
    yield "overview, 30 days, one key", lambda: overview(month, Filters(key="key-00"))
    yield "overview, 30 days, one rule", lambda: overview(month, Filters(policy="support", rule="r1"))


def _lists(now_ms: int) -> Calls:
    from routerapp.store.requests import DEAREST, NEWEST, RequestFilters, list_requests

    cases = {
        "first page": RequestFilters(),
        "status": RequestFilters(statuses=("timeout",)),
        "model": RequestFilters(models=("model-9",)),
        "policy": RequestFilters(policy="legal"),
        "rule": RequestFilters(rule="r1"),
        "policy and rule": RequestFilters(policy="legal", rule="r1"),
        "key": RequestFilters(key="key-39"),
        "team": RequestFilters(team="team-3"),
        "task": RequestFilters(tasks=("question",)),
        "traffic": RequestFilters(origins=("playground",)),
        "cache": RequestFilters(cache="hit"),
        "time, two months ago": RequestFilters(from_ms=now_ms - 60 * DAY_MS, to_ms=now_ms - 59 * DAY_MS),
        "beginning of an id": RequestFilters(id_text=f"{now_ms - DAY_MS:012x}"[:8]),
        "key, status and task": RequestFilters(key="key-12", statuses=("timeout",), tasks=("code",)),
        "status of live and sample": RequestFilters(statuses=("timeout",), origins=("live", "sample")),
        "cost, none": RequestFilters(min_cost_nusd=10**12),
        "deployment, none": RequestFilters(deployments=("none",)),
    }
    for name, filters in cases.items():
        yield f"requests by {name}", lambda filters=filters: list_requests(filters)
    deep = f"{now_ms - 45 * DAY_MS}.0"
    yield "requests, a page in the middle", lambda: list_requests(RequestFilters(), NEWEST, deep)
    yield "requests, dearest", lambda: list_requests(RequestFilters(), DEAREST)
    hour = RequestFilters(from_ms=now_ms - HOUR_MS, to_ms=now_ms)
    yield "requests, dearest of the last hour", lambda: list_requests(hour, DEAREST)


def _pages() -> Calls:
    """Whole views with their templates, without a server and a network."""
    from django.contrib.staticfiles.storage import staticfiles_storage
    from django.core.management import call_command
    from django.test import Client

    from routerapp.models import Role, User

    call_command("collectstatic", verbosity=0, interactive=False)
    assert staticfiles_storage
    user, _ = User.objects.get_or_create(username="bench", defaults={"role": Role.ADMIN})
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)

    def get(address: str) -> None:
        answer = client.get(address)
        assert answer.status_code == 200, (address, answer.status_code)

    pages = {
        "Overview page, 24 h": "/",
        "Overview page, 30 days": "/?range=30d",
        "Requests page": "/requests/",
        "Requests page, filtered": "/requests/?status=timeout&policy=&task=code",
    }
    for name, address in pages.items():
        yield name, lambda address=address: get(address)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks reports")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--url", default="")
    parser.add_argument("--postgresql", action="store_true")
    return parser.parse_args(list(arguments))


if __name__ == "__main__":
    sys.stdout.buffer.write(orjson.dumps(main(_options(sys.argv[1:]).rows)) + b"\n")
