"""The whole gateway, everything on, beside a direct call: CPU per request of our process, and where it goes by stage.

Key check, policy with ten rules over eight deployments, constraints, full trace, limits and journal are on. The upstream is
benchmarks/upstream.py on the same machine. CPU is user plus system time of the gateway's process alone.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.load import Load, run_load
from benchmarks.upstream import CHUNKS

PROJECT = Path(__file__).resolve().parent.parent
REQUESTS, STREAMS, PARALLEL, ROUNDS = 4_000, 400, 16, 3
TICKS = os.sysconf("SC_CLK_TCK")
WORKSPACE = PROJECT / "benchmarks" / "workspace.py"


def measure() -> dict[str, Any]:
    """Medians over rounds that take turns: direct, server only, route only, whole gateway, streams."""
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder:
        upstream_port, port = _free_port(), _free_port()
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("SIGNALBOX_")},
            "DJANGO_SETTINGS_MODULE": "routerapp.settings",
            "SIGNALBOX_DATA_DIR": str(Path(folder) / "data"),
            "SIGNALBOX_PORT": str(port),
            "SIGNALBOX_DEMO": "0",
            "SIGNALBOX_EGRESS_ALLOW": "127.0.0.1",
            "PYTHONPATH": str(PROJECT),
        }
        prepared = subprocess.run(
            [sys.executable, str(WORKSPACE), str(upstream_port)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if prepared.returncode:
            raise RuntimeError(prepared.stderr)
        key = prepared.stdout.strip().splitlines()[-1]
        with (
            _process([sys.executable, "-m", "benchmarks.upstream", str(upstream_port)], environment, upstream_port),
            _process([sys.executable, "manage.py", "serve"], environment, port) as gateway,
        ):
            figures = _rounds(upstream_port, port, gateway.pid, key)
            stages = subprocess.run(
                [sys.executable, "-m", "benchmarks.stages", key],
                cwd=PROJECT,
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            )
        return {**figures, **json.loads(stages.stdout.splitlines()[-1])}


def a_body(**more: Any) -> bytes:
    """2 KB, twelve messages and one tool."""
    turns = [
        {"role": "user" if n % 2 else "assistant", "content": "Please look at this again. " * 5} for n in range(10)
    ]
    messages = [
        {"role": "system", "content": "You are helpful."},
        *turns,
        {"role": "user", "content": "Why is the sky blue?"},
    ]
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    return json.dumps({"model": "auto", "messages": messages, "tools": [tool], **more}).encode()


def _rounds(upstream_port: int, port: int, pid: int, key: str) -> dict[str, Any]:
    body = a_body()
    run_load(port, "/v1/chat/completions", body, key, requests=500, parallel=PARALLEL)
    streamed = a_body(stream=True)
    kinds = (
        ("server", "/livez", body, REQUESTS),
        ("route", "/v1/router/route", body, REQUESTS),
        ("chat", "/v1/chat/completions", body, REQUESTS),
        ("stream", "/v1/chat/completions", streamed, STREAMS),
    )
    cpu: dict[str, list[float]] = {kind[0]: [] for kind in kinds}
    loads: dict[str, list[Load]] = {name: [] for name in ("direct", *cpu)}
    for _ in range(ROUNDS):
        loads["direct"].append(
            run_load(upstream_port, "/v1/chat/completions", body, key, requests=REQUESTS, parallel=PARALLEL)
        )
        for name, path, sent, times in kinds:
            before = _cpu_seconds(pid)
            loads[name].append(run_load(port, path, sent, key, requests=times, parallel=PARALLEL))
            cpu[name].append((_cpu_seconds(pid) - before) / times * 1e6)
    alone = run_load(port, "/v1/chat/completions", body, key, requests=500, parallel=1)
    direct_alone = run_load(upstream_port, "/v1/chat/completions", body, key, requests=500, parallel=1)
    return {
        "request body, bytes": len(body),
        "direct to the mock, requests/s": round(_middle([load.answers / load.seconds for load in loads["direct"]])),
        "server only (/livez with the same body), CPU µs per request": round(_middle(cpu["server"]), 1),
        "route only, CPU µs per request": round(_middle(cpu["route"]), 1),
        "whole gateway, CPU µs per request": round(_middle(cpu["chat"]), 1),
        f"stream of {CHUNKS} chunks, CPU µs": round(_middle(cpu["stream"]), 1),
        "stream, CPU µs per chunk beyond a plain request": round(
            (_middle(cpu["stream"]) - _middle(cpu["chat"])) / CHUNKS, 1
        ),
        "whole gateway, requests/s": round(_middle([load.answers / load.seconds for load in loads["chat"]])),
        "whole gateway at 16 in parallel, p50 / p99 ms": f"{loads['chat'][-1].p50_ms:.2f} / {loads['chat'][-1].p99_ms:.2f}",
        "added p50 at 1 in parallel, ms": round(alone.p50_ms - direct_alone.p50_ms, 3),
    }


def _middle(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def _process(command: list[str], environment: dict[str, str], port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=PROJECT, env=environment)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.05)
        time.sleep(2)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(80)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
