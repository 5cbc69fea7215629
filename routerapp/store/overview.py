"""The overview: totals, models, time series and rule hits of one range, read from rollups only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace

from routerapp.models import Granularity
from routerapp.store.grains import kept_from_ms
from routerapp.store.reports import (
    JUDGED,
    LIVE_TRAFFIC,
    MOST_POINTS,
    Filters,
    ModelRow,
    OverviewReport,
    Point,
    Range,
    RuleHits,
    Success,
    TotalPoint,
    Totals,
)
from routerapp.store.rollup_sums import Group, Query, as_kept, sketches, sums
from routerapp.store.rollups import ATTEMPTS, LENGTH_MS, REQUESTS, RULES, TOTALS
from routerapp.store.sketches import Percentiles, merged, percentiles

Buckets = Mapping[Group, Mapping[int, int]]

# Steps that divide an hour's minutes and a day's hours, so that points fall on the clock; then whole days.
STEPS: Mapping[str, tuple[int, ...]] = {
    Granularity.MINUTE.value: (1, 2, 5, 10, 15, 30, 60),
    Granularity.HOUR.value: (1, 2, 3, 4, 6, 12, 24),
    Granularity.DAY.value: (1, 2, 7, 14, 28, 56, 91, 182, 364),
}


def overview(span: Range, filters: Filters = LIVE_TRAFFIC, using: str = "default") -> OverviewReport:
    """Everything the overview shows, in eight queries. filters by policy, rule, key, team and task narrow the requests only."""
    kept = kept_from_ms(using)
    span = as_kept(span, kept)
    attempts = Query(ATTEMPTS, span, filters.origins, filters.attempt_columns(), using=using, kept=kept)
    grouped = sums(attempts, ("language_model", "status", "error_class"))
    step_ms = step_of(span, max(1, len({model for model, _, _ in grouped})))
    attempts = replace(attempts, step_ms=step_ms)
    by_model = sketches(attempts, ("language_model", "period"), ("latency",))
    first_tokens = sketches(attempts, ("language_model",), ("ttft",))
    columns = filters.request_columns()
    requests = Query(REQUESTS if columns else TOTALS, span, filters.origins, columns, step_ms, using, kept)
    by_status, over_time = sums(requests, ("period", "status")), sketches(requests, ("period",))
    return OverviewReport(
        starts_at_ms=span.first_period_ms,
        ends_at_ms=span.ends_at_ms,
        step_ms=step_ms,
        totals=_totals(by_status, over_time),
        models=_models(grouped, by_model, first_tokens),
        over_time=_over_time(requests, by_status, over_time),
        by_model=_by_model(attempts, by_model),
        rules=_rules(replace(requests, table=RULES if columns.keys() <= set(RULES.dimensions) else REQUESTS)),
    )


def rule_hits(policy: str, since_ms: int, now_ms: int, filters: Filters = LIVE_TRAFFIC) -> tuple[RuleHits, ...]:
    """Hits per version and rule of one policy since since_ms, most first."""
    kept = kept_from_ms()
    span = as_kept(Range(since_ms, max(now_ms, since_ms) + 1), kept)
    return _rules(Query(RULES, span, filters.origins, {"policy": policy}, kept=kept))


def step_of(span: Range, series: int) -> int:
    """The shortest step in milliseconds with which so many series stay below MOST_POINTS points."""
    granularity = span.granularity
    length_ms = LENGTH_MS[granularity]
    periods = -(-(span.ends_at_ms - span.first_period_ms) // length_ms)
    for step in STEPS[granularity]:
        if -(-periods // step) * series <= MOST_POINTS:
            return step * length_ms
    return periods * length_ms


def _totals(by_status: Mapping[Group, Mapping[str, int]], over_time: Buckets) -> Totals:
    counts: Counter[str] = Counter()
    for (_, status), row in by_status.items():
        counts[status] += row["n"]
    names = ("cost_nusd", "unpriced_n", "estimated_n", "input_tokens", "output_tokens")
    baseline = ("baseline_n", "baseline_cost_nusd", "baseline_actual_nusd")
    kept = ("cache_hit_n", "moved_n", "lost_cache_tokens")
    return Totals(
        requests=counts.total(),
        success=_success(counts),
        by_status=dict(counts),
        latency=percentiles(merged(counts for (*_, metric), counts in over_time.items() if metric == "latency")),
        ttft=percentiles(merged(counts for (*_, metric), counts in over_time.items() if metric == "ttft")),
        cache_saved_nusd=sum(row["saved_nusd"] for row in by_status.values()),
        **{name: sum(row[name] for row in by_status.values()) for name in (*names, *baseline, *kept)},
    )


def _models(
    sums_by_error: Mapping[Group, dict[str, int]], by_model: Buckets, first_tokens: Buckets
) -> tuple[ModelRow, ...]:
    grouped: dict[str, list[tuple[Group, dict[str, int]]]] = defaultdict(list)
    for group, row in sums_by_error.items():
        grouped[group[0]].append((group, row))
    points: dict[Group, list[Mapping[int, int]]] = defaultdict(list)
    for (model, _, metric), counts in by_model.items():
        points[model, metric].append(counts)
    buckets = {**first_tokens, **{where: merged(counts) for where, counts in points.items()}}
    models = [_model_row(name, rows, buckets) for name, rows in grouped.items()]
    return tuple(sorted(models, key=lambda row: (-row.attempts, row.language_model)))


def _model_row(name: str, rows: list[tuple[Group, dict[str, int]]], buckets: Buckets) -> ModelRow:
    statuses: Counter[str] = Counter()
    errors: Counter[str] = Counter()
    for (_, status, error_class), row in rows:
        statuses[status] += row["n"]
        if error_class:
            errors[error_class] += row["n"]
    summed = {column: sum(row[column] for _, row in rows) for column in ATTEMPTS.sums}
    return ModelRow(
        language_model=name,
        attempts=summed.pop("n"),
        success=_success(statuses),
        errors=dict(errors.most_common()),
        latency=percentiles(buckets.get((name, "latency"), {})),
        ttft=percentiles(buckets.get((name, "ttft"), {})),
        **summed,
    )


def _over_time(query: Query, by_status: Mapping[Group, dict[str, int]], buckets: Buckets) -> tuple[TotalPoint, ...]:
    found: dict[int, list[tuple[str, dict[str, int]]]] = {period: [] for period in _periods(query)}
    for (period, status), row in by_status.items():
        found[period].append((status, row))
    return tuple(
        TotalPoint(
            starts_at_ms=period,
            requests=_sum(rows, "n"),
            cost_nusd=_sum(rows, "cost_nusd"),
            saved_nusd=_sum(rows, "baseline_cost_nusd") - _sum(rows, "baseline_actual_nusd"),
            success=_success({status: row["n"] for status, row in rows}),
            latency=_percentiles(buckets, period, "latency"),
            ttft=_percentiles(buckets, period, "ttft"),
            cache_hit_n=_sum(rows, "cache_hit_n"),
            cache_saved_nusd=_sum(rows, "saved_nusd"),
        )
        for period, rows in found.items()
    )


def _by_model(query: Query, buckets: Buckets) -> dict[str, tuple[Point, ...]]:
    grouped: dict[str, dict[int, list[tuple[str, dict[str, int]]]]] = defaultdict(lambda: defaultdict(list))
    for (model, period, status), row in sums(query, ("language_model", "period", "status")).items():
        grouped[model][period].append((status, row))
    return {
        model: tuple(
            Point(
                starts_at_ms=period,
                requests=_sum(rows, "n"),
                cost_nusd=_sum(rows, "cost_nusd"),
                success=_success({status: row["n"] for status, row in rows}),
                latency=_percentiles(buckets, model, period, "latency"),
            )
            for period, rows in sorted(periods.items())
        )
        for model, periods in sorted(grouped.items())
    }


def _rules(query: Query) -> tuple[RuleHits, ...]:
    grouped: dict[tuple[str, int, str], list[tuple[str, dict[str, int]]]] = defaultdict(list)
    for (policy, version, rule, status), row in sums(query, ("policy", "policy_version", "rule", "status")).items():
        if policy:
            grouped[policy, version, rule].append((status, row))
    hits = [
        RuleHits(*place, _sum(rows, "n"), _sum(rows, "cost_nusd"), _success({s: row["n"] for s, row in rows}))
        for place, rows in grouped.items()
    ]
    return tuple(sorted(hits, key=lambda hit: (-hit.requests, hit.policy, -hit.policy_version, hit.rule)))


def _periods(query: Query) -> Iterable[int]:
    return range(query.range.first_period_ms, query.range.ends_at_ms, query.step_ms)


def _percentiles(buckets: Buckets, *group: object) -> Percentiles:
    return percentiles(buckets.get(group, {}))


def _sum(rows: Iterable[tuple[str, Mapping[str, int]]], column: str) -> int:
    return sum(row[column] for _, row in rows)


def _success(counts: Mapping[str, int]) -> Success:
    return Success(counts.get("ok", 0), sum(counts.get(status, 0) for status in JUDGED))
