"""The overview's charts: from a report's values to a figure, its finding in words and its numbers as a table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from dashboard import figures
from dashboard.templatetags.numbers import count, duration, instant, money, plural, share
from routerapp.engine.money import format_usd
from routerapp.experiments.intervals import proportion
from routerapp.store.reports import OverviewReport, Point
from routerapp.store.sketches import Percentiles

Report = OverviewReport
Row = tuple[Any, ...]
PERCENTILE_COLUMNS = ("p50_ms", "p95_ms", "samples")
ATTEMPTS = "attempt,attempts"
CACHE = "cache"
STEP_NAMES = {60_000: "minute", 3_600_000: "hour", 86_400_000: "day"}


@dataclass(frozen=True, slots=True)
class Chart:
    """rows are for people, csv_rows exact: money in dollars with every digit, times in UTC, empty where unknown."""

    id: str
    title: str
    unit: str
    finding: str
    figure: figures.Figure
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    csv_rows: tuple[Row, ...]
    csv_columns: tuple[str, ...] = ()
    csv_url: str = ""
    api_call: str = ""

    @property
    def legend(self) -> list[tuple[str, str]]:
        """(name, series) of what is drawn in colours of its own; series is the end of a CSS class."""
        named = [trace["name"] for trace in self.figure["data"] if trace.get("name")]
        return [(name, "other" if name == "other" else str(place)) for place, name in enumerate(named, start=1)]

    @property
    def is_drawn(self) -> bool:
        """Whether there is a single point to see."""
        pairs = (zip(trace["x"], trace["y"], strict=True) for trace in self.figure["data"])
        return any(x is not None and y is not None for points in pairs for x, y in points)

    @property
    def data_id(self) -> str:
        return f"{self.id}-data"

    @property
    def table_body(self) -> SafeString:
        """Escaped here: a template's loop takes five times as long for the thousands of cells of a week by the hour."""
        cells = '<td class="right">{}</td>'
        lines = ((row[0], format_html_join("", cells, ((cell,) for cell in row[1:]))) for row in self.rows)
        return format_html_join("", '<tr><th scope="row">{}</th>{}</tr>', lines)

    @property
    def call_id(self) -> str:
        return f"{self.id}-curl"


def overview_charts(report: Report) -> list[Chart]:
    """The cache's only where it answered something: most installations do without."""
    return [draw(report) for name, draw in CHARTS.items() if name != CACHE or report.totals.cache_hit_n]


def _requests_by_model(report: Report) -> Chart:
    names, values = _layers(report, lambda point: point.requests)
    total = sum(map(sum, values.values()))
    finding = "No model was called."
    if total:
        top = max(values, key=lambda name: sum(values[name]))
        sums = [sum(column) for column in zip(*values.values(), strict=True)]
        peak = max(range(len(sums)), key=sums.__getitem__)
        part = share(sum(values[top]) / total)
        finding = f"{top} took {part} of {plural(total, ATTEMPTS)}. Busiest: {_in_words(names[peak])} with {count(sums[peak])}."
    # Half an attempt is none: below six the axis counts by one.
    highest = max((sum(column) for column in zip(*values.values(), strict=True)), default=0)
    figure = figures.stacked_bars(names, values, {"rangemode": "tozero"} | ({"dtick": 1} if highest < 6 else {}))
    rows = _table(names, values, count)
    columns = ("Time (UTC)", *values)
    unit = f"attempts per {_step(report)}"
    return Chart(
        "requests-by-model",
        "Requests over time by model",
        unit,
        finding,
        figure,
        columns,
        rows,
        _table(names, values, int),
        columns,
    )


def _cost_by_model(report: Report) -> Chart:
    names, values = _layers(report, lambda point: point.cost_nusd)
    total = sum(row.cost_nusd for row in report.models)
    unpriced = sum(row.unpriced_n for row in report.models)
    finding = f"{money(total)} in all"
    if total:
        top = max(values, key=lambda name: sum(values[name]))
        finding += f", {share(sum(values[top]) / total)} of it for {top}"
    finding += f". Unpriced and not in it: {plural(unpriced, ATTEMPTS)}." if unpriced else "."
    dollars = {name: [nusd / 1e9 for nusd in column] for name, column in values.items()}
    figure = figures.stacked_bars(names, dollars, {"tickprefix": "$", "rangemode": "tozero"})
    rows, exact = _table(names, values, money), _table(names, values, format_usd)
    unit = f"dollars per {_step(report)}"
    columns = ("Time (UTC)", *values)
    return Chart("cost-by-model", "Cost over time by model", unit, finding, figure, columns, rows, exact, columns)


