"""Where the gateway's time goes, stage by stage, in one process without a socket. Prints one JSON line; benchmarks.gateway calls it."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402

from benchmarks.gateway import a_body  # noqa: E402
from routerapp.engine.content import read_content  # noqa: E402
from routerapp.engine.decide import decide  # noqa: E402
from routerapp.engine.features import extract_features  # noqa: E402
from routerapp.gateway.authenticate import authenticate  # noqa: E402
from routerapp.gateway.requests import parse_chat  # noqa: E402
from routerapp.providers.clock import SystemClock  # noqa: E402
from routerapp.providers.dispatch import DispatchTransport  # noqa: E402
from routerapp.providers.simulated import SimulatedTransport  # noqa: E402
from routerapp.serving.recording import Recording  # noqa: E402
from routerapp.serving.route_chat import prepare, read_chat, resolve  # noqa: E402
from routerapp.serving.runtime import Runtime  # noqa: E402
from routerapp.store.journal import Journal  # noqa: E402
from routerapp.store.live import LiveState  # noqa: E402
from routerapp.store.snapshot import load_snapshot  # noqa: E402

TIMES = 2_000


def main(key: str) -> dict[str, float]:
    """Median microseconds of each stage."""
    clock = SystemClock()
    simulated = SimulatedTransport(clock)
    journal = Journal(settings.DATA_DIR / "bench-spool")
    runtime = Runtime(clock=clock, live=LiveState(), journal=journal, transport=DispatchTransport(simulated, simulated))
    runtime.swap(load_snapshot())
    body, headers = a_body(), {"authorization": f"Bearer {key}"}
    caller = asyncio.run(authenticate(runtime, headers))
    chat = parse_chat(body, {})
    content = read_content(chat)
    prepared = prepare(runtime, chat, caller)
    policy = resolve(runtime.snapshot, chat, caller).policy
    live = runtime.live.view(clock.now_ms())

    def record() -> None:
        recording = Recording(runtime, chat, caller, "live")
        recording.begin(prepared)
        recording.end("upstream_error", 502, "bench")

    decision_inputs = (policy, runtime.snapshot.config, runtime.snapshot.evidence, prepared.inputs, live)
    return {
        "stage: parse the body, µs": _median(lambda: parse_chat(body, {})),
        "stage: check the key, µs": _median(lambda: _finish(authenticate(runtime, headers))),
        "stage: features, µs": _median(lambda: extract_features(chat, content, runtime.classifier)),
        "stage: features, facts and observations, µs": _median(
            lambda: read_chat(runtime, runtime.snapshot, chat, caller)
        ),
        "stage: decide, full trace, µs": _median(lambda: decide(*decision_inputs, 1, clock.now_ms())),
        "stage: prepare (the two before, name and live slice), µs": _median(lambda: prepare(runtime, chat, caller)),
        "stage: record begin and end in the journal, µs": _median(record),
    }


def _finish(coroutine: Any) -> None:
    try:
        coroutine.send(None)
    except StopIteration:
        return


def _median(act: Callable[[], Any]) -> float:
    act()
    times = []
    for _ in range(TIMES):
        began = time.perf_counter()
        act()
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e6, 1)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1])) + "\n")
