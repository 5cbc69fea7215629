"""Load: the C program asked for one run, its figures as a value. See c/load.c for what counts as an answer and how latency is counted."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.compiled import compiled
from benchmarks.machine import pinned
from benchmarks.mock import CHUNKS

HEADERS = {"host": "127.0.0.1", "content-type": "application/json"}
SPARE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Ask:
    """What one subject is asked: where, with which headers, and a text that every whole answer holds."""

    port: int
    path: str
    headers: dict[str, str]
    body: bytes
    expect: str = "finish_reason"
    is_stream: bool = False
    chunks: int = CHUNKS

    def with_chunks(self, chunks: int) -> Ask:
        return replace(self, chunks=chunks)


def run_load(
    ask: Ask,
    *,
    seconds: float,
    connections: int,
    rate: float = 0,
    requests: int | None = None,
    grace: float = 10,
    core: int | None = None,
) -> dict[str, Any]:
    """One run: closed loop, or open loop at that rate. Errors are counted in the figures, never raised."""
    with running_load(
        ask, seconds=seconds, connections=connections, rate=rate, requests=requests, grace=grace, core=core
    ) as running:
        return figures_of(running, seconds + grace)


@contextmanager
def running_load(
    ask: Ask,
    *,
    seconds: float,
    connections: int,
    rate: float = 0,
    requests: int | None = None,
    grace: float = 10,
    core: int | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """The same, still running: for whoever looks at the server meanwhile."""
    options: dict[str, Any] = {
        "port": ask.port,
        "expect": ask.expect,
        "seconds": seconds,
        "connections": connections,
        "rate": rate,
        "grace": grace,
        "requests": requests,
        "chunks": ask.chunks if ask.is_stream else None,
    }
    arguments = [word for name, value in options.items() if value is not None for word in (f"--{name}", str(value))]
    with tempfile.TemporaryDirectory(prefix="signalbox-load-") as folder:
        head, body = Path(folder) / "head", Path(folder) / "body"
        head.write_text(
            "\r\n".join([f"POST {ask.path} HTTP/1.1", *(f"{n}: {v}" for n, v in (HEADERS | ask.headers).items())])
        )
        body.write_bytes(ask.body)
        command = [*pinned(core), str(compiled("load")), "--head", str(head), "--body", str(body), *arguments]
        with subprocess.Popen(
            [*command, *(["--stream"] if ask.is_stream else [])], stdout=subprocess.PIPE, text=True
        ) as running:
            try:
                yield running
            finally:
                running.kill()


def figures_of(running: subprocess.Popen[str], seconds: float) -> dict[str, Any]:
    """What it prints when it is done, which is in so many seconds at most (and some to spare)."""
    output, _ = running.communicate(timeout=seconds + SPARE_SECONDS)
    if running.returncode:
        raise RuntimeError(f"the load generator ended with {running.returncode}")
    return dict(json.loads(output))
