"""The whole product as processes, in a data folder and on a port of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
READY_SECONDS = 300.0
# A workspace with quick simulated models and no history; prints nothing.
QUICK_WORKSPACE = """
import django; django.setup()
from django.db import transaction
from django.utils import timezone
from django.conf import settings
from routerapp.demo.workspace import make_workspace
from routerapp.management.banner import keep_first_key
from routerapp.models import Deployment
from routerapp.serving.installation import first_start
from routerapp.store.revisions import record_config_revision
from django.core.management import call_command
call_command("migrate", verbosity=0)
keep_first_key(settings.ENVIRONMENT, first_start(settings.ENVIRONMENT))
with transaction.atomic():
    make_workspace(timezone.now())
    for number, deployment in enumerate(Deployment.objects.all()):
        deployment.simulation = {"seed": number, "ttft_ms": {"p50": 15, "p95": 40}, "tokens_per_second": 4000, "output_tokens": {"mean": 60}, "error_share": 0.02, "errors": ["500", "429", "reset"]}
        deployment.save()
    record_config_revision("quick simulations")
"""
_taken = count()


@dataclass(slots=True)
class Product:
    data_dir: Path
    port: int
    variables: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    output: Path | None = None

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

    def run_python(self, code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

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


def free_port() -> int:
    """Below those the system gives to connections, and of this test process alone: a product that starts again finds it free."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw9").removeprefix("gw")) % 10
    while True:
        port = 20_000 + 1_200 * worker + next(_taken) % 1_200
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


@contextmanager
def a_product(folder: Path, **variables: str) -> Iterator[Product]:
    data_dir = folder / "data"
    product = Product(data_dir, free_port(), variables)
    try:
        yield product
    finally:
        if product.process is not None and product.process.poll() is None:
            product.kill_tree()
