"""Promises of decide(), over catalogues, policies, requests and live states that nobody wrote by hand."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.config import parse_config
from routerapp.engine.constraints import parse_constraints, why_not
from routerapp.engine.decide import decide
from routerapp.engine.estimates import forecast_for, need_of, quote_for
from routerapp.engine.policy import parse_policy
from routerapp.engine.replay import live_slice
from routerapp.engine.strategies.registry import RANKING_STRATEGIES
from routerapp.engine.types import (
    Decision,
    Evidence,
    Features,
    Inputs,
    Live,
    LiveDeployment,
    ModelPrediction,
    Predictions,
    RequestFacts,
)
from tests.engine.situations import NOW_MS, deployment, model

quick = settings(max_examples=20, deadline=None)
REGIONS = st.sampled_from(["eu", "us"])
PRICES = st.one_of(st.none(), st.integers(0, 10**11))
EVIDENCE = Evidence("e", {"m0": 1.3}, {"m1|*": 700.0, "*|*": 250.0})
PARAMETERS: dict[str, dict[str, Any]] = {
    "capability": {"weights": {"accuracy": 2, "code": 1}},
    "contextual": {"targets": {"code": ["model:m1"]}, "min_confidence": 0.5, "fallback": ["deployment:d2"]},
    "cascade": {"accept_if": [{"check": "complete"}, {"check": "min_characters", "value": 2}]},
    "learned": {"default": "model:m0", "cost_quality": 0.6, "cautious": True},
    "threshold": {"strong": "model:m0", "weak": "model:m1"},
    "semantic": {"routes": [{"name": "r", "targets": ["model:m2"], "examples": ["x"]}], "fallback": ["model:m1"]},
    "balanced": {"weights": {"quality": 3, "cost": 2, "latency": 2, "reliability": 1}},
}
ARMS = [
    {"name": "x", "weight": 1, "use": {"strategy": {"kind": "weighted"}}},
    {"name": "y", "weight": 2, "use": {"strategy": {"kind": "round_robin"}}},
]


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A configuration with two to seven deployments of three models."""
    scores = st.dictionaries(st.sampled_from(["accuracy", "code"]), st.floats(0, 1), max_size=2)
    windows = st.sampled_from([500, 50_000])
    models = {
        f"m{n}": model(scores=draw(scores), context_window=draw(windows), has_tools=draw(st.booleans()))
        for n in range(3)
    }
    places = {
        f"d{n}": deployment(
            f"m{draw(st.integers(0, 2))}",
            draw(PRICES),
            region=draw(REGIONS),
            is_enabled=draw(st.integers(0, 9)) > 0,
            max_in_flight=draw(st.sampled_from([None, 2])),
            requests_per_minute=draw(st.sampled_from([None, 10])),
            tokens_per_minute=draw(st.sampled_from([None, 10**6])),
            weight=draw(st.integers(1, 4)),
        )
        for n in range(draw(st.integers(2, 7)))
    }
    keys = {"key": {"constraints": draw(st.sampled_from([{}, {"models": ["m0", "m1"]}, {"regions": ["eu"]}]))}}
    return {"schema": 1, "models": models, "deployments": places, "callers": keys, "task_dimensions": {"code": "code"}}


@st.composite
def policies(draw: st.DrawFn, kinds: tuple[str, ...] = (*RANKING_STRATEGIES, "split")) -> dict[str, Any]:
    kind = draw(st.sampled_from(kinds))
    parameters = {"experiment": "e", "arms": ARMS} if kind == "split" else PARAMETERS.get(kind, {})
    limits = st.fixed_dictionaries(
        {},
        optional={
            "regions": st.lists(REGIONS, min_size=1, unique=True),
            "max_cost_usd": st.sampled_from(["0.001", "0.05"]),
            "min_quality": st.sampled_from([0.2, 0.6]),
            "max_ttft_ms": st.just(800),
        },
    )
    return {
        "schema": 1,
        "policy": "p",
        "constraints": draw(limits),
        "default": {
            "pool": draw(st.sampled_from([["all"], ["model:m0", "model:m1"], ["deployment:d1", "deployment:d0"]])),
            "strategy": {"kind": kind, **parameters},
            "fallbacks": draw(st.sampled_from([[], ["all"]])),
        },
    }


