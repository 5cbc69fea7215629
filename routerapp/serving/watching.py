"""What one worker tells its operators, opened with the runtime and closed with it: metrics only it can measure, and spans."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path

from django.db import DatabaseError

from routerapp.observability_settings import ObservabilitySettings, OtlpSettings
from routerapp.providers.egress import EgressGuard
from routerapp.providers.otlp import Collector
from routerapp.serving.loop_lag import watch_loop_lag
from routerapp.serving.runtime import Runtime
from routerapp.serving.standing import read_standing
from routerapp.serving.traces.tracer import Tracer
from routerapp.version import PRODUCT_VERSION

STANDING_SECONDS = 10.0


def watch(runtime: Runtime, wanted: ObservabilitySettings, egress_allow: tuple[str, ...], data_dir: Path) -> None:
    """Starts what is wanted and leaves its end in runtime.on_close; must run inside the event loop."""
    runtime.metrics.caller_labels = wanted.metrics_labels
    runtime.metrics_token = wanted.metrics_token
    if wanted.otlp is not None:
        runtime.tracer = make_tracer(wanted.otlp, EgressGuard(egress_allow), runtime.journal.boot_id)
        runtime.tracer.start()
    tasks = [
        asyncio.create_task(watch_loop_lag(runtime.metrics.loop_lag_us)),
        asyncio.create_task(_read_standings(runtime, data_dir)),
    ]

    async def stop() -> None:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        if runtime.tracer is not None:
            await asyncio.to_thread(runtime.tracer.close)

    # Before the threads that read the database are gone.
    runtime.on_close.insert(0, stop)


def make_tracer(otlp: OtlpSettings, guard: EgressGuard, instance: str) -> Tracer:
    resource = {
        "service.name": "signalbox",
        "service.version": PRODUCT_VERSION,
        "service.instance.id": instance,
        "host.name": socket.gethostname(),
    }
    return Tracer(
        lambda: Collector(otlp.url, otlp.headers, guard, resource), sample=otlp.sample, propagates=otlp.propagates
    )


async def _read_standings(runtime: Runtime, data_dir: Path) -> None:
    """While the database is away the last reading stands; its age shows as the age of the snapshot."""
    while True:
        with contextlib.suppress(DatabaseError, OSError):
            runtime.metrics.standing = await runtime.in_thread(read_standing, data_dir, runtime.clock.now_ms())
        await asyncio.sleep(STANDING_SECONDS)
