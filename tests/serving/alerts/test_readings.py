"""What each kind of rule sees."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from routerapp.models import HealthCheck, Origin, RequestRollup, WorkerReport
from routerapp.serving.alerts.readings import Reader
from routerapp.store.config_document import unix_ms
from tests.factories import a_deployment, a_key, a_provider, a_team
from tests.serving.alerts.alerting import BASELINE, NOW, SUMS, a_rule, attempts, requests

pytestmark = pytest.mark.django_db


def values(rule):
    return {reading.subject: reading.value for reading in Reader(NOW).read(rule)}


def test_error_share_counts_failed_of_judged_within_the_window_of_live_traffic():
    requests(70)
    requests(20, "upstream_error")
    requests(10, "timeout")
    requests(50, "refused_limit")
    requests(50, "cancelled")
    requests(100, "upstream_error", ago=timedelta(minutes=15))
    requests(100, "upstream_error", origin=Origin.SAMPLE)

    assert values(a_rule()) == {"": 0.3}


@pytest.mark.parametrize(
    ("subject", "value"), [("policy:support", 0.5), ("policy:other", 0.0), ("key:a", 0.5), ("key:nobody", None)]
)
def test_error_share_may_be_of_one_policy_or_key(subject, value):
    requests(10, key="a")
    requests(10, "interrupted", key="a")
    requests(30, policy="other")

    assert values(a_rule(subject=subject)) == {subject: value}


def test_models_and_providers_are_judged_by_their_attempts():
    requests(100)
    attempts(5)
    attempts(15, "upstream_error")
    attempts(30, language_model="other", provider="acme")

    assert values(a_rule(subject="model:gpt")) == {"model:gpt": 0.75}
    assert values(a_rule(subject="provider:acme")) == {"provider:acme": 0.3}


def test_too_few_requests_say_nothing():
    requests(9, "upstream_error")

    assert values(a_rule(least_requests=10)) == {"": None}
    assert values(a_rule(least_requests=9)) == {"": 1.0}


def a_month_of(cost, **columns):
    day = NOW.replace(hour=0, minute=0, second=0)
    RequestRollup.objects.create(
        id=900_000 + cost // 1_000_000,
        granularity="day",
        starts_at_ms=unix_ms(day),
        origin="live",
        status="ok",
        n=1,
        policy_version=1,
        **{**SUMS, **BASELINE, "cost_nusd": cost, **columns},
    )


def test_budgets_take_the_fuller_of_day_and_month_of_everyone_with_a_limit():
    a_key(slug="rich", daily_spend_nusd=10_000_000_000, monthly_spend_nusd=12_000_000_000)
    a_key(slug="free")
    a_key(slug="blocked", daily_spend_nusd=0)
    a_team(slug="billing", monthly_spend_nusd=20_000_000_000)
    a_month_of(9_000_000_000, key="rich", team="billing")

    assert values(a_rule("budget")) == {"key:rich": 0.9, "team:billing": 0.45}
    assert values(a_rule("budget", subject="team:billing")) == {"team:billing": 0.45}


def checked(deployment, *answers):
    for number, is_ok in enumerate(answers):
        HealthCheck.objects.create(deployment=deployment, at=NOW - timedelta(seconds=30 * (number + 1)), ok=is_ok)


def test_a_provider_is_as_far_down_as_its_deployments_that_are_used():
    provider = a_provider(slug="acme")
    first, second = (a_deployment(slug=slug, provider=provider) for slug in ("first", "second"))
    a_deployment(slug="off", provider=provider, is_enabled=False)
    checked(first, False, False, True)
    checked(second, False, True)
    rule = a_rule("provider_down")
    assert values(rule) == {"provider:acme": 0.5}

    state = {"deployments": {"second": {"breaker": "open"}}}
    WorkerReport.objects.create(worker="w1", reported_at=NOW - timedelta(seconds=1), state=state)
    assert values(rule) == {"provider:acme": 1.0}

    WorkerReport.objects.create(worker="w2", reported_at=NOW - timedelta(seconds=1), state={"deployments": {}})
    assert values(rule) == {"provider:acme": 0.5}


def test_old_checks_and_silent_workers_say_nothing():
    deployment = a_deployment(slug="first", provider=a_provider(slug="acme"))
    for minutes in (10, 11):
        HealthCheck.objects.create(deployment=deployment, at=NOW - timedelta(minutes=minutes), ok=False)
    state = {"deployments": {"first": {"breaker": "open"}}}
    WorkerReport.objects.create(worker="w1", reported_at=NOW - timedelta(minutes=2), state=state)

    assert values(a_rule("provider_down")) == {"provider:acme": 0.0}


@pytest.fixture
def data_dir(tmp_path, settings):
    settings.DATA_DIR = tmp_path
    return tmp_path


def test_the_journal_is_measured_by_age_size_and_what_was_refused(data_dir):
    boot = data_dir / "spool" / "0001-abc"
    boot.mkdir(parents=True)
    segment = boot / f"{0:08d}.log"
    segment.write_bytes(b"x" * 2 * 1024 * 1024)
    os.utime(segment, (NOW.timestamp() - 400, NOW.timestamp() - 400))
    (data_dir / "refused").mkdir()
    (data_dir / "refused" / "one.bin").write_bytes(b"x")

    assert values(a_rule("spool", subject="lag"))["lag"] == pytest.approx(400, abs=1)
    assert values(a_rule("spool", subject="bytes")) == {"bytes": 2.0}
    assert values(a_rule("spool", subject="refused")) == {"refused": 1.0}
    assert 0 < values(a_rule("spool", subject="fullness"))["fullness"] < 1


def test_a_silent_drainer_counts_though_the_journal_is_still_written_to(data_dir):
    boot = data_dir / "spool" / "0001-abc"
    boot.mkdir(parents=True)
    segment = boot / f"{0:08d}.log"
    segment.write_bytes(b"x")
    os.utime(segment, (NOW.timestamp(), NOW.timestamp()))
    WorkerReport.objects.create(worker="d", reported_at=NOW - timedelta(minutes=9), state={"role": "drainer"})

    assert values(a_rule("spool", subject="lag"))["lag"] == pytest.approx(540, abs=1)


def test_nothing_waits_in_an_empty_folder(data_dir):
    assert values(a_rule("spool", subject="lag")) == {"lag": 0.0}


def test_unpriced_requests_are_counted_with_their_models():
    requests(5, unpriced_n=3, language_model="gpt", key="a")
    requests(5, unpriced_n=1, language_model="new", key="b")
    requests(50)
    reading = Reader(NOW).read(a_rule("unpriced"))[0]

    assert (reading.value, reading.detail["models"]) == (4.0, ["gpt", "new"])
    assert values(a_rule("unpriced", subject="key:b")) == {"key:b": 1.0}
