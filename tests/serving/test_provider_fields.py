"""Presets and options of providers, and what models serve: over the use cases, the API and the pages."""

from typing import Any

import pytest
from django.urls import reverse

from routerapp.models import AuditEvent, LanguageModel, Provider
from routerapp.serving import edit_catalog
from routerapp.serving.refusals import Invalid
from routerapp.store.config_document import build_config_document
from tests.api.callers import calls_as, error_of
from tests.factories import a_deployment, a_language_model, a_provider, a_snapshot
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db


def places(refusal: pytest.ExceptionInfo[Invalid]) -> list[tuple[str, str]]:
    return [(problem.path, problem.code) for problem in refusal.value.problems]


def add(**fields: Any) -> Provider:
    return edit_catalog.add_provider("acme", name="Acme", by=ADMIN, **fields)


def test_a_preset_knows_kind_and_address() -> None:
    provider = add(preset="groq")

    assert (provider.kind, provider.base_url, provider.preset) == ("openai", "https://api.groq.com/openai/v1", "groq")
    assert AuditEvent.objects.get().after["preset"] == "groq"


def test_an_address_of_ones_own_stands() -> None:
    assert add(preset="groq", base_url="https://proxy.example/v1").base_url == "https://proxy.example/v1"


def test_a_vendor_with_an_address_for_each_customer_needs_it() -> None:
    with pytest.raises(Invalid) as caught:
        add(preset="azure")

    assert places(caught) == [("base_url", "required")]
    assert (
        add(preset="azure", base_url="https://acme.openai.azure.com", options={"api_version": "2024-10-21"}).kind
        == "azure"
    )


def test_a_local_server_needs_the_operators_permission() -> None:
    with pytest.raises(Invalid) as caught:
        add(preset="ollama")

    assert places(caught) == [("base_url", "egress_refused")]


@pytest.mark.parametrize(
    ("fields", "place"),
    [
        ({"preset": "nobody"}, ("preset", "unknown_preset")),
        ({"preset": "gemini", "kind": "openai"}, ("preset", "wrong_kind")),
        (
            {"kind": "gemini", "base_url": "https://a.example", "options": {"thinking": "hard"}},
            ("options.thinking", "bad_value"),
        ),
        ({"kind": "openai", "base_url": "https://a.example", "options": {"x": 1}}, ("options.x", "unknown_key")),
        ({"kind": "openai", "base_url": "https://a.example", "options": []}, ("options", "wrong_type")),
    ],
)
def test_what_does_not_fit_is_refused_by_name(fields: dict[str, Any], place: tuple[str, str]) -> None:
    with pytest.raises(Invalid) as caught:
        add(**fields)

    assert places(caught) == [place]
    assert not Provider.objects.exists()


def test_preset_and_options_can_be_changed_within_the_kind() -> None:
    add(preset="groq")

    edit_catalog.edit_provider("acme", {"preset": "together"}, by=ADMIN)
    with pytest.raises(Invalid):
        edit_catalog.edit_provider("acme", {"preset": "gemini"}, by=ADMIN)

    row = Provider.objects.get()
    assert (row.preset, row.base_url) == ("together", "https://api.groq.com/openai/v1")


def test_both_reach_the_workers_with_the_target_and_stay_out_of_the_configuration() -> None:
    provider = a_provider(kind="gemini", base_url="https://a.example", preset="gemini", options={"thinking": "level"})
    a_deployment(slug="here", provider=provider)

    snapshot = a_snapshot()

    assert (snapshot.targets["here"].preset, snapshot.targets["here"].options) == ("gemini", {"thinking": "level"})
    assert "thinking" not in str(build_config_document())


def test_what_a_model_serves_is_part_of_the_configuration() -> None:
    edit_catalog.add_language_model(
        "embed", {"name": "Embed", "context_window": 8_192, "modality": "embeddings"}, by=ADMIN
    )

    assert build_config_document()["models"]["embed"]["modality"] == "embeddings"
    with pytest.raises(Invalid) as caught:
        edit_catalog.edit_language_model("embed", {"modality": "smell"}, by=ADMIN)
    assert places(caught) == [("modality", "invalid_choice")]


def test_the_api_takes_and_shows_them() -> None:
    call = calls_as("admin")
    created = call("POST", "providers", {"slug": "acme", "name": "Acme", "preset": "gemini"})
    refused = call("PATCH", "providers/acme", {"options": {"file_urls": "yes"}})
    call("PATCH", "providers/acme", {"options": {"file_urls": True}})
    call("POST", "models", {"slug": "embed", "name": "E", "context_window": 100, "modality": "embeddings"})

    assert (created.status_code, created.json()["kind"]) == (201, "gemini")
    assert error_of(refused)["details"][0]["path"] == "options.file_urls"
    assert call("GET", "providers/acme").json()["options"] == {"file_urls": True}
    assert call("GET", "models/embed").json()["modality"] == "embeddings"
    assert call("POST", "models", {"slug": "x", "name": "X", "context_window": 1, "modality": "z"}).status_code == 422


def post(client: Any, name: str, data: dict[str, Any], *args: str) -> Any:
    return client.post(reverse(f"dashboard:{name}", args=args), data)


@pytest.fixture
def admin(client: Any, django_user_model: Any) -> Any:
    client.force_login(django_user_model.objects.create_user(username="ann", password="x", role="admin"))
    return client


def test_the_form_offers_vendors_and_says_what_is_wrong_in_its_place(admin: Any) -> None:
    page = admin.get(reverse("dashboard:provider-create")).content.decode()
    nothing = post(admin, "provider-create", {"name": "Acme", "slug": "acme"})
    rubbish = post(admin, "provider-create", {"name": "Acme", "slug": "acme", "preset": "groq", "options": "{"})
    unknown = post(admin, "provider-create", {"name": "Acme", "slug": "acme", "preset": "groq", "options": '{"x": 1}'})

    assert "Groq" in page
    assert (nothing.status_code, b"Choose a vendor, or a kind." in nothing.content) == (422, True)
    assert (rubbish.status_code, b"This is not JSON" in rubbish.content) == (422, True)
    assert (unknown.status_code, b"has no such option" in unknown.content) == (422, True)
    assert not Provider.objects.exists()


def test_a_vendor_and_its_credential_are_enough(admin: Any) -> None:
    given = {"name": "Acme", "slug": "acme", "preset": "groq", "credential": "gsk_0123456789abcdef"}

    assert post(admin, "provider-create", given).status_code == 302
    assert Provider.objects.get().credential.last_four == "cdef"
    fields = {"name": "Acme 2", "base_url": "https://api.groq.com/openai/v1", "preset": "groq", "is_enabled": "on"}
    assert post(admin, "provider-edit", fields, "acme").status_code == 302
    assert (Provider.objects.get().name, Provider.objects.get().options) == ("Acme 2", {})


def test_a_models_form_says_what_it_serves_and_keeps_it(admin: Any) -> None:
    given = {"name": "Embed", "slug": "embed", "context_window": "8192", "modality": "embeddings"}

    assert post(admin, "language-model-create", given).status_code == 302
    assert post(admin, "language-model-edit", {"name": "E", "context_window": "100"}, "embed").status_code == 302
    assert LanguageModel.objects.get().modality == "embeddings"
    page = admin.get(reverse("dashboard:language-model-detail", args=["embed"])).content.decode()
    assert "Embeddings" in page
    assert "Try it" not in page


def test_a_chat_model_can_be_tried(admin: Any) -> None:
    a_language_model(slug="chatty")

    assert b"Try it" in admin.get(reverse("dashboard:language-model-detail", args=["chatty"])).content
