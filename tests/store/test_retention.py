from datetime import UTC, datetime, timedelta

import pytest

from routerapp.models import (
    AttemptRollup,
    AttemptRow,
    Body,
    DecisionInputs,
    Feedback,
    HealthCheck,
    InstallationState,
    RequestRollup,
    RoutedRequest,
    RuleRollup,
)
from routerapp.store import retention
from routerapp.store.compaction import HOURS_KEPT, MINUTES_KEPT, compact_rollups
from routerapp.store.config_document import unix_ms
from routerapp.store.jobs import JobCancelled
from tests.factories import a_deployment, a_request, an_attempt

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def forget(report=lambda share, words: None):
    return retention.forget(NOW, report)


def aged(days, **overrides):
    row = a_request(at_ms=unix_ms(NOW - timedelta(days=days)), chat={"messages": []}, **overrides)
    an_attempt(row)
    Feedback.objects.create(id=row.id, request_id=row.id, at_ms=row.at_ms, kind="rating", source="api")
    return row


def test_bodies_go_first_then_inputs_then_everything():
    rows = [aged(days) for days in (1, 31, 91, 401)]
    deleted = forget()

    assert {body.request_id for body in Body.objects.all()} == {rows[0].id}
    assert {inputs.request_id for inputs in DecisionInputs.objects.all()} == {rows[0].id, rows[1].id}
    assert set(RoutedRequest.objects.all()) == set(rows[:3])
    assert AttemptRow.objects.count() == Feedback.objects.count() == 3
    assert (deleted["bodies"], deleted["inputs"], deleted["requests"]) == (3, 2, 1)


def test_the_settings_may_keep_less():
    InstallationState.objects.create(settings={"retention_days": {"bodies": 0, "requests": 7}})
    aged(1)
    aged(8)
    forget()

    assert not Body.objects.exists()
    assert RoutedRequest.objects.count() == 1


def test_works_in_small_batches_and_stops_when_asked(monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    for _ in range(5):
        aged(31)
    seen = []

    def stop_after_two(share, words):
        seen.append(words)
        if len(seen) == 2:
            raise JobCancelled

    with pytest.raises(JobCancelled):
        forget(stop_after_two)
    assert seen == ["2 bodies deleted", "4 bodies deleted"]
    assert Body.objects.count() == 1


def test_health_checks_are_kept_two_days():
    deployment = a_deployment()
    for days in (1, 3):
        HealthCheck.objects.create(deployment=deployment, at=NOW - timedelta(days=days), ok=True)

    assert forget()["health_checks"] == 1


CACHED = ("cache_hit_n", "saved_nusd", "moved_n", "lost_cache_tokens")


def a_rollup(id, granularity, age):
    sums = dict.fromkeys(("n", "unpriced_n", "estimated_n", "input_tokens", "output_tokens", "cost_nusd"), 1)
    baseline = dict.fromkeys(("baseline_n", "baseline_cost_nusd", "baseline_actual_nusd"), 1)
    where = {"granularity": granularity, "starts_at_ms": unix_ms(NOW - age), "origin": "live"}
    AttemptRollup.objects.create(id=id, deployment="d", language_model="m", provider="p", status="ok", **where, **sums)
    RequestRollup.objects.create(id=id + 1, policy_version=1, status="ok", **where, **sums, **baseline)
    RuleRollup.objects.create(
        id=id + 2, policy_version=1, status="ok", **where, **sums, **baseline, **dict.fromkeys(CACHED, 0)
    )


def test_compaction_drops_old_minutes_and_hours_with_their_sketches_and_never_days():
    a_rollup(10, "minute", MINUTES_KEPT + timedelta(hours=1))
    a_rollup(20, "minute", timedelta(hours=1))
    a_rollup(30, "hour", HOURS_KEPT + timedelta(days=1))
    a_rollup(40, "hour", MINUTES_KEPT + timedelta(days=1))
    a_rollup(50, "day", timedelta(days=4000))

    assert compact_rollups(NOW) == 6
    assert set(AttemptRollup.objects.values_list("id", flat=True)) == {20, 40, 50}
    assert set(RequestRollup.objects.values_list("id", flat=True)) == {21, 41, 51}
    assert set(RuleRollup.objects.values_list("id", flat=True)) == {22, 42, 52}
