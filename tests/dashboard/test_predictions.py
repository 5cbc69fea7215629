"""What was predicted and what the gate made of it stands on the pages, and nothing of it where nobody asked."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from dashboard.prediction_lines import prediction_panel
from dashboard.presenters import candidate_lines, headline, trace_lines
from dashboard.rule_book import RuleBook
from dashboard.use_words import strategy_words
from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.config import parse_config
from routerapp.engine.decide import decide
from routerapp.engine.policy import parse_policy
from routerapp.engine.types import Decision, Evidence, Inputs, Live

CASES = Path(__file__).parents[1] / "cases" / "routing"


def decided(name: str) -> Decision:
    case = json.loads((CASES / f"{name}.json").read_text())
    decision, _ = decide(
        parse_policy(case["policy"]),
        parse_config({"schema": 1, **case["config"]}),
        msgspec.convert(case.get("evidence", {}), Evidence),
        msgspec.convert(case["inputs"], Inputs),
        Live(),
        case["seed"],
        case["now_ms"],
    )
    return msgspec.json.decode(canonical_bytes(decision), type=Decision)


def test_an_open_gate_shows_each_model_with_its_interval_and_the_cluster():
    panel = prediction_panel(decided("leaves_the_default_for_a_predicted_gain"))

    assert panel.words.startswith("Predicted to be clearly better")
    assert [line.deployment for line in panel.lines] == [
        "anthropic-claude-mid",
        "azure-gpt-large",
        "openai-gpt-large",
        "local-llama",
    ]
    best = panel.lines[0]
    assert (best.is_chosen, best.quality, best.low, best.high) == (True, 0.9, 0.860801, 0.939199)
    assert [one.name for one in panel.cluster_lines] == ["claude-mid", "gpt-large", "llama"]
    assert panel.tasks[0].name == "math"
    assert panel.predictor == "5b1e00000000"


def test_a_held_gate_says_what_held_it():
    decision = decided("keeps_the_default_within_the_margin")
    panel = prediction_panel(decision)

    assert "anthropic-claude-mid scored highest, but its gain is within the margin" in panel.facts
    assert "kept as the default" in headline(decision)


def test_what_the_panel_says_is_not_said_again_in_the_trace_and_the_candidates():
    decision = decided("keeps_the_default_within_the_margin")

    assert [line.facts for line in trace_lines(decision, RuleBook({})) if line.stage == "Strategy"] == [""]
    assert [line.facts for line in candidate_lines(decision) if "quality" in line.facts] == []


def test_a_cascade_compares_no_scores_and_its_answers_are_not_taken_rather_than_failed():
    decision = decided("cascades_from_cheap_to_dear")
    first, *_, last = decision.plan

    assert [line.facts for line in trace_lines(decision, RuleBook({})) if "of score" in line.facts] == []
    assert headline(decision, last.deployment).endswith(f"Its answer was not taken, so {last.deployment} took over.")
    assert "took over" not in headline(decision, first.deployment)


@pytest.mark.parametrize(
    ("case", "fact"),
    [
        ("sends_what_the_weak_model_can_do_to_it", "predicted 0.55, threshold 0.5"),
        ("goes_by_the_nearest_route", "similarity 0.71 to billing, threshold 0.55"),
        ("keeps_the_default_for_an_unfamiliar_prompt", "familiarity 2%"),
    ],
)
def test_other_strategies_say_what_they_went_by(case, fact):
    assert fact in prediction_panel(decided(case)).facts


def test_there_is_no_panel_where_nothing_was_predicted():
    assert prediction_panel(decided("routes_by_task")) is None
    assert prediction_panel(decided("draws_by_what_is_known_of_success")) is None


KEPT = [path for path in sorted(CASES.glob("*.json")) if "content" not in json.loads(path.read_text())]


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_every_case_can_be_shown(path):
    decision = decided(path.stem)

    prediction_panel(decision)
    assert candidate_lines(decision) is not None
    assert all(line.words for line in trace_lines(decision, RuleBook({})))


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ({"kind": "learned", "default": "model:a"}, "learned (cost–quality 0, else a)"),
        (
            {"kind": "learned", "default": "model:a", "target": {"kind": "max_usd_per_1000", "value": 2}},
            "learned (at most $2 per 1,000 requests, not solved yet, else a)",
        ),
        (
            {"kind": "threshold", "strong": "model:a", "weak": "model:b", "threshold": 0.8},
            "the weak one where good enough (b from 0.8, else a)",
        ),
        (
            {"kind": "semantic", "routes": [{"name": "billing", "targets": ["tag:cheap"]}]},
            "by meaning (billing → tagged cheap)",
        ),
        ({"kind": "semantic", "routes": 3}, "by meaning"),
    ],
)
def test_a_rule_says_in_words_how_it_is_learned(strategy, words):
    assert strategy_words(strategy) == words
