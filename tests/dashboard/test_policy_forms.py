"""The rule's form and the document are the same thing: what one says, the other says back."""

from __future__ import annotations

from typing import Any

import pytest
from django.urls import reverse
from django.utils.html import escape
from hypothesis import given
from hypothesis import strategies as st

from dashboard.condition_forms import (
    condition_document,
    condition_from_document,
    edit_condition,
    place_problems,
    read_condition,
)
from dashboard.condition_words import describe_condition
from dashboard.form_inputs import ReferenceList
from dashboard.nested_fields import read_fields
from routerapp.engine.conditions import parse_condition
from routerapp.engine.vocabulary import FIELDS
from tests.dashboard.page_forms import read_form
from tests.factories import a_deployment, a_document, a_draft, a_policy

USES: dict[str, dict[str, Any]] = {
    "reject": {"reject": "Not here. <b>Sorry</b>"},
    "ordered": {"pool": ["model:m", "tag:local", "all"], "strategy": {"kind": "ordered"}},
    "limits": {
        "pool": ["all"],
        "strategy": {"kind": "cheapest"},
        "fallbacks": ["tag:local", "provider:p"],
        "constraints": {"max_cost_usd": 0.02, "min_quality": 0.6, "regions": ["eu"], "exclude": ["model:m"]},
        "retries": 0,
        "timeouts": {"connect_ms": 500, "total_ms": 9000},
        "parameters": {"temperature": 0, "stop": ["\n"]},
    },
    "weighted": {"pool": ["all"], "strategy": {"kind": "weighted", "weights": {"deployment:d": 3, "model:m": 0.5}}},
    "fastest": {"pool": ["all"], "strategy": {"kind": "fastest", "explore_below_samples": 3, "explore_share": 0.05}},
    "balanced": {
        "pool": ["all"],
        "strategy": {
            "kind": "balanced",
            "weights": {"quality": 0.5, "cost": 0.5},
            "ranges": {"cost_usd": [1e-05, 0.5], "ttft_ms": [50, 9000]},
        },
    },
    "capability": {"pool": ["all"], "strategy": {"kind": "capability", "weights": {"code": 1, "gone-dimension": 0.25}}},
    "contextual": {
        "pool": ["all"],
        "strategy": {
            "kind": "contextual",
            "targets": {"code": ["model:m", "tag:local"], "math": ["deployment:d"]},
            "min_confidence": 0.4,
            "fallback": ["model:m"],
        },
    },
    "hash": {"pool": ["all"], "strategy": {"kind": "consistent_hash", "on": "tenant"}},
    "split": {
        "pool": ["all"],
        "strategy": {
            "kind": "split",
            "experiment": "cheaper",
            "arms": [
                {"name": "control", "weight": 70, "use": {"strategy": {"kind": "cheapest"}}},
                {"name": "new", "weight": 30, "use": {"pool": ["model:m"], "strategy": {"kind": "fastest"}}},
            ],
        },
    },
    "policy": {"pool": ["policy:other"]},
    "least busy": {"pool": ["all"], "strategy": {"kind": "least_busy", "weights": {"model:m": 2}}},
    "headroom": {"pool": ["all"], "strategy": {"kind": "headroom"}, "sticky": {}},
    "reliable": {
        "pool": ["all"],
        "strategy": {"kind": "most_reliable", "explore_below_samples": 9},
        "sticky": {"by": "unit", "first": "hash", "ttl_seconds": 3600},
        "explore": {"share": 0.05},
        "hedge": {"after_ms": 800},
        "cache": {"mode": "exact", "ttl_seconds": 300},
        "unsupported": "refuse",
    },
    "extras left to their defaults": {
        "pool": ["policy:other"],
        "sticky": {"first": "strategy"},
        "cache": {},
        "explore": {"share": 0},
        "unsupported": "drop",
    },
    "extras of arms": {
        "pool": ["all"],
        "strategy": {
            "kind": "split",
            "experiment": "hedged",
            "arms": [
                {"name": "control", "weight": 1, "use": {"strategy": {"kind": "cheapest"}, "cache": {"mode": "off"}}},
                {"name": "new", "weight": 1, "use": {"strategy": {"kind": "cheapest"}, "hedge": {"after_ms": 300}}},
            ],
        },
        "sticky": {"by": "tenant"},
    },
}
SETTINGS: dict[str, dict[str, Any]] = {
    "none": {},
    "all": {
        "cache": {"mode": "exact", "ttl_seconds": 60},
        "unsupported": "drop",
        "content": {"keep": "redacted", "days": 30},
    },
    "written out": {"cache": {"mode": "off"}, "unsupported": "refuse", "content": {"keep": "off"}},
    "defaults": {"cache": {"ttl_seconds": 9}, "content": {"days": 3}},
}
WHEN = {
    "any": [
        {"field": "pii", "op": "intersects", "value": ["email", "iban"]},
        {
            "not": {
                "any": [
                    {"field": "turns", "op": "between", "value": [2, 5]},
                    {"field": "has_code", "op": "eq", "value": False},
                ]
            }
        },
        {
            "all": [
                {"field": "metadata.team", "op": "exists", "value": True},
                {"not": {"field": "hour", "op": "lt", "value": 7}},
            ]
        },
        {"field": "text", "op": "contains_any", "value": ["crypto", " spaced ", 'a "quoted" one']},
        {"field": "weekday", "op": "in", "value": ["sat", "sun"]},
        {"field": "complexity", "op": "gte", "value": 0.5},
    ]
}

