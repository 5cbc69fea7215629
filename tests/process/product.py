"""The whole product as processes, in a data folder and on a port of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from tests.patience import wait_until
from tests.process.console import PROJECT as PROJECT
from tests.process.console import Console
from tests.process.prepared import BARE, fill

READY_SECONDS = 300.0
LIVE_SECONDS = 60.0
# A workspace with quick simulated models and no history; prints nothing.
QUICK_WORKSPACE = """
from django.db import transaction
from django.utils import timezone
from django.conf import settings
from routerapp.demo.workspace import make_workspace
from routerapp.management.banner import keep_first_key
from routerapp.models import Deployment
from routerapp.serving.installation import first_start
from routerapp.store.revisions import record_config_revision
keep_first_key(settings.ENVIRONMENT, first_start(settings.ENVIRONMENT))
with transaction.atomic():
    make_workspace(timezone.now())
    for number, deployment in enumerate(Deployment.objects.all()):
        deployment.simulation = {"seed": number, "ttft_ms": {"p50": 15, "p95": 40}, "tokens_per_second": 4000, "output_tokens": {"mean": 60}, "error_share": 0.02, "errors": ["500", "429", "reset"]}
        deployment.save()
    record_config_revision("quick simulations")
"""
# All that a workspace is made from: whatever else differs between products, their prepared folders are the same.
_OF_A_WORKSPACE = ("SIGNALBOX_DEMO", "SIGNALBOX_ADMIN_PASSWORD")
# Two runs at the same time on one machine begin at different places.
_taken = count(os.getpid() * 37)


@dataclass(slots=True)
class Product:
    data_dir: Path
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    output: Path | None = None
    _console: Console | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        return (self.data_dir / "first-key").read_text().strip()

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")}
        return {
            **kept,
            "DJANGO_SETTINGS_MODULE": "routerapp.settings",
            "SIGNALBOX_DATA_DIR": str(self.data_dir),
            "SIGNALBOX_PORT": str(self.port),
            **self.variables,
        }

    def start(self) -> float:
        """Start and wait until it has said so; returns the seconds that took."""
        began = time.monotonic()
        self.output = self.data_dir.parent / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("w") as file:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"],
                cwd=PROJECT,
                env=self.environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        while "Signalbox is ready" not in self.printed():
            if self.process.poll() is not None or time.monotonic() - began > READY_SECONDS:
                raise AssertionError(f"not ready: {self.printed()}")
            time.sleep(0.05)
        return time.monotonic() - began

    def printed(self) -> str:
        return self.output.read_text() if self.output else ""

    def prepare(self, workspace: str = "") -> None:
        """Fill the data folder before the first start, with tables, pages' files and what this code makes."""
        variables = {name: self.variables[name] for name in _OF_A_WORKSPACE if name in self.variables}

        def make(data_dir: Path) -> None:
            if workspace:
                Product(data_dir, self.port, variables).prepare()
            with a_console(Product(data_dir, self.port, variables)) as console:
                console.run(workspace or BARE)

        fill(self.data_dir, f"{workspace} {sorted(variables.items()) if workspace else ''}", make)

    def run_python(self, code: str) -> str:
        """In a process that stays open until the product is let go."""
        if self._console is None:
            self._console = Console(self.environment)
        return self._console.run(code)

    def change(self, code: str) -> None:
        """Run a write use case in another process and wait until what serves has it."""
        self.run_python(code)
        self.wait_until_live()

    def wait_until_live(self) -> None:
        """Until the gateway serves by the newest configuration that is in the database now."""
        [[newest]] = self.rows("SELECT serial FROM routerapp_installationstate")
        wait_until(
            lambda: json.loads(self.get("/readyz")[1])["serial"] >= newest,
            "the newest configuration serves",
            LIVE_SECONDS,
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.data_dir}/signalbox.sqlite3?mode=ro", uri=True)) as database:
            return database.execute(query, values).fetchall()

    def wait_until_recorded(self, decisions: Iterable[str]) -> None:
        """Until each of these decisions has its row."""
        wanted = set(decisions)
        wait_until(
            lambda: wanted <= {row[0] for row in self.rows("SELECT id FROM routed_request")}, f"{wanted} are recorded"
        )

    def get(self, path: str, timeout: float = 5) -> tuple[int, str]:
        with urllib.request.urlopen(self.url + path, timeout=timeout) as answer:
            return answer.status, answer.read().decode()

    def tree(self) -> list[int]:
        """Process ids of the supervisor and everything below it."""
        assert self.process is not None
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                except OSError:
                    continue
                parents.setdefault(int(fields[1]), []).append(int(entry.name))
        found, queue = [], [self.process.pid]
        while queue:
            pid = queue.pop()
            found.append(pid)
            queue += parents.get(pid, [])
        return found

    def kill_tree(self) -> None:
        for pid in self.tree():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        assert self.process is not None
        self.process.wait()

    def stop(self) -> float:
        """Ctrl-C; returns the seconds until everything had ended."""
        began = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(90)
        return time.monotonic() - began

    def let_go(self) -> None:
        if self._console is not None:
            self._console.close()
            self._console = None
        if self.process is not None and self.process.poll() is None:
            self.kill_tree()


def free_port() -> int:
    """Below those the system gives to connections, and of this test process alone: a product that starts again finds it free."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw")) % 10
    while True:
        port = 20_000 + 1_200 * worker + next(_taken) % 1_200
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def a_console(product: Product) -> Iterator[Console]:
    console = Console(product.environment)
    try:
        yield console
    finally:
        console.close()


@contextmanager
def a_product(folder: Path, **variables: str) -> Iterator[Product]:
    """Whatever still runs of it afterwards is killed: waiting for a good end would take seconds that test_run.py spends once."""
    data_dir = folder / "data"
    product = Product(data_dir, free_port(), variables)
    try:
        yield product
    finally:
        product.let_go()