def _saved(report: Report) -> Chart:
    """What was paid and what was saved: together the baseline, where both are known."""
    times = [_time(point.starts_at_ms, report.step_ms) for point in report.over_time]
    values = {"paid": [p.cost_nusd for p in report.over_time], "saved": [p.saved_nusd for p in report.over_time]}
    dollars = {name: [nusd / 1e9 for nusd in column] for name, column in values.items()}
    figure = figures.stacked_bars(times, dollars, {"tickprefix": "$"})
    totals = report.totals
    finding = "No request has a known baseline."
    if totals.baseline_n and totals.saved_share is not None:
        finding = f"{money(totals.saved_nusd)} saved, {share(totals.saved_share)} of what the dearest eligible model would have cost."
    columns = ("Time (UTC)", "Paid", "Saved")
    rows, exact = _table(times, values, money), _table(times, values, format_usd)
    unit = f"dollars per {_step(report)}"
    names = ("time", "paid_usd", "saved_usd")
    return Chart("saved", "Saved against baseline over time", unit, finding, figure, columns, rows, exact, names)


def _cache(report: Report) -> Chart:
    times = [_time(point.starts_at_ms, report.step_ms) for point in report.over_time]
    saved = [point.cache_saved_nusd for point in report.over_time]
    hits = [point.cache_hit_n for point in report.over_time]
    totals = report.totals
    finding = "The cache answered nothing."
    if totals.cache_hit_n:
        part = share(totals.cache_hit_n / totals.requests)
        finding = f"{plural(totals.cache_hit_n, 'request,requests')} ({part}) out of the cache; asking again would have cost {money(totals.cache_saved_nusd)}."
    dollars = {"saved by the cache": [nusd / 1e9 for nusd in saved]}
    figure = figures.stacked_bars(times, dollars, {"tickprefix": "$", "rangemode": "tozero"})
    rows = tuple((time, count(n), money(nusd)) for time, n, nusd in zip(times, hits, saved, strict=True))
    exact = tuple((time, n, format_usd(nusd)) for time, n, nusd in zip(times, hits, saved, strict=True))
    unit = f"dollars per {_step(report)}"
    columns, names = ("Time (UTC)", "Hits", "Saved"), ("time", "cache_hits", "cache_saved_usd")
    return Chart(CACHE, "Saved by the cache over time", unit, finding, figure, columns, rows, exact, names)


def _success(report: Report) -> Chart:
    times = [_time(point.starts_at_ms, report.step_ms) for point in report.over_time]
    points = [point.success for point in report.over_time]
    shares = [None if one.share is None else round(100 * one.share, 3) for one in points]
    axis = {"ticksuffix": " %", "range": share_range(shares)}
    figure = figures.lines(times, {"success": shares}, axis, is_from_zero=False)
    rows = tuple(
        (time, "unknown" if one.share is None else share(one.share), count(one.ok), count(one.judged))
        for time, one in zip(times, points, strict=True)
    )
    exact = tuple((time, one.share, one.ok, one.judged) for time, one in zip(times, points, strict=True))
    total = report.totals.success
    finding = "Nothing judged."
    if total.share is not None:
        worst = min(range(len(points)), key=lambda place: 1.0 if shares[place] is None else points[place].share or 0.0)
        finding = f"{share(total.share)} of {plural(total.judged, 'request,requests')} were answered."
        if total.ok < total.judged:
            finding += f" Worst: {_in_words(times[worst])}, {share(points[worst].share or 0.0)}."
    columns = ("Time (UTC)", "Success", "Succeeded", "Judged")
    unit = f"share of requests, per {_step(report)}"
    names = ("time", "success", "succeeded", "judged")
    return Chart("success", "Success over time", unit, finding, figure, columns, rows, exact, names)


def share_range(percents: Sequence[float | None]) -> list[float]:
    """From somewhat below the worst to just above 100: nothing is drawn where no share can be."""
    lowest = min((one for one in percents if one is not None), default=0.0)
    span = max(1.0, 100 - lowest)
    return [max(0.0, 100 - 1.08 * span), 100 + 0.05 * span]


