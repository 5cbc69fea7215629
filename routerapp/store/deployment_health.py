"""How deployments did over time: attempts from rollups, answers to health checks, and the stretches in which something was wrong. Only reads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from routerapp.models import HealthCheck
from routerapp.store.config_document import unix_ms
from routerapp.store.grains import kept_from_ms
from routerapp.store.overview import step_of
from routerapp.store.reports import JUDGED, Range, Success
from routerapp.store.rollup_sums import Query, as_kept, sketches, sums
from routerapp.store.rollups import ATTEMPTS
from routerapp.store.sketches import Percentiles, percentiles

# A stretch of traffic is an incident when it failed this often, over at least so many attempts.
BAD_SHARE = 0.8
LEAST_ATTEMPTS = 5
# Checks further apart than this are two incidents: nobody looked in between.
LONGEST_GAP_MS = 15 * 60_000
MOST_INCIDENTS = 50


@dataclass(frozen=True, slots=True)
class HealthPoint:
    """One step of the time axis. checks: answered and asked."""

    starts_at_ms: int
    success: Success
    latency: Percentiles
    ttft: Percentiles
    checks: Success


@dataclass(frozen=True, slots=True)
class Incident:
    """seen_by: checks or traffic. failed of n. is_open: it reaches the end of the range."""

    deployment: str
    seen_by: str
    from_ms: int
    to_ms: int
    failed: int
    n: int
    error_class: str
    is_open: bool


@dataclass(frozen=True, slots=True)
class HealthReport:
    step_ms: int
    points: tuple[HealthPoint, ...]
    incidents: tuple[Incident, ...]
    errors: tuple[tuple[str, int], ...]

    @property
    def is_empty(self) -> bool:
        return not any(point.success.judged or point.checks.judged for point in self.points)


@dataclass(frozen=True, slots=True)
class Subject:
    """One deployment, or all of a language model. column: of attempt_rollup."""

    column: str
    name: str
    deployments: tuple[str, ...]


def read_health(subject: Subject, span: Range, origins: Sequence[str]) -> HealthReport:
    """Success and latency of attempts and answers to checks, per step; incidents newest first; error classes, most first."""
    kept = kept_from_ms()
    span = as_kept(span, kept)
    step_ms = step_of(span, 4)
    query = Query(ATTEMPTS, span, tuple(origins), {subject.column: subject.name}, step_ms, kept=kept)
    counts: dict[int, dict[str, int]] = defaultdict(dict)
    for (period, status), row in sums(query, ("period", "status")).items():
        counts[period][status] = row["n"]
    errors = {error: row["n"] for (error,), row in sums(query, ("error_class",)).items() if error}
    buckets = sketches(query, ("period",))
    checks = _checks(subject, span)
    asked: dict[int, list[bool]] = defaultdict(list)
    first = span.first_period_ms
    for _, at_ms, ok, _ in checks:
        asked[first + (at_ms - first) // step_ms * step_ms].append(ok)
    points = tuple(
        HealthPoint(
            period,
            Success(counts[period].get("ok", 0), sum(counts[period].get(status, 0) for status in JUDGED)),
            percentiles(buckets.get((period, "latency"), {})),
            percentiles(buckets.get((period, "ttft"), {})),
            Success(sum(asked[period]), len(asked[period])),
        )
        for period in range(first, span.ends_at_ms, step_ms)
    )
    incidents = [*_check_incidents(checks, span), *_traffic_incidents(subject, points, step_ms, span)]
    incidents.sort(key=lambda one: (-one.from_ms, one.deployment))
    ordered = tuple(sorted(errors.items(), key=lambda pair: (-pair[1], pair[0])))
    return HealthReport(step_ms, points, tuple(incidents[:MOST_INCIDENTS]), ordered)


def latest_checks(deployments: Sequence[str]) -> dict[str, HealthCheck]:
    """The newest check of each, if there is one."""
    newest: dict[str, HealthCheck] = {}
    rows = HealthCheck.objects.filter(deployment__slug__in=list(deployments)).select_related("deployment")
    for row in rows.order_by("-at")[: 4 * max(1, len(deployments))]:
        newest.setdefault(row.deployment.slug, row)
    for slug in set(deployments) - newest.keys():
        if (found := rows.filter(deployment__slug=slug).order_by("-at").first()) is not None:
            newest[slug] = found
    return newest


Check = tuple[str, int, bool, str]


def _checks(subject: Subject, span: Range) -> list[Check]:
    """(deployment, at, ok, error class), by deployment and time."""
    ends = [datetime.fromtimestamp(ms / 1000, UTC) for ms in (span.first_period_ms, span.ends_at_ms)]
    rows = HealthCheck.objects.filter(deployment__slug__in=subject.deployments, at__gte=ends[0], at__lt=ends[1])
    found = rows.order_by("deployment__slug", "at").values_list("deployment__slug", "at", "ok", "error_class")
    return [(slug, unix_ms(at), ok, error) for slug, at, ok, error in found]


def _check_incidents(checks: Sequence[Check], span: Range) -> list[Incident]:
    """Checks that failed one after the other."""
    found = []
    for slug, of_one in groupby(checks, key=lambda check: check[0]):
        run: list[Check] = []
        for check in of_one:
            if run and (check[2] or check[1] - run[-1][1] > LONGEST_GAP_MS):
                found.append(_incident(slug, run, check[1] if check[2] else run[-1][1], is_open=False))
                run = []
            if not check[2]:
                run.append(check)
        if run:
            is_open = span.ends_at_ms - run[-1][1] <= LONGEST_GAP_MS
            found.append(_incident(slug, run, run[-1][1], is_open=is_open))
    return found


def _incident(slug: str, run: Sequence[Check], to_ms: int, *, is_open: bool) -> Incident:
    classes = [error for *_, error in run if error]
    common = max(sorted(set(classes)), key=classes.count, default="")
    return Incident(slug, "checks", run[0][1], to_ms, len(run), len(run), common, is_open)


def _traffic_incidents(subject: Subject, points: Sequence[HealthPoint], step_ms: int, span: Range) -> list[Incident]:
    """Steps in a row in which too much failed."""
    found: list[Incident] = []
    run: list[HealthPoint] = []
    for point in (*points, None):
        is_bad = (
            point is not None and point.success.judged >= LEAST_ATTEMPTS and (point.success.share or 0.0) < BAD_SHARE
        )
        if is_bad and point is not None:
            run.append(point)
        elif run and (point is None or point.success.judged):
            n = sum(one.success.judged for one in run)
            failed = n - sum(one.success.ok for one in run)
            to_ms = run[-1].starts_at_ms + step_ms
            ends = min(to_ms, span.ends_at_ms)
            is_open = to_ms >= span.ends_at_ms
            found.append(Incident(subject.name, "traffic", run[0].starts_at_ms, ends, failed, n, "", is_open))
            run = []
    return found
