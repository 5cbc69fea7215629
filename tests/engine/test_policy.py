from __future__ import annotations

import pytest

from routerapp.engine.policy import parse_policy
from routerapp.engine.problems import PolicyError
from tests.engine.situations import ANYTHING

DOCUMENT = {
    "schema": 1,
    "policy": "support",
    "timezone": "Europe/Berlin",
    "constraints": {"regions": ["eu"], "max_cost_usd": 0.02},
    "rules": [
        {
            "id": "r1",
            "name": "code",
            "when": {
                "all": [
                    {"field": "task", "op": "eq", "value": "code"},
                    {"field": "text", "op": "contains", "value": "x"},
                ]
            },
            "use": {
                "pool": ["model:m"],
                "strategy": {"kind": "balanced", "weights": {"quality": 1}},
                "constraints": {"max_cost_usd": "0.03", "models": ["m"]},
                "fallbacks": ["all"],
                "retries": 2,
                "timeouts": {"connect_ms": 100},
                "parameters": {"temperature": 0},
            },
        },
        {"id": "r2", "enabled": False, "use": {"reject": "No."}},
    ],
    "default": {"pool": ["all"]},
}


def test_reads_the_whole_document():
    policy = parse_policy(DOCUMENT, version=12)

    use = policy.rules[0].use
    assert (policy.slug, policy.version, policy.timezone.key) == ("support", 12, "Europe/Berlin")
    assert (use.kind, use.limits.retries, use.limits.connect_ms, use.parameters) == (
        "balanced",
        2,
        100,
        {"temperature": 0},
    )
    assert use.constraints.max_cost_nusd == 20_000_000
    assert use.constraints.regions == {"eu"}
    assert policy.rules[1].use.reject == "No."
    assert [leaf.field for leaf in policy.leaves] == ["text"]


def test_keeps_the_document_as_it_was():
    policy = parse_policy(DOCUMENT)

    assert policy.document == DOCUMENT
    assert parse_policy(policy.document) == policy


def problems(use=None, **changes):
    document = {"schema": 1, "policy": "p", "rules": [], "default": use or ANYTHING, **changes}
    with pytest.raises(PolicyError) as refused:
        parse_policy(document)
    return [(found.path, found.code) for found in refused.value.problems]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schema": 2}, ("schema", "bad_schema")),
        ({"policy": ""}, ("policy", "wrong_type")),
        ({"policy": "a b"}, ("policy", "bad_name")),
        ({"timezone": "Mars/Base"}, ("timezone", "unknown_value")),
        ({"timezone": "../etc/passwd"}, ("timezone", "unknown_value")),
        ({"rule": []}, ("rule", "unknown_key")),
        ({"rules": {}}, ("rules", "wrong_type")),
        ({"default": {"pool": []}}, ("default.pool", "missing")),
        ({"default": 3}, ("default", "wrong_type")),
        ({"constraints": {"max_cost_usd": "much"}}, ("constraints.max_cost_usd", "bad_money")),
        ({"constraints": {"min_quality": 2}}, ("constraints.min_quality", "out_of_range")),
        ({"constraints": {"regions": "eu"}}, ("constraints.regions", "wrong_type")),
        ({"constraints": {"region": ["eu"]}}, ("constraints.region", "unknown_key")),
        ({"rules": [{"use": ANYTHING}]}, ("rules[0].id", "missing")),
        ({"rules": [{"id": "default", "use": ANYTHING}]}, ("rules[0].id", "bad_name")),
        ({"rules": [{"id": "a"}]}, ("rules[0].use", "missing")),
        ({"rules": [{"id": "a", "use": ANYTHING, "enabled": 1}]}, ("rules[0].enabled", "wrong_type")),
        ({"rules": [{"id": "a", "use": ANYTHING}, {"id": "a", "use": ANYTHING}]}, ("rules[1].id", "duplicate_id")),
    ],
)
def test_refuses_with_place_and_code(changes, expected):
    assert expected in problems(**changes)


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        ({"pool": ["deployment:a", "policy:b"]}, ("default.pool[1]", "bad_reference")),
        ({"pool": ["gpt"]}, ("default.pool[0]", "bad_reference")),
        ({"pool": ["all"], "fallbacks": ["policy:b"]}, ("default.fallbacks[0]", "bad_reference")),
        ({"pool": ["policy:b"], "strategy": {"kind": "cheapest"}}, ("default.strategy", "unknown_key")),
        ({"reject": "no", "pool": ["all"]}, ("default.pool", "unknown_key")),
        ({"pool": ["all"], "retries": 9}, ("default.retries", "out_of_range")),
        ({"pool": ["all"], "timeouts": {"connect": 1}}, ("default.timeouts.connect", "unknown_key")),
        ({"pool": ["all"], "parameters": {"model": "x"}}, ("default.parameters.model", "unknown_key")),
        ({"pool": ["all"], "hedge_after_ms": 5}, ("default.hedge_after_ms", "unknown_key")),
    ],
)
def test_refuses_a_use_with_place_and_code(use, expected):
    assert expected in problems(use)


