from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest
from msgspec.structs import replace

from routerapp.engine.conditions import MAX_DEPTH, MAX_NODES, content_leaves, evaluate, leaf_id, parse_condition
from routerapp.engine.problems import PolicyError
from routerapp.engine.types import Features, Inputs, RequestFacts
from routerapp.engine.vocabulary import FIELDS, OPERATORS

UTC = ZoneInfo("UTC")
SUNDAY_TEN_MS = 1_763_892_000_000
REQUEST = Inputs(
    Features(
        prompt_tokens=400,
        task="code",
        task_confidence=0.9,
        complexity=0.6,
        language="en",
        has_code=True,
        pii=("email",),
        turns=3,
    ),
    RequestFacts(
        model="auto",
        key="web",
        team="Support",
        tags=("beta", "web"),
        metadata={"app": "Help Desk"},
        headers={"x-app": "desk"},
        stream=True,
        max_tokens=500,
    ),
)


def truth(field, op, value=None, inputs=REQUEST, zone=UTC, now_ms=SUNDAY_TEN_MS):
    leaf = {"field": field, "op": op} | ({} if value is None else {"value": value})
    return evaluate(parse_condition(leaf), inputs, now_ms, zone)


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("task", "eq", "code"),
        ("task", "ne", "math"),
        ("task", "in", ["code", "math"]),
        ("task", "not_in", ["math"]),
        ("prompt_tokens", "gt", 399),
        ("prompt_tokens", "gte", 400),
        ("prompt_tokens", "lt", 401),
        ("prompt_tokens", "lte", 400),
        ("prompt_tokens", "between", [400, 500]),
        ("complexity", "between", [0.5, 0.6]),
        ("turns", "in", [1, 3]),
        ("max_tokens", "exists", True),
        ("user", "exists", False),
        ("has_code", "eq", True),
        ("has_math", "ne", True),
        ("stream", "eq", True),
        ("pii", "intersects", ["iban", "email"]),
        ("pii", "contains", "email"),
        ("pii", "exists", True),
        ("tags", "intersects", ["beta"]),
        ("tags", "contains", "web"),
        ("model", "starts_with", "AU"),
        ("team", "contains", "port"),
        ("team", "matches", "^Supp"),
        ("metadata.app", "eq", "Help Desk"),
        ("metadata.app", "contains_any", ["desk", "shop"]),
        ("metadata.app", "exists", True),
        ("metadata.other", "exists", False),
        ("header.X-App", "eq", "desk"),
        ("hour", "eq", 10),
        ("weekday", "in", ["sat", "sun"]),
        ("language", "eq", "en"),
    ],
)
def test_holds(field, op, value):
    assert truth(field, op, value) is True


@pytest.mark.parametrize(
    ("field", "op", "value"),
    [
        ("task", "eq", "math"),
        ("prompt_tokens", "gt", 400),
        ("metadata.app", "contains_any", ["hel"]),
        ("tags", "intersects", ["we"]),
        ("user", "ne", "x"),
        ("user", "not_in", ["x"]),
        ("user", "exists", True),
        ("metadata.other", "ne", "x"),
        ("pii", "intersects", ["iban"]),
    ],
)
def test_does_not_hold(field, op, value):
    assert truth(field, op, value) is False


@pytest.mark.parametrize("op", ["gt", "gte", "lt", "lte", "eq", "ne"])
def test_a_missing_number_is_false_whatever_the_operator(op):
    unlimited = replace(REQUEST, facts=replace(REQUEST.facts, max_tokens=None))

    assert truth("max_tokens", op, 1, unlimited) is False


def test_not_inverts_a_missing_field():
    condition = parse_condition({"not": {"field": "user", "op": "eq", "value": "x"}})

    assert evaluate(condition, REQUEST, 0, UTC) is True


def test_every_pii_leaf_matches_when_the_scan_could_not_finish():
    cut = replace(REQUEST, features=replace(REQUEST.features, pii=(), scan_complete=False))

    assert truth("pii", "intersects", ["iban"], cut) is True
    assert truth("pii", "exists", True, cut) is True


def test_the_clock_is_the_policy_s():
    assert truth("hour", "eq", 11, zone=ZoneInfo("Europe/Berlin")) is True
    assert (
        truth("weekday", "eq", "mon", zone=ZoneInfo("Pacific/Auckland"), now_ms=SUNDAY_TEN_MS + 3 * 3_600_000) is True
    )


def test_content_is_read_through_observations_only():
    observed = replace(REQUEST, observations={leaf_id("text", "contains", "refund"): True})

    assert truth("text", "contains", "refund", observed) is True
    assert truth("text", "contains", "refund") is None


def test_unstored_metadata_is_read_from_its_observation_and_is_absent_without():
    observed = replace(REQUEST, observations={leaf_id("metadata.secret", "eq", "x"): True})

    assert truth("metadata.secret", "eq", "x", observed) is True
    assert truth("metadata.secret", "eq", "x") is False


