from typing import Any

import pytest

from routerapp.models import AuditEvent, Draft, PolicyVersion
from tests.api.callers import calls_as, codes_of, error_of
from tests.factories import a_deployment, a_document, a_draft, a_policy

pytestmark = pytest.mark.django_db
RULE = {
    "id": "r1",
    "name": "code",
    "when": {"field": "task", "op": "eq", "value": "code"},
    "use": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
}


def test_a_policy_lives_from_draft_to_roll_back() -> None:
    a_deployment()
    edit, publish = calls_as("editor"), calls_as("publisher")

    created = edit("POST", "policies", {"slug": "help", "name": "Help", "template": "balanced"})
    assert (created.status_code, created.json()["live_version"]) == (201, None)
    draft = edit("GET", "policies/help/drafts").json()["data"][0]
    first = publish("POST", f"policies/help/drafts/{draft['id']}/publish", {"revision": 1, "note": "go"}).json()
    assert (first["number"], first["note"]) == (1, "go")

    draft = edit("POST", "policies/help/drafts", {"name": "More rules"}).json()
    document = {**draft["document"], "rules": [RULE]}
    place = f"policies/help/drafts/{draft['id']}"
    assert edit("PUT", place, {"revision": 1, "document": document}).json()["revision"] == 2
    assert edit("GET", f"{place}/checks").json() == {"publishable": True, "problems": []}
    assert publish("POST", f"{place}/publish", {"revision": 2}).json()["document"] == document

    back = publish("POST", "policies/help/roll-back", {"version": 1, "live": 2, "note": "oops"}).json()
    assert (back["number"], back["rolled_back_from"], back["document"]) == (3, 1, first["document"])
    heads = edit("GET", "policies/help/versions").json()["data"]
    assert [head["number"] for head in heads] == [3, 2, 1]
    assert "document" not in heads[0]
    assert edit("GET", "policies/help").json()["live_version"] == 3


def test_a_stale_save_is_a_409_with_what_is_there_now() -> None:
    draft = a_draft(a_policy(slug="help"), revision=4)

    answer = calls_as("editor")("PUT", f"policies/help/drafts/{draft.pk}", {"revision": 3, "document": draft.document})

    assert (answer.status_code, error_of(answer)["current_revision"]) == (409, 4)


def test_a_refused_publish_says_where_and_why() -> None:
    policy = a_policy(slug="help")
    use = {"pool": ["deployment:nowhere"], "strategy": {"kind": "ordered"}}
    draft = a_draft(policy, {**a_document("help"), "rules": [{**RULE, "use": use}]})

    answer = calls_as("publisher")("POST", f"policies/help/drafts/{draft.pk}/publish", {"revision": 1})

    assert answer.status_code == 422
    assert any(path.startswith("rules[0].use.pool") for path in codes_of(answer))
    assert PolicyVersion.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"rules": [{**RULE, "when": {"field": "text", "op": "matches", "value": "(?=look)"}}]}, "rules[0].when.value"),
        (
            {"rules": [{**RULE, "use": {"pool": ["all"], "strategy": {"kind": "psychic"}}}]},
            "rules[0].use.strategy.kind",
        ),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"policy": "other"}, "policy"),
    ],
)
def test_a_document_that_cannot_be_read_is_told_by_place(change: dict[str, Any], path: str) -> None:
    draft = a_draft(a_policy(slug="help"))

    answer = calls_as("editor")(
        "PUT", f"policies/help/drafts/{draft.pk}", {"revision": 1, "document": {**draft.document, **change}}
    )

    assert answer.status_code == 422
    assert path in codes_of(answer)


@pytest.mark.parametrize("body", [{}, {"revision": 0}, {"revision": "x"}, {"revision": 1, "note": "x" * 501}])
def test_publishing_needs_the_revision_that_was_seen(body: dict[str, Any]) -> None:
    draft = a_draft(a_policy(slug="help"))

    assert calls_as("publisher")("POST", f"policies/help/drafts/{draft.pk}/publish", body).status_code == 422


def child_calls(mine: Any, other: Any) -> list[tuple[str, str, Any]]:
    """Every way to reach a child through the wrong parent."""
    draft = f"policies/{other.slug}/drafts/{mine.drafts.get().pk}"
    document = {**a_document(mine.slug)}
    return [
        ("GET", draft, None),
        ("PUT", draft, {"revision": 1, "document": document}),
        ("DELETE", draft, None),
        ("GET", f"{draft}/checks", None),
        ("POST", f"{draft}/publish", {"revision": 1}),
        ("POST", f"{draft}/rebase", {"revision": 1}),
        ("GET", f"policies/{other.slug}/versions/2", None),
        ("POST", f"policies/{other.slug}/roll-back", {"version": 2}),
    ]


def test_a_child_is_reached_through_its_own_parent_only() -> None:
    mine, other = a_policy(slug="mine"), a_policy(slug="other")
    a_draft(mine)
    PolicyVersion.objects.create(policy=mine, number=2, document=a_document("mine"), sha256="0" * 64)
    call = calls_as("admin")

    answers = [call(method, path, body).status_code for method, path, body in child_calls(mine, other)]

    assert answers == [404] * 8
    assert Draft.objects.get().revision == 1
    assert not AuditEvent.objects.exists()


def test_a_price_is_reached_through_its_own_deployment_only() -> None:
    mine, other = a_deployment(), a_deployment()

    answer = calls_as("admin")("DELETE", f"deployments/{other.slug}/prices/{mine.prices.get().pk}")

    assert answer.status_code == 404
    assert mine.prices.exists()


def test_the_default_can_be_moved_and_what_is_in_use_not_archived() -> None:
    a_policy(slug="help")
    publish = calls_as("publisher")

    assert publish("POST", "policies/help/make-default").json()["is_default"] is True
    refused = publish("DELETE", "policies/help")
    assert (refused.status_code, codes_of(refused)) == (422, {"": "in_use"})
    a_policy(slug="other")
    publish("POST", "policies/other/make-default")
    assert publish("DELETE", "policies/help").status_code == 204
    assert publish("GET", "policies/help").json()["archived_at"] is not None