@pytest.mark.parametrize(
    ("strategy", "place", "code"),
    [
        ({"kind": "fastes"}, "kind", "unknown_strategy"),
        ({"kind": "oracle"}, "kind", "unknown_strategy"),
        ({"kind": "learned"}, "default", "missing"),
        ({"kind": "learned", "default": "gpt"}, "default", "bad_reference"),
        ({"kind": "learned", "default": "policy:x"}, "default", "bad_reference"),
        ({"kind": "learned", "default": "model:m", "cost_quality": 2}, "cost_quality", "out_of_range"),
        ({"kind": "learned", "default": "model:m", "cautious": "yes"}, "cautious", "wrong_type"),
        ({"kind": "learned", "default": "model:m", "target": {"kind": "best"}}, "target.kind", "unknown_value"),
        ({"kind": "learned", "default": "model:m", "target": {"kind": "max_usd_per_1000"}}, "target.value", "missing"),
        ({"kind": "learned", "default": "model:m", "solved": {"lambda": -1}}, "solved.lambda", "out_of_range"),
        ({"kind": "learned", "default": "model:m", "solved": {"x": 1}}, "solved.x", "unknown_key"),
        ({"kind": "threshold", "strong": "model:m", "weak": "model:m"}, "weak", "duplicate_id"),
        ({"kind": "threshold", "strong": "model:m", "weak": "model:n", "on": "moon"}, "on", "unknown_value"),
        ({"kind": "threshold", "weak": "model:n"}, "strong", "missing"),
        ({"kind": "semantic"}, "routes", "missing"),
        ({"kind": "semantic", "routes": []}, "routes", "out_of_range"),
        ({"kind": "semantic", "routes": [{"name": "a"}]}, "routes[0].examples", "missing"),
        (
            {"kind": "semantic", "routes": [{"name": "a", "targets": ["gpt"], "examples": ["x"]}]},
            "routes[0].targets[0]",
            "bad_reference",
        ),
        (
            {"kind": "semantic", "routes": [{"name": "a", "targets": ["all"], "examples": [" "]}]},
            "routes[0].examples[0]",
            "wrong_type",
        ),
        (
            {"kind": "semantic", "routes": [{"name": "a", "targets": ["all"], "examples": ["x"], "threshold": 3}]},
            "routes[0].threshold",
            "out_of_range",
        ),
        ({"kind": "bandit", "explore_share": 0.9}, "explore_share", "out_of_range"),
        ({}, "kind", "unknown_strategy"),
        ({"kind": "cheapest", "weights": {}}, "weights", "unknown_key"),
        ({"kind": "weighted", "weights": {"a": -1}}, "weights.a", "out_of_range"),
        ({"kind": "weighted", "weights": {"a": 0}}, "weights", "out_of_range"),
        ({"kind": "weighted", "weights": {"provider:a": 1}}, "weights.provider:a", "bad_reference"),
        ({"kind": "round_robin", "weights": {"a": 0.5}}, "weights.a", "out_of_range"),
        ({"kind": "fastest", "explore_share": 2}, "explore_share", "out_of_range"),
        ({"kind": "balanced", "weights": {"speed": 1}}, "weights.speed", "unknown_key"),
        ({"kind": "balanced", "ranges": {"ttft_ms": [500, 100]}}, "ranges.ttft_ms", "wrong_type"),
        ({"kind": "balanced", "ranges": {"ttft_ms": [0, 100]}}, "ranges.ttft_ms", "wrong_type"),
        ({"kind": "capability"}, "weights", "missing"),
        ({"kind": "contextual"}, "targets", "missing"),
        ({"kind": "contextual", "targets": {"cooking": ["all"]}}, "targets.cooking", "unknown_value"),
        ({"kind": "contextual", "targets": {"code": ["gpt"]}}, "targets.code[0]", "bad_reference"),
        ({"kind": "consistent_hash", "on": "moon"}, "on", "unknown_value"),
        ({"kind": "split", "experiment": "e", "arms": [{"name": "a", "use": ANYTHING}]}, "arms", "out_of_range"),
        ({"kind": "split", "experiment": "e", "arms": [{"name": "a", "use": ANYTHING}] * 2}, "arms", "duplicate_id"),
        (
            {"kind": "split", "arms": [{"name": "a", "use": ANYTHING}, {"name": "b", "use": ANYTHING}]},
            "experiment",
            "missing",
        ),
    ],
)
def test_refuses_a_strategy_with_place_and_code(strategy, place, code):
    assert (f"default.strategy.{place}", code) in problems({"pool": ["all"], "strategy": strategy})


@pytest.mark.parametrize("document", [None, [], "x", 1, {"schema": 1, "policy": {}, "rules": [None], "default": []}])
def test_rubbish_is_a_policy_error(document):
    with pytest.raises(PolicyError):
        parse_policy(document)
