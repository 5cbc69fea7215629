"""Looking rules up instead of at each: the same rule, the same trace, whatever the rules and the request."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from routerapp.engine.matching import first_match
from routerapp.engine.policy import Policy, Rule, parse_policy
from routerapp.engine.readings import Readings
from routerapp.engine.types import TraceStep

VALUES = {
    "task": ["code", "math", "chat"],
    "team": ["red", "blue"],
    "stream": [True, False],
    "prompt_tokens": [1, 500],
    "tags": ["a", "b"],
}
USE = {"pool": ["all"], "strategy": {"kind": "ordered"}}


@st.composite
def leaves(draw):
    field = draw(st.sampled_from(sorted(VALUES)))
    value = st.sampled_from(VALUES[field])
    if field == "prompt_tokens":
        return {"field": field, "op": draw(st.sampled_from(["gte", "lt"])), "value": draw(value)}
    if field == "tags":
        return {"field": field, "op": "intersects", "value": draw(st.lists(value, min_size=1, max_size=2))}
    if field == "stream":
        return {"field": field, "op": "eq", "value": draw(value)}
    op = draw(st.sampled_from(["eq", "ne", "in", "not_in"]))
    many = op in ("in", "not_in")
    return {"field": field, "op": op, "value": draw(st.lists(value, min_size=1, max_size=3)) if many else draw(value)}


CONDITIONS = st.one_of(
    leaves(),
    st.builds(lambda parts: {"all": parts}, st.lists(leaves(), min_size=1, max_size=3)),
    st.builds(lambda parts: {"any": parts}, st.lists(leaves(), min_size=1, max_size=2)),
    st.builds(lambda part: {"not": part}, leaves()),
)
READINGS = st.fixed_dictionaries(
    {
        "task": st.sampled_from(["code", "math", "chat", "unknown"]),
        "team": st.sampled_from([None, "red", "blue"]),
        "stream": st.booleans(),
        "prompt_tokens": st.sampled_from([0, 1, 400, 600]),
        "tags": st.sampled_from([(), ("a",), ("a", "b")]),
    }
)


@st.composite
def some_policies(draw) -> Policy:
    whens = draw(st.lists(st.one_of(st.none(), CONDITIONS), max_size=8))
    rules = [
        {"id": f"r{n}", "enabled": draw(st.integers(0, 4)) > 0, "use": USE} | ({"when": when} if when else {})
        for n, when in enumerate(whens)
    ]
    return parse_policy({"schema": 1, "policy": "p", "rules": rules, "default": USE})


def one_by_one(policy: Policy, readings: Readings) -> tuple[Rule, list[TraceStep]]:
    trace: list[TraceStep] = []
    for rule in policy.rules:
        failed = next((missed for test, missed in rule.checks if not test(readings, {})), None)
        trace.append(rule.matched if failed is None else failed)
        if failed is None:
            return rule, trace
    return policy.default, trace


@settings(max_examples=150, deadline=None)
@given(some_policies(), READINGS)
def test_the_same_rule_and_trace_as_one_by_one(policy, readings):
    trace: list[TraceStep] = []
    rule = first_match(policy, readings, {}, trace)
    expected, steps = one_by_one(policy, readings)
    assert rule is expected
    assert trace[: len(steps)] == steps
    assert len(trace) == len(steps) + (rule is policy.default)


def test_rules_that_cannot_match_are_passed_over():
    asked = []
    when = {"all": [{"field": "team", "op": "eq", "value": "red"}, {"field": "prompt_tokens", "op": "gte", "value": 1}]}
    rules = [
        {"id": f"r{n}", "when": when | {"all": [{**when["all"][0], "value": f"t{n}"}, when["all"][1]]}, "use": USE}
        for n in range(50)
    ]
    policy = parse_policy({"schema": 1, "policy": "p", "rules": rules, "default": USE})

    class Watched(dict):
        def get(self, name, default=None):
            asked.append(name)
            return super().get(name, default)

    rule = first_match(policy, Watched(team="t49", prompt_tokens=3), {}, [])
    assert rule.id == "r49"
    assert asked == ["team", "team", "prompt_tokens"]
