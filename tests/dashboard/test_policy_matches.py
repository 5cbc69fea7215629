"""The live count beside a condition: three-valued, never an error while a condition is half typed, and nothing is saved."""

from __future__ import annotations

import pytest
from django.urls import reverse

from dashboard.views import condition_matches
from routerapp.models import Draft
from routerapp.store.matches import MatchCount
from tests.dashboard.page_forms import read_form
from tests.factories import a_document, a_draft, a_policy

HTMX = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "span#match-count"}


@pytest.fixture
def draft(db) -> Draft:
    return a_draft(a_policy(a_document("support", timezone="Asia/Tokyo")))


@pytest.fixture
def counted(monkeypatch):
    """What the store was asked; it answers 3 of 10 with 2 unknown."""
    asked = []

    def count(document, timezone):
        asked.append((document, timezone))
        return MatchCount(3, 2, 10, ("0193-a", "0193-b"))

    monkeypatch.setattr(condition_matches, "count_matches", count)
    return asked


def _count(client, draft, **fields):
    url = reverse("dashboard:condition-matches", args=["support", draft.pk])
    leaf = {"when.kind": "leaf", "when.field": "turns", "when.op": "gt", "when.value": "2"}
    return client.post(url, leaf | fields, headers=HTMX)


def test_says_how_many_match_and_how_many_cannot_be_told(signed_in, draft, counted):
    page = _count(signed_in("editor"), draft).content.decode()

    assert counted == [({"field": "turns", "op": "gt", "value": 2}, "Asia/Tokyo")]
    assert ">3<" in page
    assert ">10<" in page
    assert "30.0 %" in page
    assert "their text was not kept" in page
    assert reverse("dashboard:request-detail", args=["0193-a"]) in page


@pytest.mark.parametrize("fields", [{"when.value": "many"}, {"when.value": ""}, {"when.field": "nonsense"}])
def test_a_half_typed_condition_is_no_error(signed_in, draft, fields):
    response = _count(signed_in("editor"), draft, **fields)

    assert response.status_code == 200
    assert b"of the newest" not in response.content


def test_a_refused_pattern_is_said_in_the_engines_words(signed_in, draft):
    page = _count(signed_in("editor"), draft, **{"when.field": "text", "when.op": "matches", "when.value": "(<b>"})

    assert "RE2 refuses this pattern" in page.content.decode()
    assert "<b>" not in page.content.decode()


def test_the_whole_form_of_a_rule_can_be_counted(signed_in, draft, counted):
    client = signed_in("editor")
    url = reverse("dashboard:rule-create", args=["support", draft.pk])
    fields = read_form(client.get(url).content.decode()) | {"when.0.value": ["code"]}
    client.post(reverse("dashboard:condition-matches", args=["support", draft.pk]), fields, headers=HTMX)

    assert counted[0][0] == {"all": [{"field": "task", "op": "in", "value": ["code"]}]}
    draft.refresh_from_db()
    assert draft.revision == 1


def test_without_requests_there_is_nothing_to_count_on(signed_in, draft):
    assert "No recorded requests" in _count(signed_in("editor"), draft).content.decode()


def test_a_viewer_may_not_ask(viewer, draft):
    assert _count(viewer, draft).status_code == 403
