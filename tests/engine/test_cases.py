"""Every file in tests/cases/routing is one scenario: a policy, a catalogue, a request, and what must be decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.config import parse_config
from routerapp.engine.content import Content
from routerapp.engine.decide import decide
from routerapp.engine.extras import EXTRA_KEYS
from routerapp.engine.observe import Observer
from routerapp.engine.policy import SETTINGS_KEYS, parse_policy
from routerapp.engine.strategies.registry import RANKING_STRATEGIES
from routerapp.engine.types import Decision, Evidence, Inputs, Live, RoundRobinAdvance

CASES = sorted((Path(__file__).parent.parent / "cases" / "routing").glob("*.json"))
BY_DEPLOYMENT = ("probabilities", "estimates")


def run(case: dict[str, Any]) -> dict[str, Any]:
    """What was decided, in the terms a case may expect."""
    policy = parse_policy(case["policy"])
    inputs = msgspec.convert({"features": {}, "facts": {}, **case["inputs"]}, Inputs)
    if "content" in case:
        unsaid = {"text": "", "conversation": "", "system": "", "has_images": False, "turns": 1}
        seen = Observer(policy.leaves).observe(Content(**{**unsaid, **case["content"]}), inputs.facts)
        inputs = replace(inputs, observations=seen)
    config = parse_config({"schema": 1, **case["config"]})
    live = msgspec.convert(case["live"], Live)
    evidence = msgspec.convert(case.get("evidence", {}), Evidence)
    decision, effects = decide(policy, config, evidence, inputs, live, case["seed"], case["now_ms"])
    assert msgspec.json.decode(canonical_bytes(decision), type=Decision) == decision
    return {
        "outcome": decision.outcome,
        "rule": decision.rule,
        "strategy": decision.strategy,
        "plan": [step.deployment for step in decision.plan],
        "roles": [[step.role, step.start_when] for step in decision.plan],
        "hedge_after_ms": decision.limits.hedge_after_ms,
        "handling": msgspec.to_builtins(decision.handling),
        "reject_message": decision.reject_message,
        "max_cost_nusd": decision.limits.max_cost_nusd,
        "experiment": msgspec.to_builtins(decision.experiment),
        "verdicts": {candidate.deployment: candidate.verdict.value for candidate in decision.candidates},
        "details": {candidate.deployment: dict(candidate.detail) for candidate in decision.candidates},
        "probabilities": {candidate.deployment: candidate.probability for candidate in decision.candidates},
        "estimates": {candidate.deployment: candidate.estimate.cost_nusd for candidate in decision.candidates},
        "because": {step.verdict.value: dict(step.because) for step in decision.trace},
        "trace": [[step.stage, step.subject, step.verdict.value] for step in decision.trace],
        "effects": [type(effect).__name__ for effect in effects],
        "round_robin": {
            effect.state_key: dict(effect.weights) for effect in effects if isinstance(effect, RoundRobinAdvance)
        },
    }


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_decides_as_the_case_says(path: Path) -> None:
    case = json.loads(path.read_text())

    found = run(case)

    for key, expected in case["expect"].items():
        if key == "trace":
            assert [step for step in found["trace"] if step in expected] == expected
        elif key in ("verdicts", "details", "because"):
            assert {name: found[key].get(name) for name in expected} == expected, key
        elif key in BY_DEPLOYMENT:
            assert {name: found[key].get(name) for name in expected} == pytest.approx(expected), key
        else:
            assert found[key] == expected, key


def test_there_is_a_case_for_every_strategy() -> None:
    kinds = {run(json.loads(path.read_text()))["strategy"] for path in CASES}

    assert kinds >= {*RANKING_STRATEGIES, "reject"}


def test_there_is_a_case_for_every_extra() -> None:
    documents = [json.loads(path.read_text())["policy"] for path in CASES]
    uses = [document["default"] for document in documents]

    assert {key for use in [*uses, *documents] for key in use} >= {*EXTRA_KEYS, *SETTINGS_KEYS}
