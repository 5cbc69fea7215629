"""The draft as text: both languages, errors with lines, nothing typed lost."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from dashboard.document_text import UnreadableText, line_of, read_text, write_text
from dashboard.policy_changes import changes_between
from dashboard.use_words import describe_use
from routerapp.models import Draft
from tests.factories import a_document, a_draft, a_policy

plain = st.recursive(
    st.one_of(
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(-1e9, 1e9),
        st.text(st.characters(exclude_categories=["Cs", "Cc"])),
        st.sampled_from(["no", "yes", "1e3", "0x1f", "2026-01-01", "~", "null", "1_000"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=1, max_size=6), inner, max_size=3
        ),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["a", "rules", "on", "no"]), plain), st.sampled_from(["yaml", "json"]))
def test_a_document_comes_back_from_text_as_it_was(document, language):
    assert read_text(write_text(document, language))[0] == document


def test_a_problem_has_the_line_of_the_part_it_is_about():
    text = "schema: 1\nrules:\n  - id: r1\n    when:\n      field: turns\n      op: gt\n      value: x\n"
    _, node = read_text(text)

    assert line_of(node, "rules[0].when.value") == 7
    assert line_of(node, "rules[0].use") == 3
    assert line_of(node, "rules[4]") == 2


@pytest.mark.parametrize(
    ("text", "line"), [("a: [1,\nb: 2", 2), ('{\n  "a": 1,\n  "a": 2\n}', 3), ("a: &x 1\nb: *x", 2)]
)
def test_unreadable_text_names_its_line(text, line):
    with pytest.raises(UnreadableText) as refused:
        read_text(text)

    assert refused.value.problem.line == line


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{" * 300, "a: " * 300, "- " * 5_000, "!!python/object/apply:os.system [id]", "\0", "? [a]\n: 1"],
)
def test_hostile_text_is_refused_in_words(text):
    with pytest.raises(UnreadableText):
        read_text(text)


@pytest.fixture
def draft(db) -> Draft:
    return a_draft(a_policy(a_document("support")))


def _post(client, draft, text, **more):
    url = reverse("dashboard:draft-document", args=["support", draft.pk])
    return client.post(url, {"text": text, "revision": draft.revision, "language": "yaml"} | more)


@pytest.mark.parametrize("language", ["yaml", "json"])
def test_saving_either_language_saves_the_draft(signed_in, draft, language):
    wanted = a_document("support", timezone="Europe/Berlin")

    assert _post(signed_in("editor"), draft, write_text(wanted, language)).status_code == 302
    draft.refresh_from_db()
    assert draft.document == wanted


def test_what_the_engine_refuses_comes_back_with_line_path_and_the_whole_text(signed_in, draft):
    text = write_text(a_document("support", timezone="Mars/Base"), "yaml") + "# my notes\n"

    response = _post(signed_in("editor"), draft, text)
    page = response.content.decode()

    assert response.status_code == 422
    assert "line 3" in page
    assert "# my notes" in page


def test_a_stale_save_shows_both_and_offers_to_go_on(signed_in, draft):
    response = _post(
        signed_in("editor"), draft, write_text(a_document("support", timezone="Asia/Tokyo"), "yaml"), revision=0
    )

    assert response.status_code == 409
    assert "Asia/Tokyo" in response.content.decode()


def test_a_viewer_reads_the_text_and_may_not_save_it(viewer, draft):
    assert _post(viewer, draft, "a: 1").status_code == 403
    draft.refresh_from_db()
    assert draft.revision == 1


def test_changes_are_told_rule_by_rule():
    leaf = {"field": "complexity", "op": "gte", "value": 0.7}
    old = a_document(
        rules=[
            {"id": "a", "name": "first", "when": leaf, "use": {"pool": ["all"]}},
            {"id": "b", "use": {"pool": ["all"]}},
        ]
    )
    new = json.loads(json.dumps(old))
    new["rules"][0]["when"]["value"] = 0.65
    new["rules"].reverse()
    new["rules"].append({"id": "c", "name": "third", "use": {"reject": "no"}})
    found = [(one.kind, one.what, one.before, one.after) for one in changes_between(old, new)]

    assert ("changed", "condition", "complexity is at least 0.7", "complexity is at least 0.65") in found
    assert sorted(kind for kind, *_ in found) == ["added", "changed", "moved"]


def test_extras_are_told_in_words():
    plain = {"pool": ["all"], "strategy": {"kind": "cheapest"}}
    extras = {
        "sticky": {"by": "tenant", "first": "strategy", "ttl_seconds": 7200},
        "explore": {"share": 0.05},
        "hedge": {"after_ms": 800},
        "cache": {"mode": "off"},
        "unsupported": "drop",
    }
    before = a_document("support", rules=[{"id": "r1", "use": plain}])
    after = a_document("support", rules=[{"id": "r1", "use": {**plain, **extras}}])
    after |= {"cache": {}, "content": {"keep": "redacted", "days": 14}}

    found = [(change.place, change.what, change.before, change.after) for change in changes_between(before, after)]
    assert found == [
        ("Rule 1 “r1”", "sticky", "not set", "keeps each team where it was for 2 h, new ones by the strategy"),
        ("Rule 1 “r1”", "explore", "not set", "explores with 5 %"),
        ("Rule 1 “r1”", "hedge", "not set", "asks a second one after 800 ms"),
        ("Rule 1 “r1”", "cache", "not set", "never answers from memory"),
        ("Rule 1 “r1”", "unsupported", "not set", "leaves out what cannot be expressed"),
        ("Policy settings", "cache", "not set", "answers equal requests from memory for 5 min"),
        ("Policy settings", "content", "not set", "keeps redacted content for 14 days"),
    ]
    assert describe_use({**plain, "hedge": {"after_ms": 5}}).endswith("asks a second one after 5 ms")


def test_equal_documents_have_no_changes():
    assert changes_between(a_document(), a_document()) == ()
