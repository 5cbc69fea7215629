"""Promises of the extras and of the strategies by load, over situations that nobody wrote by hand."""

from __future__ import annotations

from collections import Counter
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.engine.candidates import Survey
from routerapp.engine.config import parse_config
from routerapp.engine.decide import decide
from routerapp.engine.policy import parse_policy
from routerapp.engine.strategies.registry import RANKING_STRATEGIES
from routerapp.engine.types import Decision, LastServed, Live, LiveDeployment
from tests.engine.situations import NOW_MS, inputs_of
from tests.engine.test_properties import EVIDENCE, LIVES, REQUESTS, SEEDS, decided, documents, policies

quick = settings(max_examples=20, deadline=None)
SLUGS = st.sampled_from([f"d{n}" for n in range(7)])
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "sticky": st.fixed_dictionaries(
            {}, optional={"by": st.sampled_from(["unit", "tenant"]), "first": st.sampled_from(["hash", "strategy"])}
        ),
        "explore": st.fixed_dictionaries({"share": st.sampled_from([0, 0.05, 0.5])}),
        "hedge": st.fixed_dictionaries({"after_ms": st.just(500)}),
        "cache": st.fixed_dictionaries({}, optional={"mode": st.sampled_from(["exact", "off"])}),
        "unsupported": st.sampled_from(["refuse", "drop"]),
    },
)
SERVED = st.one_of(
    st.none(), st.builds(LastServed, SLUGS, st.integers(0, 9_000), st.sampled_from([NOW_MS, NOW_MS - 10**7]))
)
UNITS = st.sampled_from([None, "u1", "u2"])


@st.composite
def situations(draw, kinds=None):
    """A document, a policy whose default has extras, inputs, live values and a seed."""
    # A cascade is refused together with what changes who is first.
    policy = draw(policies(kinds=kinds or tuple(kind for kind in (*RANKING_STRATEGIES, "split") if kind != "cascade")))
    policy["default"] |= draw(EXTRAS)
    inputs = draw(REQUESTS)
    inputs = replace(inputs, facts=replace(inputs.facts, unit=draw(UNITS), tenant_unit=draw(UNITS)))
    live = replace(draw(LIVES), last_served=draw(SERVED), tenant_last_served=draw(SERVED))
    return draw(documents()), policy, inputs, live, draw(SEEDS)


def first_of(decision: Decision) -> str | None:
    return decision.plan[0].deployment if decision.plan else None


@quick
@given(situations())
def test_extras_admit_nobody_and_probabilities_sum_to_one(situation):
    document, policy, inputs, live, seed = situation
    plain = {**policy, "default": {key: policy["default"][key] for key in ("pool", "strategy", "fallbacks")}}
    decision, without = decided(*situation), decided(document, plain, inputs, live, seed)

    def eligible(one: Decision) -> set[str]:
        return {candidate.deployment for candidate in one.candidates if candidate.eligible}

    assert eligible(decision) == eligible(without)
    assert decision.constraints == without.constraints
    assert {step.deployment for step in decision.plan} <= eligible(decision)
    assert len({step.deployment for step in decision.plan}) == len(decision.plan) == len(without.plan)
    if decision.plan:
        found = {one.deployment: one.probability for one in decision.candidates}
        assert sum(found.values()) == pytest.approx(1)
        assert found[decision.plan[0].deployment] > 0
        assert [step.role for step in decision.plan].count("hedge") == (
            "hedge" in policy["default"] and len(decision.plan) > 1
        )


@quick
@given(situations(), st.randoms(use_true_random=False))
def test_the_order_of_the_catalogue_is_irrelevant_to_extras(situation, random):
    document, *rest = situation
    names = list(document["deployments"])
    random.shuffle(names)
    shuffled = {**document, "deployments": {name: document["deployments"][name] for name in names}}

    assert decided(shuffled, *rest) == replace(decided(document, *rest), config=parse_config(shuffled).revision)