def _over_time(chart_id: str, title: str, words: str, of: Callable[[Any], Percentiles]) -> Callable[[Report], Chart]:
    def draw(report: Report) -> Chart:
        times = [_time(point.starts_at_ms, report.step_ms) for point in report.over_time]
        points = [of(point) for point in report.over_time]
        series = {"p50": [_seconds(one.p50_ms) for one in points], "p95": [_seconds(one.p95_ms) for one in points]}
        figure = figures.lines(times, series, {"ticksuffix": " s"})
        rows = tuple(
            (time, duration(one.p50_ms), duration(one.p95_ms), count(one.samples))
            for time, one in zip(times, points, strict=True)
        )
        exact = tuple((time, one.p50_ms, one.p95_ms, one.samples) for time, one in zip(times, points, strict=True))
        finding = _percentiles_in_words(of(report.totals), words, times, points)
        columns = ("Time (UTC)", "p50", "p95", "Samples")
        unit = f"seconds, per {_step(report)}"
        return Chart(chart_id, title, unit, finding, figure, columns, rows, exact, ("time", *PERCENTILE_COLUMNS))

    return draw


def _per_model(chart_id: str, title: str, of: Callable[[Any], Percentiles]) -> Callable[[Report], Chart]:
    def draw(report: Report) -> Chart:
        known = [(row.language_model, of(row)) for row in report.models[:20] if of(row).samples]
        known.sort(key=lambda pair: pair[1].p50_ms or 0)
        names = [name for name, _ in known]
        lows, highs = (
            [_seconds(one.p50_ms) or 0.0 for _, one in known],
            [_seconds(one.p95_ms) or 0.0 for _, one in known],
        )
        figure = figures.spans(names, lows, highs, ("p50", "p95"), {"ticksuffix": " s"})
        rows = tuple((name, duration(one.p50_ms), duration(one.p95_ms), count(one.samples)) for name, one in known)
        exact = tuple((name, one.p50_ms, one.p95_ms, one.samples) for name, one in known)
        finding = "Nothing measured."
        if known:
            fast, slow = known[0], known[-1]
            finding = f"Fastest at the median: {fast[0]}, {duration(fast[1].p50_ms)}."
            if len(known) > 1:
                finding += f" Slowest: {slow[0]}, {duration(slow[1].p50_ms)}."
        columns = ("Model", "p50", "p95", "Samples")
        return Chart(
            chart_id,
            title,
            "p50 and p95, seconds",
            finding,
            figure,
            columns,
            rows,
            exact,
            ("model", *PERCENTILE_COLUMNS),
        )

    return draw


def _success_per_model(report: Report) -> Chart:
    judged = [(row.language_model, row.success) for row in report.models[:20] if row.success.judged]
    judged.sort(key=lambda pair: pair[1].ok / pair[1].judged)
    names = [name for name, _ in judged]
    values = [100 * one.ok / one.judged for _, one in judged]
    intervals = [proportion(one.ok, one.judged) for _, one in judged]
    bounds = [(one.low or 0.0, 1.0 if one.high is None else one.high) for one in intervals]
    texts = [f"{share(one.ok / one.judged)} of {count(one.judged)}" for _, one in judged]
    lows, highs = [100 * low for low, _ in bounds], [100 * high for _, high in bounds]
    figure = figures.dots_with_interval(names, values, lows, highs, {"ticksuffix": " %"}, texts)
    rows = tuple(
        (name, share(one.ok / one.judged), f"{share(low)} to {share(high)}", count(one.ok), count(one.judged))
        for (name, one), (low, high) in zip(judged, bounds, strict=True)
    )
    exact = tuple(
        (name, one.ok / one.judged, low, high, one.ok, one.judged)
        for (name, one), (low, high) in zip(judged, bounds, strict=True)
    )
    finding = "Nothing judged."
    if judged:
        finding = f"Least reliable: {names[0]}, {share(values[0] / 100)} of {plural(judged[0][1].judged, ATTEMPTS)}."
        if len(judged) > 1:
            finding += f" Most: {names[-1]}, {texts[-1]}."
    names_csv = ("model", "success", "low", "high", "succeeded", "attempts")
    columns = ("Model", "Success", "95 % interval", "Succeeded", "Attempts")
    return Chart(
        "success-per-model", "Success per model", "share of attempts", finding, figure, columns, rows, exact, names_csv
    )


