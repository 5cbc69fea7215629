"""GET /metrics: what one worker counted and how it stands, family by family. Every name here is a row of docs/metrics.md, by test."""

from __future__ import annotations

from collections.abc import Iterable

from routerapp.engine.money import NUSD_PER_USD
from routerapp.engine.types import ENGINE_VERSION
from routerapp.gateway.exposition import Exposition, Sample
from routerapp.serving.metrics import Metrics
from routerapp.serving.runtime import Runtime
from routerapp.serving.tally import Tally
from routerapp.version import PRODUCT_VERSION

_BREAKER_STATES = {"closed": 0, "half_open": 1, "open": 2}


def write_metrics(runtime: Runtime, *, is_open_metrics: bool = False) -> Exposition:
    """Families without a sample keep their HELP and TYPE, so that a dashboard finds them before the first request."""
    out = Exposition(is_open_metrics=is_open_metrics)
    out.gauge("signalbox_build_info", "Always 1; the versions are its labels.", [(_VERSIONS, 1)])
    _requests(out, runtime.metrics)
    _attempts(out, runtime.metrics)
    _money(out, runtime.metrics)
    _cache(out, runtime)
    _callers(out, runtime.metrics)
    _deployments(out, runtime)
    _worker(out, runtime)
    _journal(out, runtime)
    _shared(out, runtime)
    _traces(out, runtime)
    return out


_VERSIONS = {"version": PRODUCT_VERSION, "engine": ENGINE_VERSION}


def _requests(out: Exposition, metrics: Metrics) -> None:
    out.counter(
        "signalbox_requests_total",
        "Recorded requests by how they ended.",
        _labelled(metrics.requests, "origin", "policy", "status", "http_class"),
    )
    out.counter(
        "signalbox_errors_total",
        "Recorded requests that got no whole answer, by stable error code.",
        _labelled(metrics.errors, "code"),
    )
    out.counter(
        "signalbox_turned_away_total",
        "Requests refused before they were recorded, by stable error code.",
        _labelled(metrics.turned_away, "code"),
    )
    out.counter(
        "signalbox_budget_refusals_total", "Requests refused because a budget is spent.", _one(metrics.budget_refusals)
    )
    out.histogram(
        "signalbox_request_duration_seconds",
        "Live requests from arrival to their last byte.",
        [({}, metrics.latency_ms)],
        1_000,
    )
    out.histogram(
        "signalbox_overhead_seconds",
        "Our own part of a live request: its duration without the time upstreams were at work.",
        [({}, metrics.overhead_us)],
        1_000_000,
    )


def _attempts(out: Exposition, metrics: Metrics) -> None:
    out.counter(
        "signalbox_attempts_total",
        "Upstream calls by how they ended; error class none is success or cancelled.",
        _labelled(metrics.attempts, "deployment", "error_class"),
    )
    out.counter(
        "signalbox_retries_total", "Upstream calls that repeated one.", _labelled(metrics.retries, "deployment")
    )
    out.counter(
        "signalbox_fallbacks_total",
        "Upstream calls to the next in line after a failure.",
        _labelled(metrics.fallbacks, "deployment"),
    )
    out.counter(
        "signalbox_hedges_total",
        "Second calls beside a slow one, by whether they answered first.",
        _labelled(metrics.hedges, "deployment", "result"),
    )
    out.histogram(
        "signalbox_attempt_duration_seconds",
        "Upstream calls from start to end.",
        [({"deployment": slug}, one) for slug, one in metrics.attempt_ms],
        1_000,
    )
    out.histogram(
        "signalbox_time_to_first_token_seconds",
        "Streamed upstream calls from start to the first token.",
        [({"deployment": slug}, one) for slug, one in metrics.ttft_ms],
        1_000,
    )


def _money(out: Exposition, metrics: Metrics) -> None:
    out.counter(
        "signalbox_tokens_total",
        "Tokens of upstream calls; cached_input and cache_write are parts of input.",
        _labelled(metrics.tokens, "deployment", "kind"),
    )
    out.counter(
        "signalbox_cost_usd_total",
        "Cost of upstream calls with a known price, in dollars.",
        _dollars(metrics.cost_nusd, "deployment"),
    )


def _cache(out: Exposition, runtime: Runtime) -> None:
    metrics, cache = runtime.metrics, runtime.answer_cache
    out.counter(
        "signalbox_cache_requests_total", "Requests that asked the exact cache.", _labelled(metrics.cache, "result")
    )
    out.counter(
        "signalbox_cache_saved_usd_total",
        "What the cache's answers had cost, in dollars.",
        _one(_usd(metrics.saved_nusd)),
    )
    out.gauge("signalbox_cache_bytes", "Size of the answers in the exact cache.", _one(cache.bytes))
    out.gauge("signalbox_cache_entries", "Answers in the exact cache.", _one(len(cache)))


def _callers(out: Exposition, metrics: Metrics) -> None:
    """Only where the operator asked for it."""
    if not metrics.caller_labels:
        return
    out.counter(
        "signalbox_caller_requests_total",
        "Recorded requests by the labels in SIGNALBOX_METRICS_LABELS.",
        _labelled(metrics.caller_requests, *metrics.caller_labels, "status"),
    )
    out.counter(
        "signalbox_caller_cost_usd_total",
        "Known cost by the labels in SIGNALBOX_METRICS_LABELS, in dollars.",
        _dollars(metrics.caller_cost_nusd, *metrics.caller_labels),
    )


