"""Kept content over the API: read by editors, deleted by admins, audited."""

import pytest

from routerapp.models import AuditEvent, Body
from tests.api.callers import calls_as, codes_of
from tests.factories import a_policy, a_request

pytestmark = pytest.mark.django_db
CHAT = {"messages": [{"role": "user", "content": "hello"}]}


def test_what_was_kept_comes_as_it_is_and_null_where_nothing_was() -> None:
    kept, bare = a_request(chat=CHAT), a_request()
    call = calls_as("editor")

    assert call("GET", f"requests/{kept.id}/content").json() == {"chat": CHAT, "answer": None}
    assert call("GET", f"requests/{bare.id}/content").json() == {"chat": None, "answer": None}
    assert call("GET", "requests/nothing/content").status_code == 404


def test_the_request_itself_never_carries_it() -> None:
    row = a_request(chat={"messages": [{"role": "user", "content": "the secret plan"}]})

    assert "secret plan" not in calls_as("admin")("GET", f"requests/{row.id}").text


def test_purging_deletes_content_of_one_policy_or_all_and_leaves_an_event() -> None:
    a_policy(slug="support")
    for policy in ("support", "support", "legal"):
        a_request(policy=policy, chat=CHAT)
    call = calls_as("admin")

    assert call("DELETE", "content?policy=support").json() == {"deleted": 2}
    assert Body.objects.count() == 1
    assert call("DELETE", "content").json() == {"deleted": 1}
    events = list(AuditEvent.objects.filter(action="purge_content").order_by("id"))
    assert [(one.subject, one.after) for one in events] == [
        ("support", {"requests": 2}),
        ("all policies", {"requests": 1}),
    ]


def test_a_policy_that_never_was_deletes_nothing() -> None:
    a_request(chat=CHAT)

    assert calls_as("admin")("DELETE", "content?policy=nothing").status_code == 404
    assert codes_of(calls_as("admin")("DELETE", "content?polciy=x"))
    assert Body.objects.count() == 1


def test_requests_can_be_narrowed_to_cache_hits() -> None:
    hit = a_request(cache="hit", saved_nusd=7)
    a_request(cache="miss")
    rows = calls_as("viewer")("GET", "requests?cache=hit").json()["data"]

    assert [(row["id"], row["cache"], row["saved_nusd"]) for row in rows] == [(hit.id, "hit", 7)]