@quick
@given(situations(), SEEDS, st.permutations([f"d{n}" for n in range(7)]))
def test_a_kept_unit_stays_whatever_the_seed_the_load_and_the_order(situation, other_seed, order):
    document, policy, inputs, live, seed = situation
    decision = decided(*situation)
    if not any(step.verdict == "sticky_kept" for step in decision.trace) or inputs.only:
        return
    if any(one.verdict == "cooldown_overridden" for one in decision.candidates):
        return
    kept, places = decision.plan[0].deployment, document["deployments"]
    load = {
        slug: state if slug == kept else replace(state, in_flight=state.in_flight + 1, ttft_samples=0)
        for slug, state in live.deployments.items()
    }
    reordered = {**document, "deployments": {name: places[name] for name in order if name in places}}
    pool = [f"deployment:{name}" for name in order if name in places]
    rewritten = {**policy, "default": {**policy["default"], "pool": pool}}

    assert first_of(decided(reordered, policy, inputs, replace(live, deployments=load), other_seed)) == kept
    assert first_of(decided(document, rewritten, inputs, live, seed)) == kept


@quick
@given(documents(), policies(kinds=("headroom", "most_reliable")), REQUESTS, LIVES, SEEDS)
def test_removing_a_loser_changes_no_winner(document, policy, inputs, live, seed):
    inputs = replace(inputs, fallbacks=(), only=())
    decision = decided(document, policy, inputs, live, seed)
    if not decision.plan or "cooldown_overridden" in {one.verdict for one in decision.candidates}:
        return
    winner = decision.plan[0].deployment
    for loser in (step.deployment for step in decision.plan[1:]):
        less = {name: place for name, place in document["deployments"].items() if name != loser}
        assert first_of(decided({**document, "deployments": less}, policy, inputs, live, seed)) == winner


LOADED = {
    "d0": LiveDeployment(in_flight=3, success_ewma=0.9, success_samples=50, ttft_ewma_ms=90.0, ttft_samples=9),
    "d1": LiveDeployment(in_flight=1, success_ewma=0.99, success_samples=50, ttft_ewma_ms=70.0, ttft_samples=9),
    "d2": LiveDeployment(in_flight=1, success_ewma=1.0, success_samples=3, ttft_ewma_ms=10.0, ttft_samples=2),
}
WEIGHTED = {
    "schema": 1,
    "models": {"m": {"name": "m", "context_window": 90_000}},
    "deployments": {
        f"d{n}": {"model": "m", "provider": "p", "kind": "openai", "upstream_model": "m", "weight": n + 1}
        for n in range(4)
    },
}


@pytest.mark.parametrize(
    ("kind", "share", "count"),
    [
        ("cheapest", 0.3, 2_000),
        ("weighted", 0.3, 2_000),
        ("fastest", 0.3, 2_000),
        ("most_reliable", 0, 2_000),
        ("most_reliable", 0.3, 2_000),
        ("least_busy", 0, 4_000),
        ("least_busy", 0.3, 2_000),
    ],
)
def test_the_recorded_probability_is_the_frequency(kind, share, count):
    default = {"pool": ["all"], "strategy": {"kind": kind}, "explore": {"share": share}}
    policy, config = parse_policy({"schema": 1, "policy": "p", "default": default}), parse_config(WEIGHTED)
    inputs, live = inputs_of(), Live(LOADED)
    wins = Counter(
        decide(policy, config, EVIDENCE, inputs, live, seed, NOW_MS)[0].plan[0].deployment for seed in range(count)
    )
    decision = decide(policy, config, EVIDENCE, inputs, live, 1, NOW_MS)[0]

    for candidate in decision.candidates:
        # four standard errors of a share of 0.5
        assert wins[candidate.deployment] / count == pytest.approx(candidate.probability, abs=2 / count**0.5)


@settings(max_examples=60, deadline=None)
@given(situations(), st.integers(0, 10**9))
def test_ample_budgets_are_passed_over_without_a_difference(situation, left):
    document, policy, inputs, live, seed = situation
    situation = (
        {**document, "budgets": {"unpriced": "allow"}},
        policy,
        inputs,
        replace(live, budget_left_nusd=left),
        seed,
    )
    with pytest.MonkeyPatch.context() as patch:
        quickly = decided(*situation)
        patch.setattr(Survey, "_most_of_all", lambda self, sieve: inf)
        assert decided(*situation) == quickly