UNKNOWN = {"field": "text", "op": "contains", "value": "x"}
YES = {"field": "task", "op": "eq", "value": "code"}
NO = {"field": "task", "op": "eq", "value": "math"}


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"all": [UNKNOWN, NO]}, False),
        ({"all": [UNKNOWN, YES]}, None),
        ({"any": [UNKNOWN, YES]}, True),
        ({"any": [UNKNOWN, NO]}, None),
        ({"not": UNKNOWN}, None),
        ({"not": {"any": [NO, {"all": [YES, NO]}]}}, True),
        ({"all": [YES, {"not": {"field": "text", "op": "exists", "value": False}}]}, None),
    ],
)
def test_unknown_follows_kleene(document, expected):
    assert evaluate(parse_condition(document), REQUEST, 0, UTC) is expected


def test_content_leaves_are_gathered_once_observed_for_both_senses_of_exists():
    condition = parse_condition({"any": [UNKNOWN, {"field": "system", "op": "exists", "value": False}, YES]})

    assert [(leaf.field, leaf.op, leaf.value) for leaf in content_leaves(condition)] == [
        ("text", "contains", "x"),
        ("system", "exists", True),
    ]
    assert all(len(leaf.leaf_id) == 16 for leaf in content_leaves(condition))


def problem(document):
    with pytest.raises(PolicyError) as refused:
        parse_condition(document)
    return refused.value.problems[0]


@pytest.mark.parametrize(
    ("document", "path", "code"),
    [
        ("x", "when", "wrong_type"),
        ({}, "when.field", "unknown_field"),
        ({"field": "taks", "op": "eq", "value": "code"}, "when.field", "unknown_field"),
        ({"field": "metadata", "op": "eq", "value": "x"}, "when.field", "unknown_field"),
        ({"field": "metadata.a b", "op": "eq", "value": "x"}, "when.field", "unknown_field"),
        ({"field": "task.x", "op": "eq", "value": "x"}, "when.field", "unknown_field"),
        ({"field": "task", "op": "gt", "value": "code"}, "when.op", "unknown_operator"),
        ({"field": "task", "op": "eq", "value": "codes"}, "when.value", "unknown_value"),
        ({"field": "task", "op": "in", "value": "code"}, "when.value", "wrong_type"),
        ({"field": "task", "op": "in", "value": []}, "when.value", "wrong_type"),
        ({"field": "turns", "op": "gt", "value": "3"}, "when.value", "wrong_type"),
        ({"field": "turns", "op": "gt", "value": True}, "when.value", "wrong_type"),
        ({"field": "turns", "op": "gt", "value": float("nan")}, "when.value", "wrong_type"),
        ({"field": "hour", "op": "between", "value": [22, 6]}, "when.value", "wrong_type"),
        ({"field": "has_code", "op": "eq", "value": "yes"}, "when.value", "wrong_type"),
        ({"field": "text", "op": "matches", "value": "(?=x)"}, "when.value", "bad_pattern"),
        ({"field": "text", "op": "matches", "value": "a" * 513}, "when.value", "bad_pattern"),
        ({"field": "text", "op": "matches", "value": "a\ud800"}, "when.value", "bad_pattern"),
        ({"field": "text", "op": "exists", "value": "yes"}, "when.value", "wrong_type"),
        ({"field": "task", "op": "eq", "value": "code", "extra": 1}, "when.extra", "unknown_key"),
        ({"all": []}, "when.all", "wrong_type"),
        ({"all": [YES], "any": [YES]}, "when", "unknown_key"),
        ({"any": [YES, {"not": {"field": "nope", "op": "eq", "value": 1}}]}, "when.any[1].not.field", "unknown_field"),
    ],
)
def test_refuses_with_place_and_code(document, path, code):
    found = problem(document)

    assert (found.path, found.code) == (path, code)
    assert found.message.endswith(".")


def test_suggests_what_was_meant():
    assert "Did you mean 'task'?" in problem({"field": "taks", "op": "eq", "value": "code"}).message


def test_reports_all_problems_at_once():
    with pytest.raises(PolicyError) as refused:
        parse_condition({"all": [{"field": "a", "op": "eq"}, {"field": "b", "op": "eq"}]})

    assert [found.path for found in refused.value.problems] == ["when.all[0].field", "when.all[1].field"]


def test_depth_and_size_have_limits():
    nested = YES
    for _ in range(MAX_DEPTH - 1):
        nested = {"not": nested}
    parse_condition(nested)
    parse_condition({"any": [YES] * (MAX_NODES - 1)})

    assert problem({"not": nested}).code == "too_deep"
    assert problem({"any": [YES] * MAX_NODES}).code == "too_many"


def test_every_field_works_with_every_operator_it_lists():
    shapes = {operator.name: operator.value for operator in OPERATORS}
    for field in FIELDS:
        name = f"{field.name}.x" if field.is_family else field.name
        one = {"number": 1, "bool": True}.get(field.kind, field.choices[0] if field.choices else "x")
        for op in field.operators:
            value = {"one": one, "list": [one], "words": ["x"], "pair": [0, 1], "pattern": "x", "flag": True}[
                shapes[op]
            ]
            assert truth(name, op, value) in (True, False, None)