number = st.one_of(st.integers(-(10**9), 10**9), st.floats(-1e6, 1e6, allow_nan=False).map(lambda one: round(one, 6)))
text = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12)


def _leaf(field) -> st.SearchStrategy[dict[str, Any]]:
    name = f"{field.name}.x-{field.kind}" if field.is_family else field.name
    one = st.sampled_from(field.choices) if field.choices else number if field.kind == "number" else text
    many = st.lists(one, min_size=1, max_size=3, unique=True)
    values = {
        **dict.fromkeys(("in", "not_in", "intersects", "contains_any"), many),
        "between": st.lists(number, min_size=2, max_size=2),
        "exists": st.booleans(),
    }
    if field.kind == "bool":
        one = st.booleans()
    return st.sampled_from(field.operators).flatmap(
        lambda op: st.fixed_dictionaries({"field": st.just(name), "op": st.just(op), "value": values.get(op, one)})
    )


leaves = st.one_of([_leaf(field) for field in FIELDS])
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=8,
)


@given(conditions)
def test_a_condition_comes_back_from_its_form_as_it_was(document):
    form = condition_from_document(document)

    assert condition_document(form) == document
    assert not any(node.problems for node in form.walk())


@given(conditions)
def test_every_condition_has_words(document):
    assert str(describe_condition(document)).strip()


@pytest.fixture
def draft(db):
    a_deployment()
    return a_draft(a_policy(a_document("support", rules=[{"id": "r1", "name": "one", "use": {"pool": ["all"]}}])))


def _saved(client, draft, rule) -> Any:
    """The rule after one trip through the page: read as HTML, sent back as a browser sends it."""
    draft.document = a_document("support", rules=[{"id": "r1", **rule}])
    draft.save()
    url = reverse("dashboard:rule-edit", args=["support", draft.pk, "r1"])
    fields = read_form(client.get(url).content.decode())
    response = client.post(url, {**fields, "do": "save"})
    assert response.status_code == 302, response.content.decode()[-3000:]
    draft.refresh_from_db()
    return draft.document["rules"][0]


@pytest.mark.parametrize("name", USES)
def test_a_use_comes_back_from_its_page_as_it_was(signed_in, draft, name):
    rule = {"name": "a rule", "when": WHEN, "use": USES[name]}

    assert _saved(signed_in("editor"), draft, rule) == {"id": "r1", **rule}


def test_a_rule_without_condition_and_switched_off_comes_back_as_it_was(signed_in, draft):
    rule = {"enabled": False, "use": USES["ordered"]}

    assert _saved(signed_in("editor"), draft, rule) == {"id": "r1", **rule}


def _settings_page(client, draft, **typed) -> Any:
    url = reverse("dashboard:settings-edit", args=["support", draft.pk])
    return client.post(url, {**read_form(client.get(url).content.decode(), "settings-form"), **typed})


@pytest.mark.parametrize("name", SETTINGS)
def test_the_settings_of_a_policy_come_back_from_their_page_as_they_were(signed_in, draft, name):
    draft.document = {**a_document("support"), "constraints": {}, "timezone": "UTC", **SETTINGS[name]}
    draft.save()
    before = draft.document
    response = _settings_page(signed_in("editor"), draft)

    assert response.status_code == 302, response.content.decode()[-3000:]
    draft.refresh_from_db()
    assert draft.document == before


