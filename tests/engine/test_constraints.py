from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.engine.constraints import NO_CONSTRAINTS, parse_constraints, why_not
from routerapp.engine.estimates import Need, forecast_for, quote_for
from routerapp.engine.types import DeploymentFacts, Evidence, LanguageModelFacts, LiveDeployment, Price

NOW_MS = 1_000_000
MODEL = LanguageModelFacts("m", "M", 10_000, 2_000, True, True, True, True, {"accuracy": 0.7})
PLACE = DeploymentFacts("d", "m", "p", "openai", "m", "eu", ("eu", "de"), ("local",), prices=(Price(10**9, 2 * 10**9),))


def verdict(document=None, *, model=None, place=None, live=None, budget=None, **need):
    model, place, live = model or {}, place or {}, LiveDeployment(**(live or {}))
    deployment = DeploymentFacts(**{name: getattr(PLACE, name) for name in PLACE.__slots__} | place)
    language_model = LanguageModelFacts(**{name: getattr(MODEL, name) for name in MODEL.__slots__} | model)
    asked = Need(**{"prompt_tokens": 1_000, **need})
    quote = quote_for(deployment, forecast_for(language_model, asked, Evidence(), {}), live, NOW_MS)
    constraints = parse_constraints(document or {})
    reason = why_not(deployment, language_model, asked, constraints, live, quote, NOW_MS, budget)
    return None if reason is None else reason[0].value


@pytest.mark.parametrize(
    ("document", "situation", "expected"),
    [
        ({}, {}, None),
        ({}, {"place": {"is_enabled": False}}, "deployment_disabled"),
        ({}, {"place": {"is_draining": True}}, "draining"),
        ({"exclude": ["tag:local"]}, {}, "excluded_by_constraint"),
        ({"exclude": ["d"]}, {}, "excluded_by_constraint"),
        ({"deployments": ["other"]}, {}, "excluded_by_constraint"),
        ({"models": ["other"]}, {}, "model_not_allowed"),
        ({"providers": ["other"]}, {}, "provider_not_allowed"),
        ({"regions": ["us"]}, {}, "region_not_allowed"),
        ({"residency": ["us"]}, {}, "residency_not_allowed"),
        ({"residency": ["de", "us"]}, {}, None),
        ({"residency": [["de"], ["us"]]}, {}, "residency_not_allowed"),
        ({}, {"max_tokens": 3_000}, "output_limit_too_small"),
        ({}, {"prompt_tokens": 9_000, "max_tokens": 1_500}, "context_too_small"),
        ({}, {"prompt_tokens": 9_800}, "context_too_small"),
        ({}, {"prompt_tokens": 9_800, "max_tokens": 200}, None),
        ({}, {"tools": True, "model": {"has_tools": False}}, "missing_tools"),
        ({}, {"vision": True, "model": {"has_vision": False}}, "missing_vision"),
        ({}, {"json_schema": True, "model": {"has_json_schema": False}}, "missing_json_schema"),
        ({}, {"streaming": True, "model": {"has_streaming": False}}, "missing_streaming"),
        ({"min_quality": 0.8}, {}, "quality_too_low"),
        ({"min_quality": 0.7}, {}, None),
        ({"min_quality": 0.1}, {"model": {"scores": {}}}, "quality_unknown"),
        ({"max_cost_usd": "0.0016"}, {}, None),
        ({"max_cost_usd": "0.001599999"}, {}, "cost_too_high"),
        ({"max_cost_usd": 1}, {"place": {"prices": ()}}, "unpriced"),
        ({"max_input_usd_per_mtok": "0.5"}, {}, "price_too_high"),
        ({"max_output_usd_per_mtok": "1.5"}, {}, "price_too_high"),
        ({}, {"budget": 1_599_999}, "over_budget"),
        ({}, {"budget": 1_600_000}, None),
        ({}, {"budget": -5}, "over_budget"),
        ({}, {"budget": -5, "place": {"prices": (Price(0, 0),)}}, None),
        ({}, {"budget": 5, "place": {"prices": ()}}, "unpriced"),
        ({"max_ttft_ms": 500}, {"live": {"ttft_ewma_ms": 501}}, "too_slow"),
        ({"max_ttft_ms": 500}, {}, None),
        ({}, {"live": {"requests_left": 0}}, "rate_limited"),
        ({}, {"live": {"in_flight": 2}, "place": {"max_in_flight": 2}}, "at_capacity"),
        ({}, {"live": {"breaker": "open", "reopens_at_ms": NOW_MS + 1}}, "in_cooldown"),
        ({}, {"live": {"breaker": "open"}}, "in_cooldown"),
        ({}, {"live": {"breaker": "open", "reopens_at_ms": NOW_MS}}, None),
        ({}, {"live": {"breaker": "half_open", "probes_in_flight": 1}}, "probe_in_flight"),
        ({}, {"live": {"breaker": "half_open"}}, None),
    ],
)
def test_says_why_not(document, situation, expected):
    assert verdict(document, **situation) == expected


def test_the_order_of_the_checks_is_fixed_and_cooldown_comes_last():
    live = {"breaker": "open", "requests_left": 0}

    assert verdict({"regions": ["us"]}, live=live, prompt_tokens=99_999) == "region_not_allowed"
    assert verdict({}, live=live, prompt_tokens=99_999) == "context_too_small"
    assert verdict({}, live=live, budget=0) == "over_budget"
    assert verdict({}, live=live) == "rate_limited"


NAMES = st.lists(st.sampled_from(["a", "b", "c"]), unique=True)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "regions": NAMES,
        "residency": NAMES,
        "models": NAMES,
        "exclude": st.lists(st.sampled_from(["tag:x", "deployment:a", "model:b"]), unique=True),
        "max_cost_usd": st.sampled_from(["0.001", 0.02, 3]),
        "max_ttft_ms": st.sampled_from([100, 2_500.5]),
        "min_quality": st.sampled_from([0, 0.4, 1]),
    },
)


@given(DOCUMENTS)
def test_the_document_reads_back_to_an_equal_value(document):
    constraints = parse_constraints(document)

    assert parse_constraints(constraints.document()) == constraints


@given(DOCUMENTS, DOCUMENTS, st.sampled_from(["a", "b"]), st.sampled_from([("a",), ("b", "c"), ()]))
def test_narrowing_admits_exactly_what_both_admit(one, other, region, residency):
    both = parse_constraints(one).narrow(parse_constraints(other))
    place = {"region": region, "residency": residency, "model": "a", "slug": "a"}

    admitted = verdict(both.document(), place=place) is None
    assert admitted == (verdict(one, place=place) is None and verdict(other, place=place) is None)


def test_narrowing_by_nothing_changes_nothing():
    constraints = parse_constraints({"regions": ["eu"]})

    assert constraints.narrow(NO_CONSTRAINTS) is constraints
    assert NO_CONSTRAINTS.narrow(constraints) is constraints
