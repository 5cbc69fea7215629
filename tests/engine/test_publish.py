from __future__ import annotations

import pytest

from routerapp.engine.publish import check_publishable
from tests.engine.situations import ANYTHING, ask, config_of, deployment, model, policy_of

CONFIG = config_of(
    {
        "a": deployment(region="eu", tags=["local"]),
        "b": deployment(region="us", provider="q"),
        "unpriced": deployment(price=None, region="ap"),
        "off": deployment(region="sa", is_enabled=False),
        "drained": deployment(region="af", is_draining=True),
    },
    {"m": model(), "lonely": model()},
    dimensions=["accuracy"],
)
CODE = {"field": "task", "op": "eq", "value": "code"}


def problems(use=ANYTHING, policies=(), config=CONFIG, **rest):
    known = {policy.slug: policy for policy in policies}
    return [(found.path, found.code) for found in check_publishable(policy_of(use, **rest), config, known)]


def pool(*references, **rest):
    return {"pool": list(references), **rest}


@pytest.mark.parametrize(
    "use",
    [
        ANYTHING,
        pool("tag:local", fallbacks=["all"]),
        pool("deployment:drained"),
        {"reject": "no"},
        pool("all", strategy={"kind": "weighted", "weights": {"a": 1, "model:m": 2}}),
        pool("all", strategy={"kind": "capability", "weights": {"accuracy": 1}}),
        pool("all", strategy={"kind": "contextual", "targets": {"code": ["tag:local"]}}),
        pool("all", constraints={"max_cost_usd": 1}),
    ],
)
def test_a_sound_policy_may_be_published(use):
    assert problems(use) == []


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (pool("deployment:gone"), ("default.pool[0]", "unknown_reference")),
        (pool("all", "tag:gone"), ("default.pool[1]", "unknown_reference")),
        (pool("model:lonely"), ("default.pool[0]", "unknown_reference")),
        (pool("all", fallbacks=["provider:gone"]), ("default.fallbacks[0]", "unknown_reference")),
        (pool("policy:gone"), ("default.pool[0]", "unknown_reference")),
        (pool("deployment:off"), ("default.pool", "empty_pool")),
        (pool("tag:local", constraints={"regions": ["us"]}), ("default.pool", "empty_pool")),
        (pool("all", constraints={"max_input_usd_per_mtok": "0.1", "regions": ["us"]}), ("default.pool", "empty_pool")),
        (pool("deployment:unpriced", constraints={"max_cost_usd": 1}), ("default.pool", "unpriced_pool")),
        (
            pool("tag:local", fallbacks=["deployment:b"], constraints={"regions": ["eu"]}),
            ("default.fallbacks[0]", "fallback_refused"),
        ),
        (
            pool("tag:local", strategy={"kind": "contextual", "targets": {"code": ["deployment:b"]}}),
            ("default.strategy.targets.code[0]", "target_outside_pool"),
        ),
        (
            pool("tag:local", strategy={"kind": "weighted", "weights": {"b": 1, "a": 1}}),
            ("default.strategy.weights.deployment:b", "unknown_reference"),
        ),
        (
            pool("tag:local", "deployment:b", strategy={"kind": "round_robin", "weights": {"a": 0, "model:gone": 1}}),
            ("default.strategy", "no_weight"),
        ),
        (
            pool("tag:local", strategy={"kind": "least_busy", "weights": {"a": 0, "b": 1}}),
            ("default.strategy", "no_weight"),
        ),
        (
            pool("all", strategy={"kind": "capability", "weights": {"charm": 1}}),
            ("default.strategy.weights.charm", "unknown_reference"),
        ),
        (
            pool(
                "all",
                strategy={
                    "kind": "split",
                    "experiment": "e",
                    "arms": [{"name": "x", "use": ANYTHING}, {"name": "y", "use": pool("tag:gone")}],
                },
            ),
            ("default.strategy.arms[1].use.pool[0]", "unknown_reference"),
        ),
    ],
)
def test_refuses_with_place_and_code(use, expected):
    assert expected in problems(use)


HEDGED = {"hedge": {"after_ms": 500}}