def _deployments(out: Exposition, runtime: Runtime) -> None:
    report = sorted(runtime.live.report(runtime.clock.now_ms()).items())
    out.gauge(
        "signalbox_breaker_state",
        "0 closed, 1 half open, 2 open.",
        [({"deployment": slug}, _BREAKER_STATES.get(row["breaker"], 0)) for slug, row in report],
    )
    out.gauge(
        "signalbox_deployment_in_flight",
        "Upstream calls running now.",
        [({"deployment": slug}, row["in_flight"]) for slug, row in report],
    )


def _worker(out: Exposition, runtime: Runtime) -> None:
    out.gauge("signalbox_worker_up", "1 for each gateway process that answered this scrape.", _one(1))
    out.gauge("signalbox_in_flight", "Requests this worker is answering now.", _one(runtime.in_flight))
    out.histogram(
        "signalbox_event_loop_lag_seconds",
        "How late the event loop woke a timer, measured twice a second.",
        [({}, runtime.metrics.loop_lag_us)],
        1_000_000,
    )
    if runtime.has_snapshot:
        out.gauge("signalbox_snapshot_serial", "Number of the configuration served.", _one(runtime.snapshot.serial))
        out.gauge(
            "signalbox_snapshot_age_seconds",
            "Since the database confirmed that this configuration is the newest.",
            _one(f"{runtime.snapshot_age_seconds():.3f}"),
        )


def _journal(out: Exposition, runtime: Runtime) -> None:
    metrics = runtime.metrics
    out.gauge("signalbox_spool_bytes", "This worker's journal on disk.", _one(runtime.spool_bytes()))
    out.gauge("signalbox_spool_has_room", "1 while there is room for records.", _one(int(runtime.journal.has_room)))
    out.gauge(
        "signalbox_spool_used_ratio",
        "All workers' journal on disk, of what it may take.",
        _one(f"{runtime.journal.use.share:.4f}"),
    )
    out.counter(
        "signalbox_requests_unrecorded_total",
        "Requests without room for any of their records.",
        _one(metrics.unrecorded),
    )
    out.counter("signalbox_records_lost_total", "Records that found no room on the disk.", _one(metrics.records_lost))
    standing = metrics.standing
    if standing is not None:
        out.gauge(
            "signalbox_spool_waiting_bytes", "Journal not in the database yet.", _one(standing.spool_waiting_bytes)
        )
        out.gauge(
            "signalbox_spool_lag_seconds",
            "Age of the oldest journal segment not in the database yet.",
            _one(f"{standing.spool_lag_seconds:.1f}"),
        )
        out.gauge("signalbox_alert_incidents_open", "Alert incidents open now.", _one(standing.open_incidents))


def _shared(out: Exposition, runtime: Runtime) -> None:
    """Only where limits and live state are shared with other processes."""
    shared = runtime.shared
    if shared is None:
        return
    out.gauge(
        "signalbox_shared_state_up",
        "1 while Valkey answers; 0 while this worker goes on with its own share of the limits.",
        _one(int(not shared.is_alone)),
    )
    out.gauge("signalbox_shared_state_processes", "Gateway processes that share, as last seen.", _one(shared.processes))
    out.counter(
        "signalbox_shared_exchanges_total", "Exchanges with Valkey that were answered.", _one(shared.counts.exchanges)
    )
    out.counter(
        "signalbox_shared_failures_total", "Exchanges that were not answered in time.", _one(shared.counts.failures)
    )
    out.counter(
        "signalbox_shared_openings_total",
        "How often the breaker before Valkey has opened.",
        _one(shared.counts.openings),
    )
    out.counter("signalbox_shared_waits_total", "Requests that waited for an exchange.", _one(shared.counts.waits))
    out.gauge(
        "signalbox_shared_exchange_seconds",
        "How long the last exchange took.",
        _one(f"{shared.counts.exchange_us / 1_000_000:.6f}"),
    )


def _traces(out: Exposition, runtime: Runtime) -> None:
    tracer = runtime.tracer
    if tracer is None:
        return
    out.counter("signalbox_spans_sent_total", "Spans the collector took.", _one(tracer.counts.sent))
    out.counter(
        "signalbox_spans_dropped_total",
        "Spans that were never delivered, by reason.",
        [({"reason": reason}, n) for reason, n in sorted(tracer.counts.dropped.items())],
    )
    out.gauge("signalbox_spans_waiting_requests", "Requests whose spans wait to be sent.", _one(tracer.waiting))


def _one(value: int | str) -> list[Sample]:
    return [({}, value)]


def _labelled(tally: Tally, *names: str) -> Iterable[Sample]:
    return ((dict(zip(names, labels, strict=True)), n) for labels, n in tally)


def _dollars(tally: Tally, *names: str) -> Iterable[Sample]:
    return ((dict(zip(names, labels, strict=True)), _usd(nusd)) for labels, nusd in tally)


def _usd(nusd: int) -> str:
    """Exact decimal text of whole nano-dollars."""
    return f"{nusd // NUSD_PER_USD}.{nusd % NUSD_PER_USD:09d}"
