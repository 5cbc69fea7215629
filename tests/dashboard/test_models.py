"""The catalogue's pages: prices with dates, scores in their cells, new models, deployments, providers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.urls import reverse

from routerapp.models import CapabilityScore, Credential, Deployment, Dimension, LanguageModel, Price, Provider
from tests.factories import a_deployment, a_language_model, a_price, a_provider

HOSTILE = "javascript:alert(1)<script>"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "td#cell"}


@pytest.fixture
def model(db) -> LanguageModel:
    model = a_language_model(slug="mistral", name=HOSTILE, scores={"code": 0.7, "accuracy": 0.8125})
    a_deployment(slug="mistral-eu", language_model=model, provider=a_provider(slug="mistral-ai"))
    return model


@pytest.fixture
def admin(signed_in):
    return signed_in("admin")


def _score_url(dimension: str = "code") -> str:
    return reverse("dashboard:score-edit", args=["mistral", dimension])


def test_the_catalogue_shows_price_and_since_when(viewer, model):
    page = viewer.get(reverse("dashboard:language-model-list")).content.decode()

    assert "$1.00" in page
    assert "2026-01-01" in page
    assert "0.8125" in page
    assert "<script>" not in page.partition("</head>")[2]


def test_a_model_without_price_is_unpriced_not_free(viewer, model):
    Price.objects.all().delete()

    page = viewer.get(reverse("dashboard:language-model-list")).content.decode()

    assert "unpriced" in page
    assert "$0" not in page


def test_the_history_marks_the_price_in_force_and_the_one_to_come(viewer, model):
    deployment = Deployment.objects.get()
    a_price(deployment, valid_from=datetime(2126, 1, 1, tzinfo=UTC), input_nusd_per_mtok=5 * 10**9)

    page = viewer.get(reverse("dashboard:language-model-detail", args=["mistral"])).content.decode()

    assert page.index("to come") < page.index(">now<")


def test_a_score_is_edited_in_its_cell(signed_in, model):
    client = signed_in("editor")

    assert 'value="0.7"' in client.get(_score_url(), headers=HTMX).content.decode()
    page = client.post(_score_url(), {"value": "0.755"}, headers=HTMX).content.decode()

    assert "0.755" in page
    assert "<html" not in page
    assert CapabilityScore.objects.get(dimension__slug="code").value == 0.755


@pytest.mark.parametrize("value", ["7", "-0.1", "nan", "much", "1e999"])
def test_a_wrong_score_stays_in_its_cell_with_the_reason(signed_in, model, value):
    response = signed_in("editor").post(_score_url(), {"value": value}, headers=HTMX)

    assert response.status_code == 422
    assert f'value="{value}"' in response.content.decode()
    assert CapabilityScore.objects.get(dimension__slug="code").value == 0.7


def test_an_emptied_score_is_unknown_again(signed_in, model):
    signed_in("editor").post(_score_url(), {"value": ""}, headers=HTMX)

    assert not CapabilityScore.objects.filter(dimension__slug="code").exists()


def test_without_javascript_a_score_has_a_page_with_interval_and_source(signed_in, model):
    client = signed_in("editor")
    assert ": Code</h1>" in client.get(_score_url()).content.decode()

    client.post(_score_url(), {"value": "0.8", "low": "0.7", "high": "0.9", "source": "benchmark", "note": "ours"})

    score = CapabilityScore.objects.get(dimension__slug="code")
    assert (score.low, score.high, score.source, score.note) == (0.7, 0.9, "benchmark", "ours")


def test_a_new_dimension_is_a_new_column(signed_in, model):
    client = signed_in("editor")
    client.post(reverse("dashboard:dimension-create"), {"name": "Politeness", "slug": "politeness"})

    assert Dimension.objects.filter(slug="politeness").exists()
    assert "Politeness" in client.get(reverse("dashboard:language-model-list")).content.decode()


def test_a_model_and_a_priced_deployment_are_added_by_form(admin, model):
    given = {"name": "Big", "slug": "big", "context_window": "128000", "has_tools": "on"}
    admin.post(reverse("dashboard:language-model-create"), given)
    deployment = {
        "provider": "mistral-ai",
        "language_model": "big",
        "name": "Big in Paris",
        "slug": "big-paris",
        "upstream_model": "big-1",
        "tags": "local, strong",
        "weight": "2",
    }
    response = admin.post(reverse("dashboard:deployment-create"), deployment)
    assert response.url == reverse("dashboard:price-create", args=["big-paris"])
    admin.post(response.url, {"input_usd_per_mtok": "0.15", "output_usd_per_mtok": "0.60", "source": "contract"})

    row = Deployment.objects.get(slug="big-paris")
    assert row.tags == ["local", "strong"]
    assert row.prices.get().input_nusd_per_mtok == 150_000_000


def test_wrong_input_of_a_deployment_is_said_at_its_field(admin, model):
    given = {
        "provider": "mistral-ai",
        "language_model": "mistral",
        "name": "x",
        "slug": "Bad Slug",
        "upstream_model": "m",
    }
    response = admin.post(reverse("dashboard:deployment-create"), given | {"weight": "two", "simulation": "{"})

    assert response.status_code == 422
    assert {"weight", "simulation"} <= set(response.context["form"].errors)
    assert 'value="Bad Slug"' in response.content.decode()


def test_a_deployment_is_switched_off_and_on(admin, model):
    url = reverse("dashboard:deployment-toggle", args=["mistral-eu"])
    admin.post(url, {"enabled": "0"})
    assert not Deployment.objects.get(slug="mistral-eu").is_enabled

    admin.post(url, {"enabled": "1"})
    assert Deployment.objects.get(slug="mistral-eu").is_enabled


def test_a_credential_goes_in_and_never_comes_out(admin, db):
    secret = "sk-very-secret-credential-0042"
    given = {
        "name": "Open",
        "slug": "open",
        "kind": "openai",
        "base_url": "https://api.example.com/v1",
        "credential": secret,
    }
    admin.post(reverse("dashboard:provider-create"), given)

    assert Credential.objects.get().last_four == "0042"
    for url in (reverse("dashboard:provider-edit", args=["open"]), reverse("dashboard:provider-list")):
        page = admin.get(url).content.decode()
        assert secret not in page
        assert "0042" in page


def test_an_address_the_guard_refuses_is_said_at_its_field(admin, db):
    given = {
        "name": "Meta",
        "slug": "meta",
        "kind": "openai",
        "base_url": "http://169.254.169.254/v1",
        "credential": "typed",
    }
    response = admin.post(reverse("dashboard:provider-create"), given)

    assert response.status_code == 422
    assert response.context["form"].errors["base_url"]
    assert "typed" not in response.content.decode()
    assert not Provider.objects.exists()


@pytest.mark.parametrize(
    ("role", "url", "expected"),
    [
        ("viewer", ("score-edit", ["mistral", "code"]), 403),
        ("editor", ("price-create", ["mistral-eu"]), 403),
        ("publisher", ("provider-create", []), 403),
        ("publisher", ("deployment-toggle", ["mistral-eu"]), 403),
    ],
)
def test_roles_decide_who_may_post(signed_in, model, role, url, expected):
    assert signed_in(role).post(reverse(f"dashboard:{url[0]}", args=url[1]), {}).status_code == expected


def test_a_viewer_sees_no_controls(viewer, model):
    page = viewer.get(reverse("dashboard:language-model-list")).content.decode().partition("<main")[2]

    assert "hx-get" not in page.partition("</main>")[0]
    assert "New model" not in page
