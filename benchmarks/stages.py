"""Where the gateway's time goes: the product's own functions with a watch around each, called through ASGI in one process.

The upstream is the mock, so the HTTP client is real; the server's share is missing, benchmarks.gateways measures it from outside.
CPU time of the thread, mean per request, stages in the order they run: what a stage costs with the caches as the stage
before it left them, which is up to three times of what it costs when nothing but it is repeated. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import wraps
from typing import Any

import django
import uvloop

django.setup()

from django.conf import settings  # noqa: E402

from benchmarks.bodies import a_body  # noqa: E402
from routerapp.gateway import chat  # noqa: E402
from routerapp.gateway.app import Gateway  # noqa: E402
from routerapp.gateway.call import Call  # noqa: E402
from routerapp.providers import openai  # noqa: E402
from routerapp.providers.clock import SystemClock  # noqa: E402
from routerapp.providers.dispatch import DispatchTransport  # noqa: E402
from routerapp.providers.outgoing.answer import HttpAnswer  # noqa: E402
from routerapp.serving import route_chat, serve_chat  # noqa: E402
from routerapp.serving.attempts import PlanRun  # noqa: E402
from routerapp.serving.recording import Recording  # noqa: E402
from routerapp.serving.runtime import Runtime  # noqa: E402
from routerapp.serving.startup import make_transport  # noqa: E402
from routerapp.store.journal import Journal  # noqa: E402
from routerapp.store.live import LiveState  # noqa: E402
from routerapp.store.snapshot import load_snapshot  # noqa: E402

TIMES, WARM_UP = 3_000, 300
WHOLE = "in the process, without server"
# (owner, function, stage); "of it" is inside the stage before it.
STAGES: tuple[tuple[Any, str, str], ...] = (
    (chat, "authenticate", "check the key"),
    (chat, "read_chat", "read and parse the body"),
    (serve_chat, "prepare", "prepare"),
    (route_chat, "extract_features", "of it: features"),
    (route_chat, "_facts", "of it: facts and keyed hashes"),
    (route_chat, "decide", "of it: decide, full trace"),
    (Recording, "begin", "record: begin"),
    (PlanRun, "plain", "attempt"),
    (openai, "build_body", "of it: build the body"),
    (DispatchTransport, "open", "of it: client, to the answer's head"),
    (HttpAnswer, "__anext__", "of it: client, the answer's body"),
    (openai.OpenAIAdapter, "read_reply", "of it: read the answer"),
    (Recording, "_attempt_ended", "of it: record the attempt"),
    (serve_chat, "complete_answer", "complete the answer"),
    (Recording, "end", "record: end"),
    (Call, "reply", "write the answer"),
)


class Watch:
    """Adds up the CPU time between entering and leaving a function, awaits included: one request runs at a time."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    def around(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[stage] += time.thread_time() - began

        @wraps(function)
        async def timed_async(*args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return await function(*args, **kwargs)
            finally:
                self.seconds[stage] += time.thread_time() - began

        return timed_async if inspect.iscoroutinefunction(function) else timed


async def main(key: str) -> dict[str, float]:
    """Mean CPU microseconds of each stage. The transport is closed by the end of the process."""
    clock = SystemClock()
    transport = make_transport(settings.ENVIRONMENT.egress_allow, clock)
    runtime = Runtime(
        clock=clock, live=LiveState(), journal=Journal(settings.DATA_DIR / "bench-spool"), transport=transport
    )
    runtime.swap(await asyncio.to_thread(load_snapshot))
    watch = Watch()
    for owner, name, stage in STAGES:
        setattr(owner, name, watch.around(getattr(owner, name), stage))
    ask = watch.around(_asking(Gateway(runtime), key), WHOLE)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    for _ in range(WARM_UP):
        await ask()
    watch.seconds.clear()
    for _ in range(TIMES):
        await ask()
    await transport.close()
    figures = {stage: round(watch.seconds[stage] / TIMES * 1e6, 1) for _, _, stage in STAGES}
    whole = round(watch.seconds[WHOLE] / TIMES * 1e6, 1)
    known = sum(value for stage, value in figures.items() if not stage.startswith("of it"))
    figures["between the stages: dispatch, the watch on the caller"] = round(whole - known, 1)
    return {f"stage: {stage}, µs": value for stage, value in {**figures, WHOLE: whole}.items()}


def _asking(gateway: Gateway, key: str) -> Callable[[], Any]:
    body = a_body()
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"authorization", f"Bearer {key}".encode()),
        (b"content-length", b"%d" % len(body)),
    ]

    async def ask() -> None:
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        statuses = []

        async def receive() -> dict[str, Any]:
            return messages.pop() if messages else await asyncio.get_running_loop().create_future()

        async def send(message: Any) -> None:
            statuses.append(message.get("status", 200))

        scope = {"type": "http", "path": "/v1/chat/completions", "method": "POST", "headers": headers}
        await gateway(scope, receive, send)
        assert statuses == [200, 200], statuses

    return ask


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(main(sys.argv[1]))) + "\n")
