"""A small catalogue and short ways to ask decide() about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.config import Config, parse_config
from routerapp.engine.decide import decide
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.types import Decision, Effect, Evidence, Features, Inputs, Live, LiveDeployment, RequestFacts

NOW_MS = 1_763_892_000_000
ANYTHING: dict[str, Any] = {"pool": ["all"]}


def model(**facts: Any) -> dict[str, Any]:
    able = dict.fromkeys(("has_tools", "has_vision", "has_json_schema"), True)
    return {"name": "a model", "context_window": 100_000, **able, "scores": {"accuracy": 0.5}, **facts}


def deployment(of: str = "m", price: int | None = 1_000_000_000, **facts: Any) -> dict[str, Any]:
    prices = [] if price is None else [{"input_nusd_per_mtok": price, "output_nusd_per_mtok": price}]
    return {"model": of, "provider": "p", "kind": "openai", "upstream_model": of, "prices": prices, **facts}


def config_of(deployments: Mapping[str, Any], models: Mapping[str, Any] | None = None, **rest: Any) -> Config:
    return parse_config({"schema": 1, "models": models or {"m": model()}, "deployments": deployments, **rest})


def policy_of(use: Mapping[str, Any] = ANYTHING, rules: Any = (), **rest: Any) -> Policy:
    return parse_policy({"schema": 1, "policy": "test", "rules": list(rules), "default": use, **rest})


def strategy(kind: str, **parameters: Any) -> Policy:
    return policy_of({"pool": ["all"], "strategy": {"kind": kind, **parameters}})


def inputs_of(*, facts: Mapping[str, Any] | None = None, **features: Any) -> Inputs:
    return Inputs(Features(**{"prompt_tokens": 400, **features}), RequestFacts(**(facts or {})))


def live_of(**states: Mapping[str, Any]) -> Live:
    return Live({slug: LiveDeployment(**state) for slug, state in states.items()})


def ask(
    policy: Policy | None,
    config: Config,
    inputs: Inputs | None = None,
    live: Live | None = None,
    seed: int = 1,
    **rest: Any,
) -> Decision:
    return ask_with_effects(policy, config, inputs, live, seed, **rest)[0]


def ask_with_effects(
    policy: Policy | None,
    config: Config,
    inputs: Inputs | None = None,
    live: Live | None = None,
    seed: int = 1,
    **rest: Any,
) -> tuple[Decision, tuple[Effect, ...]]:
    return decide(policy, config, Evidence(), inputs or inputs_of(), live or Live(), seed, NOW_MS, **rest)


def plan(decision: Decision) -> list[str]:
    return [step.deployment for step in decision.plan]


def verdicts(decision: Decision) -> dict[str, str]:
    return {candidate.deployment: candidate.verdict.value for candidate in decision.candidates}


def probabilities(decision: Decision) -> dict[str, float]:
    return {candidate.deployment: candidate.probability for candidate in decision.candidates}