STATES = st.builds(
    LiveDeployment,
    in_flight=st.integers(0, 3),
    ttft_ewma_ms=st.one_of(st.none(), st.floats(1, 5_000)),
    ttft_samples=st.integers(0, 20),
    success_ewma=st.one_of(st.none(), st.floats(0, 1)),
    success_samples=st.integers(0, 60),
    breaker=st.sampled_from(["closed", "closed", "closed", "open", "half_open"]),
    reopens_at_ms=st.sampled_from([None, NOW_MS - 1, NOW_MS + 5_000]),
    probes_in_flight=st.integers(0, 1),
    requests_left=st.sampled_from([None, 0, 9]),
    tokens_left=st.sampled_from([None, 0, 900, 10**6]),
)
LIVES = st.builds(
    Live,
    deployments=st.dictionaries(st.sampled_from([f"d{n}" for n in range(7)]), STATES),
    round_robin=st.just({"p/default": {"d0": 3, "d1": -3}}),
    budget_left_nusd=st.sampled_from([None, 10**6, 10**12]),
)
REQUESTS = st.builds(
    Inputs,
    features=st.builds(
        Features,
        prompt_tokens=st.integers(1, 2_000),
        task=st.sampled_from(["code", "chat"]),
        task_confidence=st.sampled_from([0.2, 0.9]),
        wants_tools=st.booleans(),
    ),
    facts=st.builds(
        RequestFacts,
        key=st.sampled_from([None, "key"]),
        unit=st.sampled_from([None, "u1"]),
        max_tokens=st.sampled_from([None, 100]),
    ),
    request_constraints=st.sampled_from([{}, {"regions": ["us"]}]),
    only=st.sampled_from([(), ("m1", "m0")]),
    fallbacks=st.sampled_from([(), ("m2", "d1")]),
    predictions=st.one_of(
        st.none(),
        st.builds(
            Predictions,
            predictor=st.just("5b1e"),
            models=st.dictionaries(
                st.sampled_from(["m0", "m1", "m2"]),
                st.builds(
                    ModelPrediction, st.floats(0, 1), st.floats(0, 0.3), st.one_of(st.none(), st.floats(1, 9_000))
                ),
            ),
            familiarity=st.sampled_from([0.0, 0.9]),
        ),
    ),
)
SEEDS = st.integers(0, 2**64 - 1)
SITUATIONS = (documents(), policies(), REQUESTS, LIVES, SEEDS)


def decided(document: Any, policy: Any, inputs: Inputs, live: Live, seed: int) -> Decision:
    return decide(parse_policy(policy), parse_config(document), EVIDENCE, inputs, live, seed, NOW_MS)[0]


@quick
@given(*SITUATIONS)
def test_no_step_of_a_plan_fails_a_constraint(document, policy, inputs, live, seed):
    config = parse_config(document)
    decision = decided(document, policy, inputs, live, seed)

    found = {candidate.deployment: candidate for candidate in decision.candidates}
    constraints = parse_constraints(decision.constraints)
    for limits in (
        policy["constraints"],
        inputs.request_constraints,
        document["callers"].get(inputs.facts.key or "", {}).get("constraints", {}),
    ):
        assert constraints.narrow(parse_constraints(limits)) == constraints
    for step in decision.plan:
        place = config.deployments[step.deployment]
        state = live.deployments.get(step.deployment, LiveDeployment())
        forecast = forecast_for(config.models[place.model], need_of(inputs), EVIDENCE, config.task_dimensions)
        quote = quote_for(place, forecast, state, NOW_MS)
        reason = why_not(
            place, config.models[place.model], need_of(inputs), constraints, state, quote, NOW_MS, live.budget_left_nusd
        )
        is_overridden = found[step.deployment].verdict == "cooldown_overridden"
        assert found[step.deployment].eligible
        assert reason is None or (is_overridden and reason[0] in ("in_cooldown", "probe_in_flight"))


