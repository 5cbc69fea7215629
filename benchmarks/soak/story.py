"""What happens in a soak, and when: load at a part of what was measured, kills, one outage of the database, and the catching up afterwards."""

from __future__ import annotations

import contextlib
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from benchmarks.soak.books import Books, check
from benchmarks.soak.callers import Order, Summary
from benchmarks.soak.databases import Database, open_database
from benchmarks.soak.memory import Sampler, Series
from benchmarks.soak.workers import Kill, gateways, kill, processes
from benchmarks.soak.workspace import workspace
from tests.process.product import PROJECT, Product

SATURATION_SECONDS = 30.0
# Rows that do not come any more in so long a time will not come.
STILL_SECONDS = 30.0
SHARE_OF_DISK = 0.5
# Each worker keeps its last thousand requests: they fill up here, not during the time that is watched.
WARM_UP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Plan:
    """rate: requests a second; None is `share` of what the product takes in and writes down at most. outage_at: seconds from the start."""

    seconds: float
    folder: Path
    workers: int = 2
    database: str = "sqlite"
    rate: float | None = None
    share: float = 0.6
    kill_every: float = 120.0
    outage_at: float = 0.0
    outage_seconds: float = 300.0


@dataclass(slots=True)
class Story:
    """What happened. saturation: requests a second taken in and written down; None where a rate was given."""

    plan: Plan
    rate: float = 0.0
    saturation: float | None = None
    taken_in: float | None = None
    is_exact: bool = False
    calls: Summary | None = None
    kills: list[Kill] = field(default_factory=list)
    outage_seconds: float = 0.0
    waited_mib: float = 0.0
    catch_up_seconds: float = 0.0
    memory: list[Series] = field(default_factory=list)
    books: Books = field(default_factory=Books)
    log_lines: int = 0
    log_tail: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def tell(plan: Plan) -> Story:
    """Runs it. Everything it starts ends with it."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    story = Story(plan)
    data_dir = plan.folder / "data"
    database = open_database(plan.database, data_dir)
    with contextlib.closing(database), _upstream() as upstream_port:
        product = Product(data_dir, _free_port(), _variables(story, database))
        data_dir.mkdir(exist_ok=True)
        key = product.run_python(workspace(upstream_port)).strip().splitlines()[-1]
        product.start()
        if not gateways(product):
            raise RuntimeError(f"the product did not start: {product.printed()}")
        try:
            _live(story, product, database, key)
        finally:
            if product.process is not None and product.process.poll() is None:
                product.stop()
        product.run_python(
            "import django; django.setup()\nfrom django.core.management import call_command\ncall_command('drain', '--once')"
        )
        story.books = check(plan.folder, database, story.kills, is_exact=story.is_exact)
        said = product.printed().splitlines()
        story.log_lines, story.log_tail = len(said), said[-40:]
    return story


def _variables(story: Story, database: Database) -> dict[str, str]:
    variables = {"SIGNALBOX_DEMO": "0", "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1", **database.variables()}
    helped = subprocess.run([sys.executable, "manage.py", "run", "--help"], cwd=PROJECT, capture_output=True, text=True)
    # Since there are several workers, the supervisor holds the socket, and only connections of the killed process break.
    story.is_exact = "--workers" in helped.stdout
    if story.is_exact:
        return {**variables, "SIGNALBOX_WORKERS": str(story.plan.workers)}
    story.notes.append(
        "one worker: this release has no more; broken requests are told by their time, not by their connection"
    )
    return variables


def _live(story: Story, product: Product, database: Database, key: str) -> None:
    plan = story.plan
    if plan.rate is None:
        story.rate = _rate(story, product, database, key)
    else:
        story.rate = plan.rate
        _answer(_callers(Order(product.port, key, WARM_UP_SECONDS, 0.0, str(plan.folder), parallel=16)), 120)
    _say(f"{story.rate:,.0f} requests a second for {plan.seconds / 60:.1f} minutes, {len(gateways(product))} workers")
    order = Order(product.port, key, plan.seconds, story.rate, str(plan.folder))
    with Sampler(lambda: processes(product), min(5.0, plan.seconds / 120)) as sampler:
        callers = _callers(order)
        try:
            _disturb(story, product, database, callers)
            story.calls = msgspec.json.decode(_answer(callers, 300), type=Summary)
        finally:
            database.start() if story.outage_seconds == 0 else None
            if callers.poll() is None:
                callers.kill()
        began = time.monotonic()
        story.waited_mib = _spool_bytes(product) / 1024**2
        _wait_for_rows(database, plan.folder)
        story.catch_up_seconds = time.monotonic() - began
        sampler.sample()
    story.memory = list(sampler.series.values())


def _rate(story: Story, product: Product, database: Database, key: str) -> float:
    """Sixty percent of what goes in and comes out: the journal would take more for a while, but not for an hour."""
    plan, began = story.plan, time.monotonic()
    order = Order(product.port, key, SATURATION_SECONDS, 0.0, str(plan.folder), parallel=64)
    taken = msgspec.json.decode(_answer(_callers(order), SATURATION_SECONDS + 120), type=Summary)
    _wait_for_rows(database, plan.folder)
    seconds = time.monotonic() - began
    story.taken_in, story.saturation = taken.answered / taken.seconds, taken.answered / seconds
    rate = plan.share * story.saturation
    bytes_each = sum(path.stat().st_size for path in product.data_dir.glob("signalbox.sqlite3*")) / max(
        1, taken.answered
    )
    most = SHARE_OF_DISK * shutil.disk_usage(plan.folder).free / max(1.0, bytes_each * plan.seconds)
    if most < rate:
        story.notes.append(f"the disk has room for {most:,.0f} requests a second only, not {rate:,.0f}")
    return min(rate, most)


def _disturb(story: Story, product: Product, database: Database, callers: subprocess.Popen[bytes]) -> None:
    plan, began, next_kill = story.plan, time.monotonic(), story.plan.kill_every
    stopped_at: float | None = None
    is_over = plan.outage_seconds <= 0
    while callers.poll() is None and (now := time.monotonic() - began) < plan.seconds:
        if stopped_at is None and not is_over and now >= plan.outage_at:
            _say(f"{now:5.0f} s  database away: {database.name}")
            stopped_at = time.monotonic()
            database.stop()
        if stopped_at is not None and time.monotonic() - stopped_at >= plan.outage_seconds:
            database.start()
            story.outage_seconds, stopped_at, is_over = time.monotonic() - stopped_at, None, True
            _say(f"{now:5.0f} s  database back, {_spool_bytes(product) / 1024**2:,.0f} MiB wait")
        # The last ones have time to end: a kill at the very end would test nothing more.
        if now >= next_kill and now < plan.seconds - 5:
            next_kill += plan.kill_every
            if (one := _next_victim(story, product)) is not None:
                story.kills.append(kill(one, product.port))
                _say(f"{now:5.0f} s  killed worker {one} with {len(story.kills[-1].lines)} connections")
        time.sleep(0.2)
    if stopped_at is not None:
        database.start()
        story.outage_seconds = time.monotonic() - stopped_at


def _next_victim(story: Story, product: Product) -> int | None:
    """The youngest worker that has lived a while: the oldest lives through it all, so that its memory can be watched for the whole time."""
    found = sorted(
        gateways(product), key=lambda pid: int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
    )
    if not found:
        story.notes.append("no worker to kill: one is just being started")
        return None
    return found[-1]


def _wait_for_rows(database: Database, folder: Path) -> None:
    """Until the database has as many requests as were answered. Too few in the end is for the books to tell."""
    with (folder / "answered").open("rb") as file:
        wanted = sum(1 for _ in file)
    rows, moved_at = -1, time.monotonic()
    while time.monotonic() - moved_at < STILL_SECONDS:
        found = int(next(iter(database.rows("SELECT count(*) FROM routed_request")))[0])
        if found >= wanted:
            return
        if found != rows:
            rows, moved_at = found, time.monotonic()
        time.sleep(1.0)


def _spool_bytes(product: Product) -> int:
    total = 0
    for path in (product.data_dir / "spool").glob("*/*.log"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def _callers(order: Order) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.soak.callers"], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(msgspec.to_builtins(order)).encode())
    process.stdin.close()
    process.stdin = None
    return process


def _answer(callers: subprocess.Popen[bytes], seconds: float) -> bytes:
    said, _ = callers.communicate(timeout=seconds)
    if callers.returncode:
        raise RuntimeError(f"the callers ended with {callers.returncode}; their message is above")
    return said


@contextlib.contextmanager
def _upstream() -> Iterator[int]:
    port = _free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.soak.upstream", str(port)], cwd=PROJECT)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _free_port() -> int:
    """Below those the system gives to connections, so that it is free again when the product binds it anew."""
    while True:
        port = random.randrange(12_000, 20_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _say(text: str) -> None:
    print(f"  {text}", flush=True)
