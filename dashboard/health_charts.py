"""Charts of one deployment or model: success and answered checks, latency, price over time. Numbers as a table below each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from dashboard import figures
from dashboard.charts import Chart
from dashboard.templatetags.numbers import count, duration, exact_money, instant, plural, share
from routerapp.engine.money import format_usd
from routerapp.models import Price
from routerapp.store.deployment_health import HealthPoint, HealthReport

DAY_MS = 86_400_000


def health_charts(report: HealthReport) -> list[Chart]:
    return [_success(report), _latency(report)]


def price_chart(prices: Sequence[Price], now: dt.datetime) -> Chart | None:
    """Steps: a price holds until the next. prices: oldest first. None for fewer than two, which a table says better."""
    if len(prices) < 2:
        return None
    ends = max(now, prices[-1].valid_from) + (now - prices[0].valid_from) * 0.04
    times = [f"{price.valid_from:%Y-%m-%d %H:%M}" for price in prices] + [f"{ends:%Y-%m-%d %H:%M}"]
    named = {"input": "input_nusd_per_mtok", "output": "output_nusd_per_mtok"}
    series = {
        words: [getattr(price, column) / 1e9 for price in (*prices, prices[-1])] for words, column in named.items()
    }
    figure = figures.lines(times, series, {"tickprefix": "$"})
    for trace in figure["data"]:
        trace["line"]["shape"] = "hv"
        trace["mode"] = "lines+markers"
    first, last = prices[0], prices[-1]
    finding = (
        f"Output went from {exact_money(first.output_nusd_per_mtok)} to {exact_money(last.output_nusd_per_mtok)} "
        f"in {plural(len(prices) - 1, 'step,steps')}."
    )
    rows = tuple(
        (f"{p.valid_from:%Y-%m-%d %H:%M}", exact_money(p.input_nusd_per_mtok), exact_money(p.output_nusd_per_mtok))
        for p in prices
    )
    exact = tuple(
        (p.valid_from.isoformat(), format_usd(p.input_nusd_per_mtok), format_usd(p.output_nusd_per_mtok))
        for p in prices
    )
    columns = ("From (UTC)", "Input", "Output")
    unit = "dollars per million tokens"
    return Chart("prices-over-time", "Price over time", unit, finding, figure, columns, rows, exact, columns)


def _success(report: HealthReport) -> Chart:
    times = [_time(point, report.step_ms) for point in report.points]
    attempts = [_percent(point.success.share) for point in report.points]
    checks = [_percent(point.checks.share) for point in report.points]
    series = {"attempts": attempts, "health checks": checks}
    figure = figures.lines(times, series, {"ticksuffix": " %", "range": [0, 103]}, is_from_zero=False)
    ok = sum(point.success.ok for point in report.points)
    judged = sum(point.success.judged for point in report.points)
    checked = sum(point.checks.judged for point in report.points)
    answered = sum(point.checks.ok for point in report.points)
    parts = []
    if judged:
        parts.append(f"{share(ok / judged)} of {plural(judged, 'attempt,attempts')} succeeded")
    if checked:
        parts.append(f"{count(answered)} of {plural(checked, 'health check,health checks')} answered")
    finding = f"{'; '.join(parts)}." if parts else "Neither attempts nor health checks in this time."
    rows = tuple(
        (
            time,
            "unknown" if point.success.share is None else share(point.success.share),
            count(point.success.judged),
            f"{point.checks.ok} of {point.checks.judged}" if point.checks.judged else "none",
        )
        for time, point in zip(times, report.points, strict=True)
    )
    columns = ("Time (UTC)", "Success", "Attempts", "Checks answered")
    return Chart("health-success", "Success over time", "share", finding, figure, columns, rows, rows, columns)


def _latency(report: HealthReport) -> Chart:
    times = [_time(point, report.step_ms) for point in report.points]
    series = {
        "p50": [_seconds(point.latency.p50_ms) for point in report.points],
        "p95": [_seconds(point.latency.p95_ms) for point in report.points],
        "first token p50": [_seconds(point.ttft.p50_ms) for point in report.points],
    }
    figure = figures.lines(times, series, {"ticksuffix": " s"})
    known = [point for point in report.points if point.latency.samples]
    finding = "Nothing measured."
    if known:
        worst = max(known, key=lambda point: point.latency.p95_ms or 0)
        samples = sum(point.latency.samples for point in known)
        finding = (
            f"Slowest: {_time(worst, report.step_ms)}, p95 {duration(worst.latency.p95_ms)}. "
            f"{plural(samples, 'sample,samples')} in all."
        )
    rows = tuple(
        (
            time,
            duration(point.latency.p50_ms),
            duration(point.latency.p95_ms),
            duration(point.ttft.p50_ms),
            count(point.latency.samples),
        )
        for time, point in zip(times, report.points, strict=True)
    )
    columns = ("Time (UTC)", "p50", "p95", "First token p50", "Samples")
    return Chart("health-latency", "Latency over time", "seconds", finding, figure, columns, rows, rows, columns)


def _time(point: HealthPoint, step_ms: int) -> str:
    pattern = "%Y-%m-%d" if step_ms >= DAY_MS else "%Y-%m-%d %H:%M"
    return instant(point.starts_at_ms).strftime(pattern)


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else round(100 * fraction, 3)


def _seconds(ms: float | None) -> Any:
    return None if ms is None else round(ms / 1_000, 4)
