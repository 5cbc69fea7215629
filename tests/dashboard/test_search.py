"""The command palette's results: by role, bounded, without secrets, as a fragment and as a page."""

from __future__ import annotations

import pytest
from django.urls import reverse

from dashboard.palette import MOST_OF_A_KIND
from routerapp.models import Experiment
from tests.factories import a_deployment, a_document, a_key, a_language_model, a_policy, a_provider, a_request, a_user

SEARCH = reverse("dashboard:search")
RESULTS = {"HX-Request": "true", "HX-Target": "div#palette-results"}
pytestmark = pytest.mark.django_db


def found(client, query: str, **headers: str) -> str:
    response = client.get(SEARCH, {"q": query}, headers=headers)
    assert response.status_code == 200
    return str(response.text.partition("<main")[2] or response.text)


def test_without_a_query_there_are_pages_and_deeds_of_ones_role(signed_in):
    viewer, admin = found(signed_in("viewer"), ""), found(signed_in("admin"), "")

    assert all(word in viewer for word in ("Overview", "Policies", "Dark theme"))
    assert "New policy" not in viewer
    assert "Invite somebody" not in viewer
    assert all(word in admin for word in ("New policy", "New API key", "Invite somebody", "Set up step by step"))


def test_it_finds_policies_rules_models_and_deployments_by_any_part_of_their_names(viewer):
    rule = {"id": "r1", "name": "Night trains", "use": {"pool": ["all"]}}
    a_policy(a_document(rules=[rule]), slug="railway", name="The railway")
    a_deployment(slug="siding-4", name="Siding four", language_model=a_language_model(slug="loco", name="Locomotive"))

    assert reverse("dashboard:policy-detail", args=["railway"]) in found(viewer, "rail the")
    assert "Night trains" in found(viewer, "NIGHT")
    assert reverse("dashboard:language-model-detail", args=["loco"]) in found(viewer, "comot")
    assert reverse("dashboard:deployment-detail", args=["siding-4"]) in found(viewer, "siding four")


def test_it_finds_experiments(viewer):
    Experiment.objects.create(slug="night-fares", name="Night fares", policy=a_policy(), rule_id="r1")

    assert reverse("dashboard:experiment-detail", args=["night-fares"]) in found(viewer, "fares")


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_keys_and_people_are_for_admins(signed_in, role):
    a_key(slug="kiosk", name="Kiosk key")
    a_user(username="zebedee")
    admin, other = signed_in("admin"), signed_in(role)

    assert "Kiosk key" in found(admin, "kiosk")
    assert "zebedee" in found(admin, "zebed")
    assert "Kiosk key" not in found(other, "kiosk")
    assert "zebedee" not in found(other, "zebed")


def test_no_secret_is_found_or_shown(signed_in):
    a_provider(slug="vault", name="Vault", credential="sk-planted-0123456789abcdef")
    key = a_key(name="Vault key")
    admin = signed_in("admin")

    text = found(admin, "vault")

    assert "Vault" in text
    assert "sk-planted" not in text
    assert key.key_hash not in text
    assert "Vault" not in found(admin, "sk-planted")


def test_a_request_is_found_by_the_beginning_of_its_id(viewer):
    row = a_request()

    assert row.id in found(viewer, row.id[:20])
    assert row.id not in found(viewer, row.id[:3])


def test_each_kind_is_bounded(viewer):
    for number in range(MOST_OF_A_KIND + 3):
        a_language_model(name=f"Many {number}")

    assert found(viewer, "many").count("/models/") == MOST_OF_A_KIND


@pytest.mark.parametrize(
    "query", ["\x00", "%", "' or 1=1 --", "x" * 5_000, "\ud7ff\U0001f600", "a b c d e f g h i j k", "{{ 7 }}"]
)
def test_hostile_queries_find_nothing_and_break_nothing(viewer, query):
    a_language_model(name="Plain")

    assert "Plain" not in found(viewer, query)


def test_what_was_typed_is_shown_as_text(viewer):
    assert "<img" not in found(viewer, "<img src=x>")


def test_the_fragment_is_a_listbox_of_options_with_ids(viewer):
    a_policy(slug="railway", name="The railway")

    text = found(viewer, "railway", **RESULTS)

    assert "<h1" not in text
    assert 'role="listbox"' in text
    assert text.count('role="option"') == text.count('id="palette-') - text.count('id="palette-group-') - 2


def test_the_palette_and_its_button_are_on_every_page_of_somebody_signed_in(viewer, client):
    assert 'id="palette"' in viewer.get("/").text
    assert 'id="palette"' not in client.get(reverse("dashboard:sign-in")).text
