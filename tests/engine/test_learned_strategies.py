"""Promises of the strategies that go by predictions and by what outcomes taught."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from routerapp.engine.beta import chances_of_highest, quantile, table
from routerapp.engine.cost_quality import cost_quality_of, lambda_of
from routerapp.engine.decide import decide
from routerapp.engine.types import Decision, Evidence, Inputs, Live, ModelPrediction, Predictions
from tests.engine.situations import NOW_MS, ask, config_of, deployment, inputs_of, model, plan, policy_of

quick = settings(max_examples=40, deadline=None)
MODELS = {f"m{n}": model() for n in range(5)}
DEFAULT = {"kind": "learned", "default": "model:m0"}


def catalogue(prices, scores=()):
    models = {**MODELS, **{slug: model(scores={"accuracy": score}) for slug, score in dict(scores).items()}}
    return config_of({f"d{n}": deployment(f"m{n}", price) for n, price in enumerate(prices)}, models)


def predicted(*qualities, sd=0.02, inputs: Inputs | None = None, **rest) -> Inputs:
    models = {
        f"m{n}": ModelPrediction(quality, sd, 300.0) for n, quality in enumerate(qualities) if quality is not None
    }
    return replace(inputs or inputs_of(task="math"), predictions=Predictions("sha", models, **rest))


def learned(**parameters):
    return policy_of({"pool": ["all"], "strategy": {**DEFAULT, **parameters}})


def step(decision: Decision):
    return next(one for one in decision.trace if one.stage == "strategy")


DEAR, CHEAP = 20_000_000_000, 500_000_000
KNOBS = st.sampled_from([0, 0.3, 0.5, 0.7, 1])
QUALITIES = st.lists(st.one_of(st.none(), st.floats(0, 1).map(lambda one: round(one, 4))), min_size=3, max_size=5)


def test_the_map_of_the_knob_is_monotone_and_has_its_way_back():
    marks = [lambda_of(knob / 100) for knob in range(101)]

    assert marks == sorted(set(marks))
    assert (marks[0], marks[-1]) == (0.0, 999.999)
    assert [cost_quality_of(mark) for mark in marks] == pytest.approx([knob / 100 for knob in range(101)], abs=1e-6)


def test_the_price_of_the_default_decides_who_takes_its_place():
    prices, said = (DEAR, CHEAP, CHEAP // 10), predicted(0.8, 0.79, 0.6)

    assert plan(ask(learned(), catalogue(prices), said))[0] == "d0"
    assert plan(ask(learned(cost_quality=0.6), catalogue(prices), said))[0] == "d1"
    assert plan(ask(learned(cost_quality=1, max_loss=1), catalogue(prices), said))[0] == "d2"
    assert plan(ask(learned(cost_quality=1, max_loss=0.005), catalogue(prices), said))[0] == "d0"


def test_a_cautious_gate_asks_more_of_a_gain_nobody_is_sure_of():
    unsure = predicted(0.5, 0.6, sd=0.1)

    assert plan(ask(learned(), catalogue((1, 1)), unsure))[0] == "d1"
    decision = ask(learned(cautious=True), catalogue((1, 1)), unsure)
    assert plan(decision)[0] == "d0"
    assert (step(decision).verdict, step(decision).because["held_by"]) == ("gate_held", "standard_error")
    assert plan(ask(learned(cautious=True), catalogue((1, 1)), predicted(0.5, 0.6, sd=0.02)))[0] == "d1"


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        (inputs_of(), "not_predicted"),
        (predicted(), "not_predicted"),
        (predicted(None, 0.9), "not_predicted"),
        (predicted(0.1, 0.9, familiarity=0.0), "unfamiliar_prompt"),
        (predicted(0.9, 0.1), "default_is_best"),
    ],
)
def test_the_default_stays_where_nothing_speaks_against_it(said, verdict):
    decision = ask(learned(), catalogue((DEAR, CHEAP)), said)

    assert plan(decision) == ["d0", "d1"]
    assert step(decision).verdict == verdict


def test_without_its_default_the_best_score_is_first():
    config = config_of(
        {"d1": deployment("m1"), "d2": deployment("m2"), "gone": deployment("m0", is_enabled=False)}, MODELS
    )
    decision = ask(learned(), config, predicted(0.99, 0.5, 0.7))

    assert plan(decision) == ["d2", "d1"]
    assert step(decision).verdict == "default_not_eligible"


def test_unpriced_is_not_free():
    config = catalogue((DEAR, None))

    assert plan(ask(learned(cost_quality=0.8), config, predicted(0.5, 0.9)))[0] == "d0"
    assert plan(ask(learned(), config, predicted(0.5, 0.9)))[0] == "d1"


def test_another_place_of_the_same_model_needs_no_margin():
    config = config_of({"a": deployment("m0", DEAR), "b": deployment("m0", DEAR - 1_000)}, MODELS)

    assert (
        plan(
            ask(
                policy_of({"pool": ["all"], "strategy": {**DEFAULT, "default": "deployment:a", "cost_quality": 0.1}}),
                config,
                predicted(0.5),
            )
        )[0]
        == "b"
    )


@quick
@given(QUALITIES, st.lists(st.integers(0, 10**11), min_size=5, max_size=5), KNOBS, st.booleans())
def test_removing_a_loser_and_making_it_dearer_changes_no_winner(qualities, prices, knob, cautious):
    policy, said = learned(cost_quality=knob, cautious=cautious), predicted(*qualities)
    count = len(qualities)
    winner = plan(ask(policy, catalogue(prices[:count]), said))[0]

    for loser in range(1, count):
        if f"d{loser}" == winner:
            continue
        dearer = [price * 3 + 1 if n == loser else price for n, price in enumerate(prices[:count])]
        less = config_of({f"d{n}": deployment(f"m{n}", prices[n]) for n in range(count) if n != loser}, MODELS)
        assert plan(ask(policy, catalogue(dearer), said))[0] == winner
        assert plan(ask(policy, less, said))[0] == winner


@quick
@given(QUALITIES, st.lists(st.integers(0, 10**11), min_size=5, max_size=5))
def test_turning_the_knob_to_cost_never_chooses_a_dearer_one_over_the_same_default(qualities, prices):
    config, said = catalogue(prices[: len(qualities)]), predicted(*qualities)
    costs = []
    for knob in (0, 0.25, 0.5, 0.75, 1):
        decision = ask(learned(cost_quality=knob, margin=0, max_loss=1), config, said)
        chosen = decision.candidates[0]
        costs.append(chosen.estimate.cost_nusd)

    assert costs == sorted(costs, reverse=True)


def test_terms_sum_to_the_score_and_cost_is_priced_at_the_predicted_length():
    said = replace(inputs_of(), predictions=Predictions("sha", {"m0": ModelPrediction(0.8, 0.01, 1_000.0)}))
    candidate = ask(learned(cost_quality=0.5), catalogue((10**9,)), said).candidates[0]

    assert candidate.estimate.output_tokens == 1_000
    assert candidate.estimate.cost_nusd == 1_400_000
    assert sum(candidate.terms.values()) == pytest.approx(candidate.score)


@pytest.mark.parametrize(
    ("qualities", "parameters", "first"),
    [
        ((0.9, 0.7), {}, "d1"),
        ((0.9, 0.69), {}, "d0"),
        ((0.9, 0.69), {"solved": {"threshold": 0.6}}, "d1"),
        ((0.9, 0.85), {"on": "relative", "threshold": 0.95}, "d0"),
        ((0.9, 0.86), {"on": "relative", "threshold": 0.95}, "d1"),
        ((0.0, 0.0), {"on": "relative", "threshold": 1}, "d1"),
        ((0.9, None), {}, "d0"),
    ],
)
def test_threshold_asks_whether_the_weak_one_is_good_enough(qualities, parameters, first):
    policy = policy_of(
        {"pool": ["all"], "strategy": {"kind": "threshold", "strong": "model:m0", "weak": "model:m1", **parameters}}
    )

    assert plan(ask(policy, catalogue((DEAR, CHEAP)), predicted(*qualities)))[0] == first


def test_a_table_and_its_chances_are_one_distribution():
    shapes = ((30.0, 10.0), (28.0, 12.0), (1.0, 1.0), (600.0, 240.0))
    draws = [
        [quantile(shape, (n * 0.6180339887 + place * 0.31) % 1.0) for place, shape in enumerate(shapes)]
        for n in range(3_000)
    ]

    assert all(table(shape)[1][-1] == 1.0 for shape in shapes)
    assert sum(chances_of_highest(shapes)) == pytest.approx(1, abs=1e-8)
    assert chances_of_highest(((4.0, 4.0), (4.0, 4.0))) == pytest.approx((0.5, 0.5))
    means = [sum(column) / len(draws) for column in zip(*draws, strict=True)]
    assert means == pytest.approx([a / (a + b) for a, b in shapes], abs=0.01)


EVIDENCE = Evidence("e", bandit={"math|m0": (40.0, 20.0), "math|m1": (38.0, 22.0), "*|m2": (20.0, 10.0)})
TRIED = [
    ({"strategy": {"kind": "bandit", "explore_share": 0.2}}, inputs_of(task="math")),
    ({"strategy": {"kind": "bandit"}, "explore": {"share": 0.4, "margin": 0.05}}, predicted(0.8, 0.79, 0.5, 0.6)),
    ({"strategy": DEFAULT, "explore": {"share": 0.4, "margin": 0.1}}, predicted(0.8, 0.75, 0.71, 0.6)),
    ({"strategy": {"kind": "weighted"}, "explore": {"share": 0.5, "margin": 0.05}}, predicted(0.8, 0.79, 0.5, 0.78)),
    ({"strategy": {"kind": "weighted"}, "explore": {"share": 0.5, "margin": 0.0}}, predicted(0.8, 0.79, 0.5, 0.78)),
]


@pytest.mark.parametrize(("use", "said"), TRIED)
def test_propensities_sum_to_one_and_are_the_frequency_of_draws(use, said):
    policy, config = policy_of({"pool": ["all"], **use}), catalogue((10**9, 2 * 10**9, 3 * 10**9, 4 * 10**9))
    count = 1_500
    decisions = [decide(policy, config, EVIDENCE, said, Live(), seed, NOW_MS)[0] for seed in range(count)]
    wins = Counter(one.plan[0].deployment for one in decisions)

    found = {one.deployment: one.probability for one in decisions[0].candidates}
    assert sum(found.values()) == pytest.approx(1, abs=1e-8)
    for slug, probability in found.items():
        assert wins[slug] / count == pytest.approx(probability, abs=2 / count**0.5), slug
        assert probability > 0 or not wins[slug]


def test_exploration_stays_within_the_margin_of_the_best():
    use = {"pool": ["all"], "strategy": DEFAULT, "explore": {"share": 0.5, "margin": 0.1}}
    config, said = catalogue((1, 1, 1, 1)), predicted(0.8, 0.75, 0.69, 0.2)
    firsts = {ask(policy_of(use), config, said, seed=seed).plan[0].deployment for seed in range(100)}

    assert firsts == {"d0", "d1"}


@pytest.mark.parametrize("facts", [{"tags": ("critical",)}, {"metadata": {"critical": "true"}}])
@pytest.mark.parametrize("use", [one for one, _ in TRIED[:3]])
def test_nothing_is_tried_with_a_critical_prompt(use, facts):
    said = predicted(0.8, 0.79, 0.78, 0.77, inputs=inputs_of(task="math", facts=facts))
    policy, config = policy_of({"pool": ["all"], **use}), catalogue((1, 1, 1, 1))
    firsts = {decide(policy, config, EVIDENCE, said, Live(), seed, NOW_MS)[0].plan[0].deployment for seed in range(60)}

    assert firsts == {"d0"}


def test_a_bandit_without_any_answers_is_the_catalogues_best():
    policy = policy_of({"pool": ["all"], "strategy": {"kind": "bandit", "explore_share": 0}})
    config = catalogue((1, 1, 1), {"m1": 0.9})

    assert plan(ask(policy, config))[0] == "d1"


def test_what_outcomes_taught_stands_in_only_where_nobody_gave_a_score():
    evidence = Evidence("e", capabilities={"m0|accuracy": 0.1, "m1|accuracy": 0.8, "m1|law": 0.9})
    config = catalogue((1, 1), {"m0": 0.7, "m1": 0.6})
    bare = config_of({"d1": deployment("m1")}, {"m1": model(scores={})})
    policy = policy_of({"pool": ["all"], "strategy": {"kind": "balanced", "weights": {"quality": 1}}})

    def quality(of):
        return decide(policy, of, evidence, inputs_of(), Live(), 1, NOW_MS)[0].candidates[0]

    assert quality(config).terms["quality"] == 0.7
    assert quality(bare).terms["quality"] == 0.8
    assert quality(bare).detail["learned"] == ["quality"]