def test_emptied_settings_are_taken_out_and_nothing_else(signed_in, draft):
    draft.document = {**a_document("support"), "description": "kept", **SETTINGS["all"]}
    draft.save()
    typed = {"cache.mode": "", "cache.ttl_seconds": "", "unsupported": "", "content.keep": "", "content.days": ""}
    assert _settings_page(signed_in("editor"), draft, **typed).status_code == 302
    draft.refresh_from_db()

    assert draft.document.keys() & {"cache", "unsupported", "content"} == set()
    assert draft.document["description"] == "kept"


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"cache.mode": "exact", "cache.ttl_seconds": "soon"}, "“soon” is not a number."),
        ({"cache.mode": "exact", "cache.ttl_seconds": "0"}, "This must be a whole number from 1 to 604800."),
        ({"cache.ttl_seconds": "60"}, "Choose here, or empty “For at most”."),
        ({"cache.mode": "<b>fuzzy"}, "One of: exact, off."),
        ({"unsupported": "x" * 5_000}, "One of: refuse, drop."),
        ({"content.keep": "redacted", "content.days": "99999"}, "This must be a whole number from 1 to 3650."),
    ],
)
def test_a_bad_setting_comes_back_with_what_was_typed_and_why(signed_in, draft, typed, said):
    response = _settings_page(signed_in("editor"), draft, **typed)
    page = response.content.decode()

    assert response.status_code == 422
    assert escape(said) in page
    assert all(escape(value) in page for value in typed.values())
    assert "<b>fuzzy" not in page


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"use.sticky.ttl_seconds": "60"}, "Choose here, or empty “Remembered for”."),
        ({"use.sticky.by": "unit", "use.sticky.ttl_seconds": "-1"}, "This must be a whole number from 1 to 604800."),
        ({"use.explore.share": "0.9"}, "This must be a number from 0 to 0.5."),
        ({"use.hedge.after_ms": "30000"}, "this must be below timeouts.first_token_ms, 30000."),
        ({"use.sticky.by": "nobody"}, "One of: unit, tenant."),
    ],
)
def test_a_bad_extra_of_a_rule_is_said_at_its_field(signed_in, draft, typed, said):
    client = signed_in("editor")
    url = reverse("dashboard:rule-edit", args=["support", draft.pk, "r1"])
    response = client.post(url, {**read_form(client.get(url).content.decode()), **typed, "do": "save"})
    page = response.content.decode()

    assert response.status_code == 422
    assert escape(said) in page
    assert "is wrong stands at the fields below" in page


def test_adding_to_a_single_condition_makes_a_group_of_both():
    root = condition_from_document({"field": "turns", "op": "gt", "value": 3})

    root = edit_condition(root, "condition", "when")

    assert root.kind == "all"
    assert [child.path for child in root.children] == ["when.0", "when.1"]
    assert root.children[0].field == "turns"


def test_removing_and_wrapping_keep_the_rest_in_order():
    root = condition_from_document(WHEN)

    root = edit_condition(edit_condition(root, "remove", "when.1"), "wrap", "when.0")

    assert [child.kind for child in root.children] == ["all", "all", "leaf", "leaf", "leaf"]
    assert root.children[0].children[0].field == "pii"
    assert [node.path for node in root.children[0].walk()] == ["when.0", "when.0.0", "when.0.1"]


def test_the_engines_problems_stand_at_the_leaf_they_are_about():
    root = condition_from_document(
        {"all": [{"field": "turns", "op": "gt", "value": 3}, {"not": {"field": "text", "op": "matches", "value": "("}}]}
    )
    document = condition_document(root)
    with pytest.raises(ValueError, match="RE2") as refused:
        parse_condition(document)

    place_problems(root, {problem.path: problem.message for problem in refused.value.problems})

    assert [bool(node.problems) for node in root.walk()] == [False, False, False, True]


def test_a_value_that_is_no_number_is_kept_and_said(rf):
    request = rf.post("/", {"when.kind": "leaf", "when.field": "turns", "when.op": "gt", "when.value": "0,5"})
    root = read_condition(read_fields(request.POST).at("when"))
    condition_document(root)

    assert root.text == "0,5"
    assert root.problems == ["“0,5” is not a number."]


def test_another_field_gets_an_operator_that_fits_it(rf):
    request = rf.post("/", {"when.kind": "leaf", "when.field": "complexity", "when.op": "matches", "when.value": "x"})

    assert read_condition(read_fields(request.POST).at("when")).op == "gte"


def test_a_field_of_text_chosen_anew_looks_for_words_in_it(rf):
    leaf = {"when.kind": "leaf", "when.field": "text", "when.op": "in", "when.value": "clause"}

    chosen = read_condition(read_fields(rf.post("/", leaf | {"when.shown": "task"}).POST).at("when"))
    kept = read_condition(read_fields(rf.post("/", leaf | {"when.shown": "text"}).POST).at("when"))

    assert (chosen.op, kept.op) == ("contains_any", "in")


def test_a_choice_beside_all_takes_its_place_in_a_pool_but_follows_it_in_fallbacks():
    pool = ReferenceList("pool", "Choose from", ["all"], adding="tag:local", is_pool=True)
    fallbacks = ReferenceList("fallbacks", "If that fails, try", ["all"], adding="tag:local")

    assert pool.document() == ["tag:local"]
    assert fallbacks.document() == ["all", "tag:local"]