@quick
@given(*SITUATIONS)
def test_a_decision_is_the_same_to_the_byte_twice_and_through_text(document, policy, inputs, live, seed):
    decision = decided(document, policy, inputs, live, seed)

    through = decided(
        json.loads(json.dumps(document)),
        json.loads(json.dumps(policy)),
        msgspec.json.decode(msgspec.json.encode(inputs), type=Inputs),
        msgspec.json.decode(msgspec.json.encode(live_slice(decision, live)), type=Live),
        seed,
    )
    assert canonical_bytes(through) == canonical_bytes(decision)
    assert msgspec.json.decode(canonical_bytes(decision), type=Decision) == decision


@quick
@given(*SITUATIONS, st.randoms(use_true_random=False))
def test_the_order_of_the_catalogue_is_irrelevant(document, policy, inputs, live, seed, random):
    names = list(document["deployments"])
    random.shuffle(names)
    shuffled = {**document, "deployments": {name: document["deployments"][name] for name in names}}

    assert canonical_bytes(decided(shuffled, policy, inputs, live, seed)) == canonical_bytes(
        decided(document, policy, inputs, live, seed)
    )


@quick
@given(*SITUATIONS)
def test_a_routed_request_has_one_primary_and_probabilities_that_sum_to_one(document, policy, inputs, live, seed):
    decision = decided(document, policy, inputs, live, seed)

    assert (decision.outcome == "routed") is bool(decision.plan)
    assert [step.role for step in decision.plan] == (
        ["primary"] + ["fallback"] * (len(decision.plan) - 1) if decision.plan else []
    )
    assert len({step.deployment for step in decision.plan}) == len(decision.plan)
    if decision.plan:
        assert sum(candidate.probability for candidate in decision.candidates) == pytest.approx(1)
        chosen = next(one for one in decision.candidates if one.deployment == decision.plan[0].deployment)
        assert chosen.probability > 0


@quick
@given(
    documents(),
    policies(kinds=("cheapest", "balanced")),
    REQUESTS,
    LIVES,
    st.sampled_from([f"d{n}" for n in range(7)]),
    st.integers(1, 10**11),
)
def test_raising_a_price_never_attracts_traffic(document, policy, inputs, live, dearer, increase):
    places = document["deployments"]
    if dearer not in places or not places[dearer]["prices"]:
        return
    before = decided(document, policy, inputs, live, 1)
    price = places[dearer]["prices"][0]
    raised = [{name: nusd + increase for name, nusd in price.items()}]
    after = decided(
        {**document, "deployments": {**places, dearer: {**places[dearer], "prices": raised}}}, policy, inputs, live, 1
    )

    def primary(decision: Decision) -> str | None:
        return decision.plan[0].deployment if decision.plan else None

    assert primary(after) != dearer or primary(before) == dearer


@quick
@given(documents(), policies(kinds=("balanced",)), REQUESTS, LIVES)
def test_removing_a_loser_never_changes_the_winner_of_balanced(document, policy, inputs, live):
    inputs = replace(inputs, fallbacks=(), only=())
    decision = decided(document, policy, inputs, live, 1)
    if not decision.plan or "cooldown_overridden" in {one.verdict for one in decision.candidates}:
        return
    winner = decision.plan[0].deployment
    for loser in (step.deployment for step in decision.plan[1:]):
        less = {name: place for name, place in document["deployments"].items() if name != loser}
        assert decided({**document, "deployments": less}, policy, inputs, live, 1).plan[0].deployment == winner


@quick
@given(policies())
def test_a_policy_document_survives_parsing_and_text(document):
    policy = parse_policy(document)

    assert parse_policy(json.loads(json.dumps(policy.document))) == policy
    assert canonical_bytes(policy.document) == canonical_bytes(document)
