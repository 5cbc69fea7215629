"""Liveness, readiness and Prometheus metrics of one worker."""

from __future__ import annotations

from collections.abc import Iterator

from routerapp.engine.money import NUSD_PER_USD
from routerapp.serving.metrics import Histogram
from routerapp.serving.runtime import Runtime

_BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}


def readiness(runtime: Runtime | None) -> tuple[int, dict[str, object]]:
    """(status, body) of /readyz."""
    if runtime is None or not runtime.has_snapshot:
        return 503, {"status": "starting"}
    if runtime.is_draining:
        return 503, {"status": "draining"}
    if runtime.is_stale:
        return 503, {"status": "configuration_too_old"}
    return 200, {"status": "ready", "serial": runtime.snapshot.serial, "config": runtime.snapshot.config.revision}


def metrics_text(runtime: Runtime) -> bytes:
    """Text format 0.0.4. Labels are slugs from configuration and closed sets of codes only."""
    return ("\n".join(_lines(runtime)) + "\n").encode()


def _lines(runtime: Runtime) -> Iterator[str]:
    metrics = runtime.metrics
    yield "# TYPE signalbox_requests_total counter"
    for (origin, status), n in sorted(metrics.requests.items()):
        yield f"signalbox_requests_total{_labels(origin=origin, status=status)} {n}"
    yield "# TYPE signalbox_attempts_total counter"
    for (deployment, error_class), n in sorted(metrics.attempts.items()):
        yield f"signalbox_attempts_total{_labels(deployment=deployment, error_class=error_class)} {n}"
    yield "# TYPE signalbox_turned_away_total counter"
    for code, n in sorted(metrics.refusals.items()):
        yield f"signalbox_turned_away_total{_labels(code=code)} {n}"
    yield "# TYPE signalbox_cost_usd_total counter"
    for deployment, nusd in sorted(metrics.cost_nusd.items()):
        yield f"signalbox_cost_usd_total{_labels(deployment=deployment)} {nusd / NUSD_PER_USD:.9f}"
    yield from _histogram("signalbox_latency_seconds", metrics.latency_ms, 1_000)
    yield from _histogram("signalbox_overhead_seconds", metrics.overhead_us, 1_000_000)
    yield "# TYPE signalbox_in_flight gauge"
    yield f"signalbox_in_flight {runtime.in_flight}"
    yield from _deployments(runtime)
    yield from _worker(runtime)


def _deployments(runtime: Runtime) -> Iterator[str]:
    report = runtime.live.report(runtime.clock.now_ms())
    yield "# HELP signalbox_breaker_state 0 closed, 1 half open, 2 open"
    yield "# TYPE signalbox_breaker_state gauge"
    for slug, row in sorted(report.items()):
        yield f"signalbox_breaker_state{_labels(deployment=slug)} {_BREAKER_STATES.get(row['breaker'], 0)}"
    yield "# TYPE signalbox_deployment_in_flight gauge"
    for slug, row in sorted(report.items()):
        yield f"signalbox_deployment_in_flight{_labels(deployment=slug)} {row['in_flight']}"


def _worker(runtime: Runtime) -> Iterator[str]:
    yield "# TYPE signalbox_spool_bytes gauge"
    yield f"signalbox_spool_bytes {runtime.spool_bytes()}"
    yield "# TYPE signalbox_spool_has_room gauge"
    yield f"signalbox_spool_has_room {int(runtime.journal.has_room)}"
    if runtime.has_snapshot:
        yield "# TYPE signalbox_snapshot_serial gauge"
        yield f"signalbox_snapshot_serial {runtime.snapshot.serial}"
        yield "# TYPE signalbox_snapshot_confirmed_seconds_ago gauge"
        yield f"signalbox_snapshot_confirmed_seconds_ago {runtime.snapshot_age_seconds():.3f}"


def _histogram(name: str, histogram: Histogram, divisor: int) -> Iterator[str]:
    yield f"# TYPE {name} histogram"
    running = 0
    for bound, n in zip(histogram.bounds, histogram.counts, strict=False):
        running += n
        yield f'{name}_bucket{{le="{bound / divisor:g}"}} {running}'
    running += histogram.counts[-1]
    yield f'{name}_bucket{{le="+Inf"}} {running}'
    yield f"{name}_sum {histogram.total / divisor:.6f}"
    yield f"{name}_count {running}"


def _labels(**labels: str) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
