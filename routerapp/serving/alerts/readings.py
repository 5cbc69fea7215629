"""What the rules look at, read from the database and the data folder as it is now. Judges nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.db.models import Sum

from routerapp.engine.allowances import EVERY_USER, KEY_PREFIX, TEAM_PREFIX, USER_PREFIX
from routerapp.models import (
    AlertKind,
    AlertRule,
    APIKey,
    AttemptRollup,
    Deployment,
    EndUserAllowance,
    Granularity,
    HealthCheck,
    Origin,
    RequestRollup,
    Team,
    WorkerReport,
)
from routerapp.models.access import Allowance
from routerapp.serving.alerts.judge import Reading
from routerapp.serving.alerts.kinds import BYTES, END_USER, FULLNESS, LAG, MODEL, PROVIDER
from routerapp.serving.drift_found import DriftFound, WorseModel, newest_drift
from routerapp.serving.refit_schedule import waiting_challenger
from routerapp.serving.system_state import DRAINER, FRESH, GATEWAY
from routerapp.store.caller_standing import Standing, Standings
from routerapp.store.config_document import unix_ms
from routerapp.store.reports import JUDGED
from routerapp.store.rollups import MINUTE_MS, period_start
from routerapp.store.spool_state import SpoolState, read_spool_state

MIB = 1024 * 1024
# One answer that went missing is no outage: this many checks in a row, none older than this.
CHECKS_IN_A_ROW = 2
CHECKS_NOT_OLDER = timedelta(minutes=5)


class Reader:
    """One moment's look: what several rules need is read once."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def read(self, rule: AlertRule) -> list[Reading]:
        """One reading of each subject the rule watches now."""
        return list(_READ[rule.kind](self, rule))

    def budgets(self, rule: AlertRule) -> Iterator[Reading]:
        for subject, row, standing in self._allowances:
            if rule.subject in ("", subject):
                yield _budget(subject, row, standing)

    def error_share(self, rule: AlertRule) -> Iterator[Reading]:
        """Models and providers by their attempts, whoever answered in the end; all others by what callers saw."""
        prefix, _, name = rule.subject.partition(":")
        if prefix in (MODEL, PROVIDER):
            column = "language_model" if prefix == MODEL else "provider"
            rows = self._window(AttemptRollup, rule).filter(**{column: name})
        else:
            rows = self._window(RequestRollup, rule).filter(**({prefix: name} if prefix else {}))
        counts = dict(rows.filter(status__in=JUDGED).values_list("status").annotate(Sum("n")).order_by())
        judged, ok = sum(counts.values()), counts.get(JUDGED[0], 0)
        is_enough = judged >= max(1, rule.least_requests)
        failed = {status: n for status, n in counts.items() if status != JUDGED[0]}
        detail = {"failed": judged - ok, "judged": judged, "mostly": max(failed, key=failed.__getitem__, default="")}
        yield Reading(rule.subject, (judged - ok) / judged if is_enough else None, detail)

    def provider_down(self, rule: AlertRule) -> Iterator[Reading]:
        for provider, states in self._deployments_down.items():
            subject = f"{PROVIDER}:{provider}"
            if rule.subject in ("", subject):
                down = sum(states.values())
                yield Reading(subject, down / len(states), {"down": down, "of": len(states)})

    def spool(self, rule: AlertRule) -> Iterator[Reading]:
        state = self._spool
        if rule.subject == LAG:
            yield Reading(LAG, self._lag_seconds, {"bytes": state.bytes_waiting})
        elif rule.subject == BYTES:
            yield Reading(BYTES, state.bytes_waiting / MIB)
        elif rule.subject == FULLNESS:
            yield Reading(FULLNESS, 100 * state.share, {"bytes": state.bytes_on_disk, "of": state.most_bytes})
        else:
            yield Reading(rule.subject, float(state.refused_files), {"bytes": state.refused_bytes})

    def unpriced(self, rule: AlertRule) -> Iterator[Reading]:
        prefix, _, name = rule.subject.partition(":")
        column = "language_model" if prefix == MODEL else prefix
        rows = self._window(RequestRollup, rule).filter(unpriced_n__gt=0, **({column: name} if prefix else {}))
        models = dict(rows.values_list("language_model").annotate(Sum("unpriced_n")).order_by("language_model"))
        yield Reading(rule.subject, float(sum(models.values())), {"models": sorted(models)[:10]})

    def input_drift(self, rule: AlertRule) -> Iterator[Reading]:
        """The dimension in which most requests are of another kind."""
        moved = [one for one in self._drift.kinds if one.against == rule.subject]
        most = max(moved, key=lambda one: one.moved, default=None)
        yield Reading(rule.subject, most.moved if most else None, asdict(most) if most else {})

    def success_drift(self, rule: AlertRule) -> Iterator[Reading]:
        """The larger of a model's two falls."""
        worst: dict[str, WorseModel] = {}
        for one in sorted(self._drift.models, key=lambda found: found.before - found.after):
            worst[f"{MODEL}:{one.model}"] = one
        for subject, one in worst.items():
            if rule.subject in ("", subject):
                yield Reading(subject, round(one.before - one.after, 4), asdict(one))

    def challenger(self, rule: AlertRule) -> Iterator[Reading]:
        row = waiting_challenger()
        if row is not None:
            gate = row.card.get("gate") or {}
            detail = {"predictor": str(row), "champion": gate.get("name", ""), "is_better": bool(gate.get("is_better"))}
            yield Reading(f"predictor:{row}", 1.0, detail)

    @cached_property
    def _drift(self) -> DriftFound:
        return newest_drift(self._now)

    def _window(self, table: type[RequestRollup] | type[AttemptRollup], rule: AlertRule) -> Any:
        """Live traffic of the last whole minutes and the one that runs."""
        since = period_start(unix_ms(self._now), Granularity.MINUTE) - (rule.window_minutes - 1) * MINUTE_MS
        return table._default_manager.filter(
            granularity=Granularity.MINUTE, starts_at_ms__gte=since, origin=Origin.LIVE
        )

    @cached_property
    def _allowances(self) -> list[tuple[str, Allowance, Standing]]:
        """Whoever has a spend limit, with what counts against it: the same figures the pages show."""
        users = list(EndUserAllowance.objects.exclude(user_hash=EVERY_USER))
        standings = Standings(unix_ms(self._now), [row.user_hash for row in users])
        rows: list[tuple[str, str, Allowance]] = [
            *((KEY_PREFIX + row.slug, f"key:{row.slug}", row) for row in APIKey.objects.filter(revoked_at=None)),
            *((TEAM_PREFIX + row.slug, f"team:{row.slug}", row) for row in Team.objects.filter(archived_at=None)),
            *((USER_PREFIX + row.user_hash, f"{END_USER}:{row.pk}", row) for row in users),
        ]
        return [
            (subject, row, standings.of(name))
            for name, subject, row in rows
            if row.daily_spend_nusd or row.monthly_spend_nusd
        ]

    @cached_property
    def _deployments_down(self) -> Mapping[str, Mapping[str, bool]]:
        """Provider -> deployment in use -> whether it is down."""
        broken, checks = self._open_breakers(), self._failed_checks()
        found: dict[str, dict[str, bool]] = defaultdict(dict)
        rows = Deployment.objects.filter(
            archived_at=None, is_enabled=True, provider__is_enabled=True, provider__archived_at=None
        )
        for pk, slug, provider in rows.order_by("slug").values_list("pk", "slug", "provider__slug"):
            found[provider][slug] = slug in broken or pk in checks
        return found

    def _open_breakers(self) -> set[str]:
        """Out on every gateway worker that reports."""
        fresh = WorkerReport.objects.filter(reported_at__gte=self._now - FRESH)
        states = [state for state in fresh.values_list("state", flat=True) if state.get("role", GATEWAY) == GATEWAY]
        each = [
            {slug for slug, one in (state.get("deployments") or {}).items() if one.get("breaker") == "open"}
            for state in states
        ]
        return set.intersection(*each) if each else set()

    def _failed_checks(self) -> set[int]:
        answers: dict[int, list[bool]] = defaultdict(list)
        recent = HealthCheck.objects.filter(at__gte=self._now - CHECKS_NOT_OLDER, at__lte=self._now)
        for pk, is_ok in recent.order_by("-at").values_list("deployment_id", "ok"):
            if len(answers[pk]) < CHECKS_IN_A_ROW:
                answers[pk].append(is_ok)
        return {pk for pk, newest in answers.items() if len(newest) == CHECKS_IN_A_ROW and not any(newest)}

    @cached_property
    def _spool(self) -> SpoolState:
        return read_spool_state(settings.DATA_DIR, settings.ENVIRONMENT.journal.spool_max_bytes)

    @property
    def _lag_seconds(self) -> float:
        """Of the oldest record that waits; where the drainer is silent, since it last said something."""
        state = self._spool
        if state.waiting_since_ms is None:
            return 0.0
        lag = max(0.0, self._now.timestamp() - state.waiting_since_ms / 1000)
        drainers = [
            at for at, said in WorkerReport.objects.values_list("reported_at", "state") if said.get("role") == DRAINER
        ]
        silent = max(0.0, (self._now - max(drainers)).total_seconds()) if drainers else 0.0
        return max(lag, silent if silent > FRESH.total_seconds() else 0.0)


def _budget(subject: str, row: Allowance, standing: Standing) -> Reading:
    parts = [
        (spent / limit, {"period": period, "spent_nusd": spent, "limit_nusd": limit})
        for period, spent, limit in (
            ("day", standing.day_nusd, row.daily_spend_nusd),
            ("month", standing.month_nusd, row.monthly_spend_nusd),
        )
        if limit
    ]
    share, detail = max(parts, key=lambda part: part[0])
    return Reading(subject, share, detail)


_READ = {
    AlertKind.BUDGET.value: Reader.budgets,
    AlertKind.ERROR_SHARE.value: Reader.error_share,
    AlertKind.PROVIDER_DOWN.value: Reader.provider_down,
    AlertKind.SPOOL.value: Reader.spool,
    AlertKind.UNPRICED.value: Reader.unpriced,
    AlertKind.INPUT_DRIFT.value: Reader.input_drift,
    AlertKind.SUCCESS_DRIFT.value: Reader.success_drift,
    AlertKind.CHALLENGER.value: Reader.challenger,
}
