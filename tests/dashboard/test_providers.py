"""The Providers page: gallery, test in plain words, models to deployments in few clicks, rotation, off, archive. Credentials never come out."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import reverse

from routerapp.models import Credential, Deployment, HealthCheck, LanguageModel, Provider
from routerapp.providers.presets import presets
from routerapp.store.secrets import decrypt_credential
from tests.factories import a_deployment, a_policy, a_provider
from tests.misbehaving import FakeUpstream, fake_upstream

KEY = "sk-very-secret-credential-0042"
MARKUP = "<img src=x onerror=alert(1)>"
HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "section#test"}


@pytest.fixture
def admin(signed_in: Any) -> Any:
    return signed_in("admin")


@pytest.fixture
def upstream(settings: Any) -> Iterator[FakeUpstream]:
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    with fake_upstream() as fake:
        yield fake.works()


@pytest.fixture
def acme(upstream: FakeUpstream, db: None) -> Provider:
    upstream.key = KEY
    return a_provider(slug="acme", name="Acme", kind="openai", base_url=f"{upstream.url}/v1", credential=KEY)


def at(name: str, *args: str) -> str:
    return reverse(f"dashboard:provider-{name}", args=args)


def body(response: Any) -> str:
    text = response.content.decode()
    assert KEY not in text
    return str(text)


def test_an_empty_installation_says_what_to_do(admin: Any) -> None:
    assert "Add the first provider" in body(admin.get(at("list")))


def test_the_list_tells_health_errors_and_credentials_apart(viewer: Any, acme: Provider) -> None:
    row = a_deployment(slug="one", provider=acme)
    HealthCheck.objects.create(deployment=row, at="2026-06-01T00:00Z", ok=False, error_class="credential_rejected")
    a_provider(slug="groq", kind="openai", preset="groq", base_url="https://api.groq.com/openai/v1")
    page = body(viewer.get(at("list")))

    for words in ("0 of 1 answer", "…0042", "missing", "Groq"):
        assert words in page
    assert "New provider" not in page


def test_the_gallery_offers_every_preset(admin: Any) -> None:
    page = body(admin.get(at("create")))

    assert all(f"?preset={name}" in page for name in presets())


def test_a_vendor_fills_its_form_and_offers_its_options(admin: Any) -> None:
    azure = body(admin.get(at("create"), {"preset": "azure"}))
    assert 'name="option_api_version"' in azure
    assert "https://YOUR-RESOURCE.openai.azure.com" in azure
    given = {"preset": "azure", "name": "Azure", "slug": "az", "base_url": "https://acme.openai.azure.com"}
    refused = admin.post(at("create"), given | {"option_api_version": "soon"})
    admin.post(at("create"), given | {"option_api_version": "2024-10-21", "credential": KEY})

    assert refused.status_code == 422
    assert "must look like" in body(refused)
    row = Provider.objects.get()
    assert (row.kind, row.options) == ("azure", {"api_version": "2024-10-21"})
    assert row.credential.last_four == "0042"


def test_an_edit_keeps_options_this_release_does_not_show(admin: Any) -> None:
    a_provider(slug="gem", kind="gemini", base_url="https://x.example/v1", options={"file_urls": True})
    fields = {"name": "Gem", "base_url": "https://x.example/v1", "is_enabled": "on", "option_thinking": "level"}

    assert admin.post(at("edit", "gem"), fields | {"option_file_urls": "on"}).status_code == 302
    assert Provider.objects.get().options == {"file_urls": True, "thinking": "level"}


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_test_shows_its_steps_with_and_without_javascript(
    admin: Any, acme: Provider, headers: dict[str, str]
) -> None:
    page = body(admin.post(at("test", "acme"), headers=headers))

    assert "It works." in page
    assert "List of models" in page
    assert ("<html" in page) == (not headers)


def test_a_broken_one_is_explained_and_hostile_words_stay_words(
    admin: Any, acme: Provider, upstream: FakeUpstream
) -> None:
    upstream.says(500, {"error": {"message": MARKUP + KEY}})
    page = body(admin.post(at("test", "acme")))

    assert "The upstream is reached, and fails (500)." in page
    assert MARKUP not in page
    assert "&lt;img" in page


def test_models_are_ticked_and_become_deployments(admin: Any, acme: Provider, upstream: FakeUpstream) -> None:
    upstream.says(200, {"data": [{"id": "small-1"}, {"id": MARKUP}]})
    page = body(admin.get(at("models", "acme")))
    assert 'value="small-1"' in page
    assert MARKUP not in page
    rows = body(admin.get(at("models", "acme"), {"model": "small-1", "typed": "odd\n\nodd"}))
    assert rows.count("<fieldset") == 2
    given = {"m0-upstream_model": "small-1", "m1-upstream_model": "odd", "m1-context_window": "8000"}
    refused = admin.post(at("models", "acme"), given | {"m0-context_window": ""})
    assert (refused.status_code, "context window of small-1" in body(refused)) == (422, True)
    assert not LanguageModel.objects.exists()
    admin.post(at("models", "acme"), given | {"m0-context_window": "32000"})

    assert sorted(Deployment.objects.values_list("slug", "provider__slug")) == [
        ("acme-odd", "acme"),
        ("acme-small-1", "acme"),
    ]


def test_without_a_list_names_are_typed(admin: Any, acme: Provider, upstream: FakeUpstream) -> None:
    del upstream.answers["/v1/models"]
    page = body(admin.get(at("models", "acme")))

    assert "type their names" in page
    assert admin.post(at("models", "acme"), {}).status_code == 302


@pytest.mark.parametrize("tried", ["on", ""])
def test_a_rotation_tries_the_new_one_first_if_asked(
    admin: Any, acme: Provider, upstream: FakeUpstream, tried: str
) -> None:
    new = "sk-another-credential-9999"
    response = admin.post(at("credential", "acme"), {"credential": new, "is_tried": tried})
    stored = Credential.objects.get()

    if tried:
        assert response.status_code == 422
        assert "The old credential is kept" in body(response)
        assert new not in body(response)
    assert decrypt_credential("acme", stored.ciphertext) == (KEY if tried else new)
    upstream.key = new
    assert admin.post(at("credential", "acme"), {"credential": new, "is_tried": "on"}).status_code == 302
    assert Credential.objects.get().last_four == "9999"


def test_a_credential_is_forgotten(admin: Any, acme: Provider) -> None:
    admin.post(at("credential", "acme"), {"forget": "1"})

    assert not Credential.objects.exists()


def test_it_is_switched_off_and_on(admin: Any, acme: Provider) -> None:
    for wanted in ("0", "1"):
        admin.post(at("toggle", "acme"), {"enabled": wanted})
        assert Provider.objects.get().is_enabled is (wanted == "1")


def test_what_stands_on_it_is_named_when_it_cannot_be_archived(admin: Any, acme: Provider) -> None:
    row = a_deployment(slug="one", provider=acme)
    a_policy()
    refused = admin.post(at("archive", "acme"))
    assert refused.status_code == 422
    assert "Archive its deployments first: one." in body(refused)
    stopped = admin.post(reverse("dashboard:deployment-archive", args=["one"]))
    assert (stopped.status_code, "needs it" in body(stopped)) == (422, True)

    Deployment.objects.filter(pk=row.pk).update(archived_at="2026-01-01T00:00Z")
    assert admin.post(at("archive", "acme")).status_code == 302
    assert not Credential.objects.exists()


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_only_an_admin_changes_anything(signed_in: Any, acme: Provider, role: str) -> None:
    client = signed_in(role)

    assert "Test now" not in body(client.get(at("detail", "acme")))
    for name in ("test", "credential", "toggle", "archive", "edit", "models"):
        assert client.post(at(name, "acme")).status_code == 403


def test_a_move_to_another_host_says_that_the_credential_is_gone(admin: Any, acme: Provider) -> None:
    moved = {"name": "Acme", "base_url": "http://127.0.0.1:9/v1", "preset": acme.preset, "is_enabled": "on"}

    page = admin.post(reverse("dashboard:provider-edit", args=["acme"]), moved, follow=True)

    assert not Credential.objects.exists()
    assert "Its credential went with the old address" in page.content.decode()