@pytest.mark.parametrize(
    ("use", "expected"),
    [
        (pool("all", **HEDGED), []),
        (pool("deployment:a", fallbacks=["deployment:b"], **HEDGED), []),
        (pool("deployment:a", **HEDGED), [("default.hedge", "hedge_alone")]),
        (pool("deployment:a", "deployment:off", fallbacks=["tag:local"], **HEDGED), [("default.hedge", "hedge_alone")]),
        (pool("all", constraints={"regions": ["eu"]}, **HEDGED), [("default.hedge", "hedge_alone")]),
    ],
)
def test_a_hedge_needs_a_second_deployment_that_can_be_reached(use, expected):
    assert problems(use) == expected


def test_an_arm_that_has_its_rule_s_hedge_needs_a_second_one_too():
    arms = [{"name": "x", "use": ANYTHING}, {"name": "y", "use": pool("deployment:a")}]
    split = {"kind": "split", "experiment": "e", "arms": arms}

    assert problems(pool("all", strategy=split, **HEDGED)) == [("default.strategy.arms[1].use.hedge", "hedge_alone")]


def test_names_in_the_policy_s_constraints_must_exist():
    assert ("constraints.providers", "unknown_reference") in problems(constraints={"providers": ["p", "gone"]})
    assert ("constraints.regions", "unknown_reference") in problems(constraints={"regions": ["moon"]})


def test_a_disabled_rule_may_wait_for_what_is_not_there():
    rule = {"id": "r", "when": CODE, "use": pool("tag:gone")}

    assert problems(rules=[{**rule, "enabled": False}]) == []
    assert problems(rules=[rule]) == [("rules[0].use.pool[0]", "unknown_reference")]


def test_a_circle_of_policies_is_refused():
    other = policy_of(pool("policy:test"), policy="other")

    found = check_publishable(policy_of(pool("policy:other")), CONFIG, {"other": other})
    assert [(one.path, one.code) for one in found] == [("default.pool[0]", "policy_cycle")]
    assert "test → other → test" in found[0].message
    assert problems(pool("policy:test")) == [("default.pool[0]", "policy_cycle")]


def test_a_chain_deeper_than_a_decision_follows_is_refused():
    chain = [policy_of(pool(f"policy:p{number + 1}"), policy=f"p{number}") for number in range(12)]
    end = policy_of(policy="p12")

    assert problems(pool("policy:p5"), [*chain, end]) == []
    assert problems(pool("policy:p4"), [*chain, end]) == [("default.pool[0]", "policy_cycle")]


def test_a_chain_as_deep_as_publishing_allows_is_followed_to_its_end():
    documents = {f"p{n}": {"schema": 1, "policy": f"p{n}", "default": pool(f"policy:p{n + 1}")} for n in range(8)}
    documents["p8"] = {"schema": 1, "policy": "p8", "default": ANYTHING}
    live = {slug: {"live": 1, "versions": {"1": document}} for slug, document in documents.items()}
    config = config_of(CONFIG.document["deployments"], CONFIG.document["models"], policies=live)
    policies = {slug: config.live_policy(slug) for slug in live}

    assert check_publishable(policies["p0"], config, policies) == ()
    assert ask(policies["p0"], config).outcome == "routed"


def test_constraints_may_not_empty_a_policy_they_enter():
    inner = policy_of(pool("tag:local"), policy="inner")

    assert problems(pool("policy:inner"), [inner]) == []
    assert problems(pool("policy:inner", constraints={"regions": ["us"]}), [inner]) == [
        ("default.constraints", "empty_pool")
    ]


def test_the_reason_names_who_was_taken_out_by_what():
    (found,) = check_publishable(policy_of(pool("deployment:b", constraints={"regions": ["eu"]})), CONFIG, {})

    assert "b (region not allowed)" in found.message


@pytest.mark.parametrize(
    ("by", "code"),
    [("deployment:nobody", "unknown_reference"), ("deployment:b", "target_outside_pool"), ("deployment:a", None)],
)
def test_a_judge_is_in_the_catalogue_and_within_the_constraints(by: str, code: str | None) -> None:
    strategy = {"kind": "cascade", "accept_if": [{"check": "judge", "value": {"by": by}}]}

    found = problems(pool("tag:local", strategy=strategy, constraints={"regions": ["eu"]}))

    assert found == ([] if code is None else [("default.strategy.accept_if[0].value.by", code)])
