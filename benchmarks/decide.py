"""Time of one decision by size: 10, 50, 500 deployments; 10, 100 and as many rules as a policy may have, of which the last wins; ten constraints, `balanced`, full trace.

Everything is recorded as for a live request: every rule's verdict, every candidate's terms or reason. The sizes take turns.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from typing import Any

from routerapp.engine.config import parse_config
from routerapp.engine.decide import decide
from routerapp.engine.policy import MAX_RULES
from routerapp.engine.types import Evidence, Features, Inputs, Live, LiveDeployment, RequestFacts

# As many rules as a policy may have, at most 1,000.
DEPLOYMENTS, RULES = (10, 50, 500), (10, 100, min(1_000, MAX_RULES))
# 50 deployments and 100 rules.
PROMISED_MEDIAN_US = 200
ROUNDS, SECONDS_EACH = 5, 0.25
NOW_MS = 1_760_000_000_000


def config_document(deployments: int = 50, rules: int = 100) -> dict[str, Any]:
    models = {
        f"model-{i}": {
            "name": f"Model {i}",
            "context_window": 128_000,
            "max_output_tokens": 16_000,
            "has_tools": True,
            "has_vision": True,
            "has_json_schema": True,
            "scores": {"accuracy": 0.5 + i / 60, "code": 0.4 + i / 50},
        }
        for i in range(25)
    }
    places = {
        f"deployment-{i:02}": {
            "model": f"model-{i % 25}",
            "provider": f"provider-{i % 5}",
            "kind": "openai",
            "upstream_model": "m",
            "region": "eu" if i % 10 else "us",
            "residency": ["eu", "de"],
            "max_in_flight": 100,
            "prices": [{"input_nusd_per_mtok": 10**8 * (i + 1), "output_nusd_per_mtok": 4 * 10**8 * (i + 1)}],
        }
        for i in range(deployments)
    }
    return {
        "schema": 1,
        "default_policy": "bench",
        "policies": {"bench": {"live": 1, "versions": {"1": policy_document(list(models), rules, deployments)}}},
        "models": models,
        "deployments": places,
        "callers": {"team-key": {"team": "support", "constraints": {"regions": ["eu", "us"]}}},
        "task_dimensions": {"code": "code"},
    }


def policy_document(models: list[str], rules: int, deployments: int = 50) -> dict[str, Any]:
    """Ten constraints; only the last rule matches."""
    return {
        "schema": 1,
        "policy": "bench",
        "timezone": "Europe/Berlin",
        "constraints": {
            "regions": ["eu"],
            "residency": ["de"],
            "providers": [f"provider-{i}" for i in range(5)],
            "models": models,
            "exclude": [f"deployment:deployment-{deployments - 1:02}"],
            "max_cost_usd": "0.05",
            "max_input_usd_per_mtok": "10",
            "max_output_usd_per_mtok": "40",
            "max_ttft_ms": 5_000,
            "min_quality": 0.41,
        },
        "rules": [_rule(i, is_last=i == rules - 1) for i in range(rules)],
        "default": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
    }


def _rule(number: int, *, is_last: bool) -> dict[str, Any]:
    weights = {"quality": 0.4, "cost": 0.2, "latency": 0.3, "reliability": 0.1}
    return {
        "id": f"r{number}",
        "name": f"rule {number}",
        "when": {
            "all": [
                {"field": "task", "op": "in", "value": ["code", "math"]},
                {"field": "complexity", "op": "gte", "value": 0.5 if is_last else 0.9},
                {"field": "hour", "op": "between", "value": [0, 23]},
            ]
        },
        "use": {"pool": ["all"], "strategy": {"kind": "balanced", "weights": weights}},
    }


def situation(deployments: int = 50) -> tuple[Inputs, Live]:
    features = Features(
        prompt_tokens=700, task="code", task_confidence=0.9, complexity=0.63, language="en", has_code=True
    )
    facts = RequestFacts(
        key="team-key", team="support", tags=("web",), metadata={"app": "desk"}, stream=True, unit="ab12"
    )
    states = {
        f"deployment-{i:02}": LiveDeployment(i % 7, 200.0 + 13 * i, 50, 0.99, 50, requests_left=500)
        for i in range(deployments)
    }
    return Inputs(features, facts), Live(states, {}, 10**12)


def measure() -> dict[str, Any]:
    """Median and 99th percentile of decide(), in microseconds, with the collector on."""
    sizes = [(deployments, rules) for deployments in DEPLOYMENTS for rules in RULES]
    deciders = {size: _decider(*size) for size in sizes}
    samples: dict[tuple[int, int], list[float]] = {size: [] for size in sizes}
    gc.collect()
    gc.freeze()
    for number in range(ROUNDS):
        for size, decide_once in deciders.items():
            ends = time.perf_counter() + SECONDS_EACH
            while (began := time.perf_counter()) < ends:
                decide_once(len(samples[size]))
                if number:
                    samples[size].append((time.perf_counter() - began) * 1e6)
    gc.unfreeze()
    figures: dict[str, Any] = {}
    for (deployments, rules), times in samples.items():
        middle, late = statistics.median(times), statistics.quantiles(times, n=100)[98]
        figures[f"decide, {deployments} deployments, {rules:,} rules, median / p99 µs"] = f"{middle:,.1f} / {late:,.1f}"
    base = statistics.median(samples[50, 10])
    figures["100 rules against 10, 50 deployments"] = round(statistics.median(samples[50, 100]) / base, 2)
    figures[f"{RULES[-1]:,} rules against 10, 50 deployments"] = round(
        statistics.median(samples[50, RULES[-1]]) / base, 2
    )
    return {**figures, "promised median with 50 deployments and 100 rules, µs": PROMISED_MEDIAN_US}


def _decider(deployments: int, rules: int) -> Callable[[int], object]:
    config = parse_config(config_document(deployments, rules))
    policy = config.live_policy("bench")
    inputs, live = situation(deployments)
    evidence = Evidence(token_correction={"model-1": 1.1}, expected_output_tokens={"*|*": 350.0})
    decision, _ = decide(policy, config, evidence, inputs, live, 1, NOW_MS)
    assert decision.outcome == "routed" and decision.rule == f"r{rules - 1}", decision.outcome
    return lambda seed: decide(policy, config, evidence, inputs, live, seed, NOW_MS + seed)
