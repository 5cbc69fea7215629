"""One deployment's page, the heat map, prices beside the package's, and the re-pricing of history, as people see them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from routerapp.models import Deployment, HealthCheck, Job, WorkerReport
from routerapp.serving.run_job import run_job
from tests.factories import a_deployment, a_language_model, a_price, a_provider
from tests.store.test_repricing import AT_MS, record

MARKUP = "<img src=x onerror=alert(1)>"


@pytest.fixture
def admin(signed_in: Any) -> Any:
    return signed_in("admin")


@pytest.fixture
def gpt(db: None) -> Deployment:
    provider = a_provider(slug="acme", kind="openai", base_url="https://api.openai.com/v1")
    model = a_language_model(slug="gpt-large", scores={"code": 0.7, "wit": 0.2})
    return a_deployment(slug="gpt", provider=provider, language_model=model, upstream_model="gpt-4o", price=None)


def at(name: str, *args: Any) -> str:
    return reverse(f"dashboard:{name}", args=args)


def operate(client: Any, deed: str, **given: str) -> Any:
    return client.post(at("deployment-operate", "gpt"), {"deed": deed, **given})


def test_an_operators_word_is_shown_with_who_when_and_why(admin: Any, gpt: Deployment) -> None:
    assert operate(admin, "drain", reason=MARKUP).status_code == 302
    page = admin.get(at("deployment-detail", "gpt")).text
    assert "Drained: nothing new is sent there" in page
    assert "&lt;img" in page
    operate(admin, "resume", reason="done")

    assert "until somebody resumes it" not in admin.get(at("deployment-detail", "gpt")).text


@pytest.mark.parametrize(
    "given", [{"deed": "drain"}, {"deed": "explode"}, {"deed": "cooldown", "reason": "x", "minutes": "9999"}, {}]
)
def test_a_deed_without_reason_or_bounds_comes_back(admin: Any, gpt: Deployment, given: dict[str, str]) -> None:
    response = admin.post(at("deployment-operate", "gpt"), given)

    assert response.status_code == 422


def test_what_workers_report_is_shown_and_what_nobody_reports_is_unknown(viewer: Any, gpt: Deployment) -> None:
    assert "no worker reports it" in viewer.get(at("deployment-detail", "gpt")).text
    for worker, breaker in (("a", "closed"), ("b", "open")):
        one = {"in_flight": 2, "breaker": breaker, "ttft_ewma_ms": 300.0, "ttft_samples": 3, "requests_left": 7}
        WorkerReport.objects.create(
            worker=worker, reported_at=timezone.now(), config_revision="", serial=0, state={"deployments": {"gpt": one}}
        )
    page = viewer.get(at("deployment-detail", "gpt"), headers={"HX-Request": "true", "HX-Target": "div#now"}).text

    assert "breaker open" in page
    assert ">4<" in page
    assert "<html" not in page


def test_failed_checks_are_an_incident(viewer: Any, gpt: Deployment) -> None:
    now = timezone.now()
    for minutes, ok in ((30, True), (25, False), (20, False), (15, True), (2, False)):
        error = "" if ok else "connect_failed"
        HealthCheck.objects.create(deployment=gpt, at=now - timedelta(minutes=minutes), ok=ok, error_class=error)
    for address in (at("deployment-detail", "gpt"), at("language-model-detail", "gpt-large")):
        page = viewer.get(address, {"range": "1h"}).text
        assert "2 of 2" in page
        assert "still on" in page
        assert "could not be reached" in page


def test_an_empty_time_says_so_and_a_wrong_range_is_the_usual_one(viewer: Any, gpt: Deployment) -> None:
    assert "Nothing was measured" in viewer.get(at("deployment-detail", "gpt"), {"range": "x'--"}).text


def test_prices_say_who_set_them_and_two_are_a_chart(admin: Any, gpt: Deployment) -> None:
    a_price(gpt)
    given = {"input_usd_per_mtok": "3", "output_usd_per_mtok": "4", "source": "contract", "valid_from": "2100-01-01"}
    assert admin.post(at("price-create", "gpt"), given).status_code == 302
    response = admin.get(at("deployment-detail", "gpt"))

    assert "to come" in response.text
    assert response.context["prices"][0]["set_by"] == response.wsgi_request.user.username
    assert response.context["price_chart"].figure["data"][0]["line"]["shape"] == "hv"


def test_the_heat_map_sorts_and_says_unknown(viewer: Any, gpt: Deployment) -> None:
    a_language_model(slug="aaa", name="AAA")
    page = viewer.get(at("language-model-list"), {"sort": "code"}).text
    shown = page.partition('id="capabilities"')[2]

    assert shown.index("gpt-large") < shown.index("AAA")
    assert 'data-level="7"' in shown
    assert 'data-level="unknown"' in shown
    assert "Where each score is from" in shown
    assert viewer.get(at("language-model-list"), {"sort": MARKUP}).status_code == 200


def test_listed_prices_are_taken_for_what_is_ticked_or_named(admin: Any, gpt: Deployment) -> None:
    odd = a_deployment(slug="odd", provider=gpt.provider, upstream_model="our-name", price=None)
    page = admin.get(at("price-import")).text
    assert "openai/gpt-4o" in page
    assert "has no model of exactly this name" in page
    assert admin.post(at("price-import"), {}).status_code == 422
    refused = admin.post(at("price-import"), {"deployment": ["gpt"], "as-odd": MARKUP})
    assert (refused.status_code, MARKUP in refused.text) == (422, False)
    assert admin.post(at("price-import"), {"deployment": ["gpt"], "as-odd": "openai/gpt-4o"}).status_code == 302

    assert (gpt.prices.count(), odd.prices.count()) == (1, 1)


@pytest.mark.parametrize("name", ["price-import", "repricing"])
def test_only_an_admin_touches_prices(signed_in: Any, gpt: Deployment, name: str) -> None:
    response = signed_in("publisher").post(at(name), {"deployment": "gpt"})

    assert response.status_code == 403
    assert not gpt.prices.exists()
    assert not Job.objects.exists()


def _started(days: int) -> str:
    return f"{datetime.fromtimestamp(AT_MS / 1000, UTC) + timedelta(days=days):%Y-%m-%dT%H:%M}"


def test_history_is_repriced_in_two_steps(admin: Any, gpt: Deployment) -> None:
    record(1, [None])
    a_price(gpt)
    asked = {"deployment": "gpt", "start": _started(-1), "end": _started(1)}
    first = admin.post(at("repricing"), asked)
    job = Job.objects.get()
    assert first.url == at("repricing-job", job.pk)
    assert "Waiting for the job worker" in admin.get(first.url).text
    run_job(job.pk)
    assert "Apply: re-price 1 attempt" in admin.get(first.url).text
    second = admin.post(at("repricing-apply", job.pk))
    run_job(int(second.url.strip("/").rpartition("/")[2]))

    assert "1 of 1 attempts and 1 of 1 requests changed." in admin.get(second.url).text


def test_a_wrong_range_and_a_second_apply_are_said(admin: Any, gpt: Deployment) -> None:
    assert admin.post(at("repricing"), {"deployment": "gpt", "start": "soon"}).status_code == 422
    assert (
        admin.post(at("repricing"), {"deployment": "gpt", "start": _started(1), "end": _started(0)}).status_code == 422
    )
    admin.post(at("repricing"), {"deployment": "gpt", "start": _started(0), "end": _started(1)})
    job = Job.objects.get()

    assert admin.post(at("repricing-apply", job.pk)).url == at("repricing-job", job.pk)
    admin.post(at("repricing-cancel", job.pk))
    assert "Cancelled" in admin.get(at("repricing-job", job.pk)).text
    assert admin.get(at("repricing-job", 10**9)).status_code == 404


def test_unpriced_traffic_is_said_where_costs_are_read(
    admin: Any, gpt: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(1, [None])
    monkeypatch.setattr(timezone, "now", lambda: datetime.fromtimestamp(AT_MS / 1000 + 60, UTC))

    for name in ("overview", "language-model-list", "price-import"):
        assert "1 attempt has no known cost" in admin.get(at(name)).text