def _cost_per_model(report: Report) -> Chart:
    shown = sorted(report.models[:20], key=lambda row: -row.cost_nusd)
    names = [row.language_model for row in shown]
    texts = [money(row.cost_nusd) for row in shown]
    figure = figures.bars(names, [row.cost_nusd / 1e9 for row in shown], {"tickprefix": "$"}, texts)
    rows = tuple(
        (row.language_model, money(_known_cost(row)), _each(row), count(row.attempts), count(row.unpriced_n))
        for row in shown
    )
    exact = tuple((row.language_model, format_usd(row.cost_nusd), row.attempts, row.unpriced_n) for row in shown)
    priced = [row for row in shown if row.attempts > row.unpriced_n]
    finding = "Nothing was called at a known price."
    if priced:
        finding = f"{priced[0].language_model} cost most: {texts[shown.index(priced[0])]} for {plural(priced[0].attempts, ATTEMPTS)}."
    columns = ("Model", "Cost", "Per attempt", "Attempts", "Unpriced")
    return Chart(
        "cost-per-model",
        "Cost per model",
        "dollars",
        finding,
        figure,
        columns,
        rows,
        exact,
        ("model", "cost_usd", "attempts", "unpriced"),
    )


def _layers(report: Report, of: Callable[[Point], int]) -> tuple[list[str], dict[str, list[int]]]:
    """Times and, for the models with most attempts, a value for each; the rest together as "other"."""
    places = {point.starts_at_ms: place for place, point in enumerate(report.over_time)}
    times = [_time(point.starts_at_ms, report.step_ms) for point in report.over_time]
    ranked = [row.language_model for row in report.models]
    values: dict[str, list[int]] = {}
    for rank, name in enumerate(ranked):
        layer = values.setdefault(name if rank < figures.SERIES else "other", [0] * len(times))
        for point in report.by_model.get(name, ()):
            if point.starts_at_ms in places:
                layer[places[point.starts_at_ms]] += of(point)
    return times, values


def _table(times: Sequence[str], values: Mapping[str, Sequence[int]], write: Callable[[int], Any]) -> tuple[Row, ...]:
    return tuple((time, *(write(column[place]) for column in values.values())) for place, time in enumerate(times))


def _percentiles_in_words(total: Percentiles, words: str, times: Sequence[str], points: Sequence[Percentiles]) -> str:
    if not total.samples:
        return "Nothing measured."
    worst = max(range(len(points)), key=lambda place: points[place].p95_ms or 0)
    return (
        f"Half of the {words} within {duration(total.p50_ms)}, 95 % within {duration(total.p95_ms)} "
        f"({plural(total.samples, 'sample,samples')}). Slowest: {_in_words(times[worst])}, p95 {duration(points[worst].p95_ms)}."
    )


def _known_cost(row: Any) -> int | None:
    return row.cost_nusd if row.attempts > row.unpriced_n else None


def _each(row: Any) -> str:
    priced = row.attempts - row.unpriced_n
    return money(row.cost_nusd // priced) if priced else "unknown"


def _step(report: Report) -> str:
    for length_ms, name in sorted(STEP_NAMES.items(), reverse=True):
        if report.step_ms % length_ms == 0:
            number = report.step_ms // length_ms
            return name if number == 1 else f"{number} {name}s"
    return duration(report.step_ms)


def _time(ms: int, step_ms: int) -> str:
    return f"{instant(ms):%Y-%m-%d}" if step_ms >= 86_400_000 else f"{instant(ms):%Y-%m-%d %H:%M}"


def _in_words(time: str) -> str:
    """2026-11-22 05:00 -> Nov 22, 05:00."""
    moment = datetime.fromisoformat(time)
    return f"{moment:%b %-d, %H:%M}" if " " in time else f"{moment:%b %-d}"


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else round(ms / 1_000, 4)


CHARTS: Mapping[str, Callable[[Report], Chart]] = {
    "requests-by-model": _requests_by_model,
    "cost-by-model": _cost_by_model,
    "saved": _saved,
    CACHE: _cache,
    "success": _success,
    "latency": _over_time("latency", "Latency over time", "answers came", lambda one: one.latency),
    "ttft": _over_time("ttft", "Time to first token over time", "first tokens came", lambda one: one.ttft),
    "success-per-model": _success_per_model,
    "cost-per-model": _cost_per_model,
    "latency-per-model": _per_model("latency-per-model", "Latency per model", lambda one: one.latency),
    "ttft-per-model": _per_model("ttft-per-model", "Time to first token per model", lambda one: one.ttft),
}
