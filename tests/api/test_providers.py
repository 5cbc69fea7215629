"""Tests, models and rotation of providers, an operator's hand on deployments, prices from the package: over the API."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest

from routerapp.models import Deployment, Provider
from routerapp.serving.run_job import run_job
from tests.api.callers import calls_as, codes_of, error_of
from tests.factories import a_deployment, a_price, a_provider
from tests.misbehaving import FakeUpstream, fake_upstream
from tests.store.test_repricing import AT_MS, check_sums, record

pytestmark = pytest.mark.django_db
KEY = "sk-canary-0123456789abcdef"


@pytest.fixture
def upstream(settings: Any) -> Iterator[FakeUpstream]:
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    with fake_upstream() as fake:
        fake.works().key = KEY
        yield fake


@pytest.fixture
def acme(upstream: FakeUpstream) -> Provider:
    return a_provider(slug="acme", kind="openai", base_url=f"{upstream.url}/v1", credential=KEY)


def test_a_test_says_what_is_wrong_and_gives_no_key_away(acme: Provider, upstream: FakeUpstream) -> None:
    call = calls_as("admin")
    works = call("POST", "providers/acme/test", {"upstream_model": "small-1"})
    upstream.key = "another"
    broken = call("POST", "providers/acme/test", {})

    assert (works.status_code, works.json()["is_ok"], works.json()["finding"]["code"]) == (200, True, "ok")
    assert broken.json()["finding"]["code"] == "credential_rejected"
    assert KEY not in works.text + broken.text
    assert call("POST", "providers/acme/test", {"credential": "another"}).json()["is_ok"]
    assert codes_of(call("POST", "providers/acme/test", {"deployment": "none"})) == {"deployment": "unknown_reference"}
    assert call("POST", "providers/acme/test", {"upstream_model": "x" * 500}).status_code == 422


def test_models_are_listed_and_become_deployments(acme: Provider) -> None:
    call = calls_as("admin")
    assert call("POST", "providers/acme/upstream-models").json()["models"] == ["large-1", "small-1"]
    refused = call("POST", "providers/acme/deployments", {"models": [{"upstream_model": "small-1"}]})
    made = call("POST", "providers/acme/deployments", {"models": [{"upstream_model": "small-1", "context_window": 9}]})

    assert codes_of(refused) == {"models.0.context_window": "required"}
    assert (made.status_code, made.json()["data"][0]["slug"]) == (201, "acme-small-1")


def test_a_rotation_is_tried_first_if_asked(acme: Provider, upstream: FakeUpstream) -> None:
    call = calls_as("admin")
    tried = call("PUT", "providers/acme/credential", {"credential": "sk-wrong-0000000000", "is_tried": True})
    assert codes_of(tried) == {"credential": "credential_rejected"}
    upstream.key = "sk-right-0000001111"

    taken = call("PUT", "providers/acme/credential", {"credential": "sk-right-0000001111", "is_tried": True})
    assert (taken.status_code, taken.json()["last_four"]) == (200, "1111")


def test_presets_say_what_each_vendor_needs() -> None:
    rows = {row["name"]: row for row in calls_as("viewer")("GET", "provider-presets").json()["data"]}

    assert rows["azure"]["options"][0]["name"] == "api_version"
    assert (rows["groq"]["key_prefix"], rows["ollama"]["credential"]) == ("gsk_", "none")


def test_a_deployment_is_drained_cooled_down_and_resumed() -> None:
    a_deployment(slug="one")
    call = calls_as("admin")
    assert call("POST", "deployments/one/drain", {"reason": "GPU swap"}).json()["is_draining"]
    cooled = call("POST", "deployments/one/cooldown", {"reason": "429s", "minutes": 5}).json()
    assert (cooled["reason"], cooled["is_serving"]) == ("429s", False)
    assert call("GET", "deployments/one/state").json()["standing"] == cooled
    assert call("POST", "deployments/one/resume", {"reason": "done"}).json()["is_serving"]

    assert error_of(call("POST", "deployments/one/resume", {"reason": "x"}))["code"] == "invalid"
    for body in ({}, {"reason": ""}, {"reason": "x", "minutes": 0}, {"reason": "x", "minutes": "soon"}):
        assert call("POST", "deployments/one/cooldown", body).status_code == 422


def test_prices_are_compared_and_taken() -> None:
    provider = a_provider(kind="openai", base_url="https://api.openai.com/v1")
    a_deployment(slug="gpt", provider=provider, upstream_model="gpt-4o", price=None)
    call = calls_as("admin")
    row = call("GET", "price-import").json()["data"][0]
    taken = call("POST", "price-import", {"deployments": [{"deployment": "gpt"}]})

    assert (row["state"], row["matched"], row["listed"]["input_usd_per_mtok"]) == ("new", "openai/gpt-4o", "2.50")
    assert (taken.status_code, taken.json()["data"][0]["output_usd_per_mtok"]) == (201, "10.00")
    for body in (
        {},
        {"deployments": []},
        {"deployments": [{"deployment": "none"}]},
        {"deployments": [{"deployment": "gpt", "model": "x/y"}]},
    ):
        assert call("POST", "price-import", body).status_code == 422


def test_history_is_repriced_by_preview_and_apply() -> None:
    record(1, [None])
    a_price(a_deployment(slug="gpt", price=None))
    assert Deployment.objects.count() == 1
    call = calls_as("admin")
    preview = call("POST", "repricings", {"deployment": "gpt", "from_ms": AT_MS - 1000, "to_ms": AT_MS + 10**6})
    assert preview.status_code == 202
    early = call("POST", f"repricings/{preview.json()['id']}/apply")
    assert codes_of(early) == {"preview": "not_done"}
    run_job(preview.json()["id"])
    assert call("GET", f"jobs/{preview.json()['id']}").json()["result"]["unpriced_before"] == 1
    applied = call("POST", f"repricings/{preview.json()['id']}/apply")
    run_job(applied.json()["id"])

    assert call("GET", f"jobs/{applied.json()['id']}").json()["state"] == "done"
    check_sums()
