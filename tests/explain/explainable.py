"""Generated situations for explanations: the demo's catalogue in parts and prices moved about, its policies and others, features of real prompts."""

from __future__ import annotations

import copy
import json
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.features import extract_features
from routerapp.engine.policy import parse_policy
from routerapp.engine.task import default_classifier
from routerapp.engine.types import Features, Inputs, LastServed, Live, LiveDeployment, RequestFacts
from tests.explain.changes import Case

PROJECT = Path(__file__).resolve().parents[2]
DATA = PROJECT.parent / "shared" / "data" / "routing"
NOW_MS = 1_763_892_000_000
# dollars per million tokens in and out, as the demo's models were priced when this was written
PRICES = {
    "gpt-6-1-sol": (1.25, 10.0),
    "gpt-6-luna": (0.25, 2.0),
    "claude-opus-5-5": (5.0, 25.0),
    "claude-haiku-5-5": (1.0, 5.0),
    "gemini-3-5-flash": (0.3, 2.5),
    "mistral-medium-3-5": (0.4, 2.0),
    "gpt-oss-120b": (0.15, 0.6),
    "ministral-14b": (0.02, 0.05),
}
KINDS = (
    "ordered",
    "round_robin",
    "weighted",
    "least_busy",
    "headroom",
    "fastest",
    "most_reliable",
    "cheapest",
    "balanced",
    "balanced",
    "capability",
    "contextual",
    "consistent_hash",
    "split",
)


@lru_cache
def catalogue() -> dict[str, Any]:
    """The demo's chat models that have a price above, with their deployments."""
    whole = yaml.safe_load((PROJECT / "routerapp/demo/catalog.yaml").read_text("utf-8"))
    return {
        "models": [one for one in whole["models"] if one["slug"] in PRICES],
        "deployments": [one for one in whole["deployments"] if one["model"] in PRICES],
    }


@lru_cache
def demo_policies() -> tuple[dict[str, Any], ...]:
    found = yaml.safe_load((PROJECT / "routerapp/demo/policies.yaml").read_text("utf-8"))
    return tuple({"schema": 1, "policy": one["slug"], **one["document"]} for one in found)


@lru_cache
def prompt_features(count: int = 600) -> tuple[Features, ...]:
    """Of real prompts where the routing data lies beside the repository, else of the demo's own."""
    texts = [str(one["text"]) for one in yaml.safe_load((PROJECT / "routerapp/demo/prompts.yaml").read_text("utf-8"))]
    if DATA.is_dir():
        from pyarrow import parquet

        for path in sorted(DATA.glob("*.parquet")):
            column = parquet.read_table(path, columns=["prompt"])["prompt"].unique().to_pylist()
            texts += [str(text)[:6_000] for text in column[:: max(1, len(column) // (count // 4))]]
    classifier = default_classifier()
    found = []
    for text in texts[:count]:
        body = json.dumps(text).encode()
        chat = Chat("auto", {"messages": body}, ({"role": "user", "content": text},), body_bytes=len(body))
        found.append(extract_features(chat, read_content(chat), classifier))
    return tuple(found)


def a_case(random: Random) -> Case:
    config = _config(random)
    policy = _policy(random, sorted(config["deployments"]))
    if random.random() < 0.15:
        inner = {**policy, "policy": "inner"}
        config["policies"] = {"inner": {"live": 1, "versions": {"1": inner}}}
        policy = {"schema": 1, "policy": "outer", "default": {"pool": ["policy:inner"], "constraints": _limits(random)}}
    leaves = [leaf.leaf_id for one in _documents(config, policy) for leaf in parse_policy(one).leaves]
    observations = {leaf: random.random() < 0.1 for leaf in leaves}
    return Case(config, policy, _inputs(random, observations), _live(random, config), random.getrandbits(64), NOW_MS)


def _documents(config: dict[str, Any], policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [policy, *(one["versions"]["1"] for one in config.get("policies", {}).values())]


def _config(random: Random) -> dict[str, Any]:
    whole = catalogue()
    models = {
        one["slug"]: {
            "name": one["name"],
            "context_window": one["context_window"] if random.random() < 0.93 else 800,
            "max_output_tokens": one["max_output_tokens"],
            **{f"has_{flag}": random.random() < 0.9 for flag in one["flags"]},
            "has_streaming": random.random() < 0.95,
            "scores": {name: score for name, score in one["scores"].items() if random.random() < 0.9},
        }
        for one in whole["models"]
    }
    rows = random.sample(whole["deployments"], random.choice((2, 2, 3, 3, 3, 3, 4, 4, 5, 9)))
    deployments = {row["slug"]: _deployment(random, row) for row in rows}
    used = {one["model"] for one in deployments.values()}
    limits = random.choice(({},) * 6 + ({"regions": ["eu"]}, {"max_cost_usd": "0.004"}, {"models": sorted(used)[:2]}))
    return {
        "schema": 1,
        "models": {slug: model for slug, model in models.items() if slug in used},
        "deployments": deployments,
        "callers": {"web": {"constraints": limits}},
        "dimensions": list(whole["models"][0]["scores"]),
        "task_dimensions": {"code": "code", "math": "math", "writing": "creativity", "reasoning": "reasoning"},
    }


def _deployment(random: Random, row: dict[str, Any]) -> dict[str, Any]:
    dollars = [price * random.choice((0.5, 1, 1, 2)) * 1e9 for price in PRICES[row["model"]]]
    price = {"input_nusd_per_mtok": round(dollars[0]), "output_nusd_per_mtok": round(dollars[1])}
    older = {"input_nusd_per_mtok": 9, "output_nusd_per_mtok": 9, "valid_from_ms": -5}
    return {
        "model": row["model"],
        "provider": row["provider"],
        "kind": "simulated",
        "upstream_model": row["model"],
        "region": row["region"],
        "residency": row["residency"],
        "tags": row["tags"],
        "weight": random.choice((1, 1, 2, 5)),
        "prices": random.choice(([price],) * 8 + ([older, price], [])),
        "max_in_flight": random.choice((None, None, 4)),
        "requests_per_minute": random.choice((None, 60)),
        "tokens_per_minute": random.choice((None, None, 90_000)),
        "is_enabled": random.random() < 0.97,
        "is_draining": random.random() < 0.02,
    }


def _policy(random: Random, slugs: list[str]) -> dict[str, Any]:
    if random.random() < 0.2:
        document = copy.deepcopy(random.choice(demo_policies()))
        for name in ("default", *(rule["use"] for rule in document["rules"])):
            use = document["default"] if name == "default" else name
            if random.random() < 0.3 and "reject" not in use:
                use["pool"] = ["all"]
        _fit_weights(document["default"], slugs)
        return document
    rules = [_rule(random, slugs, place) for place in range(random.choice((0, 0, 1, 2)))]
    return {"schema": 1, "policy": "p", "constraints": _limits(random), "rules": rules, "default": _use(random, slugs)}


def _fit_weights(use: dict[str, Any], slugs: list[str]) -> None:
    weights = use["strategy"].get("weights", {})
    if use["strategy"]["kind"] == "weighted":
        use["strategy"]["weights"] = {slug: weight for slug, weight in weights.items() if slug in slugs} or {
            slugs[0]: 1
        }


def _rule(random: Random, slugs: list[str], place: int) -> dict[str, Any]:
    leaves = [
        {"field": "complexity", "op": random.choice(("gt", "gte", "lt", "lte")), "value": round(random.random(), 2)},
        {"field": "prompt_tokens", "op": random.choice(("gt", "lte")), "value": random.choice((50, 200, 1_000))},
        {"field": "task_confidence", "op": "between", "value": [0.2, round(random.uniform(0.3, 1), 2)]},
        {"field": "task", "op": "in", "value": ["code", "math", "question"]},
        {"not": {"field": "turns", "op": "gte", "value": random.choice((1, 2))}},
    ]
    when = random.choice((random.choice(leaves), {"all": random.sample(leaves, 2)}, {"any": random.sample(leaves, 2)}))
    use = {"reject": "no"} if random.random() < 0.05 else _use(random, slugs)
    return {"id": f"r{place}", "enabled": random.random() < 0.85, "when": when, "use": use}


def _limits(random: Random) -> dict[str, Any]:
    values = {
        "regions": random.choice((["eu"], ["us"], ["eu", "us"])),
        "residency": ["eu"],
        "providers": ["openai-demo", "mistral-demo", "local-demo"],
        "exclude": [random.choice(("tag:strong", "model:gpt-6-luna", "provider:google-demo"))],
        "max_cost_usd": random.choice((0.0005, "0.002", 0.01)),
        "max_input_usd_per_mtok": 0.5,
        "max_output_usd_per_mtok": "2.5",
        "max_ttft_ms": random.choice((400, 900)),
        "min_quality": random.choice((0.65, 0.75, 0.88)),
    }
    names = random.sample(sorted(values), random.choice((0,) * 12 + (1, 1, 2)))
    return {name: values[name] for name in names}


def _use(random: Random, slugs: list[str]) -> dict[str, Any]:
    kind = random.choice(KINDS)
    pool = random.choice((["all"],) * 6 + (["tag:hosted"], [f"deployment:{slug}" for slug in random.sample(slugs, 2)]))
    use: dict[str, Any] = {"pool": pool, "strategy": _strategy(random, kind, slugs), "constraints": _limits(random)}
    if random.random() < 0.3:
        use["fallbacks"] = random.choice((["all"], ["tag:fast"]))
    if random.random() < 0.08:
        use["explore"] = {"share": random.choice((0.05, 0.5))}
    if random.random() < 0.08:
        use["sticky"] = {"by": "unit", "first": random.choice(("hash", "strategy"))}
    return use


def _strategy(random: Random, kind: str, slugs: list[str]) -> dict[str, Any]:
    if kind == "split":
        arms = [{"name": name, "weight": random.choice((1, 3, 50)), "use": _arm(random, slugs)} for name in "abc"]
        return {"kind": kind, "experiment": "e", "arms": arms}
    parameters: dict[str, dict[str, Any]] = {
        "capability": {"weights": {"accuracy": 2, "code": 1, "ethics": 0.5}},
        "contextual": {
            "targets": {task: [f"deployment:{random.choice(slugs)}"] for task in ("code", "math", "question")},
            "min_confidence": random.choice((0.0, 0.5, 0.8)),
            "fallback": [f"deployment:{random.choice(slugs)}"],
        },
        "fastest": random.choice(({}, {"explore_share": 0.4})),
    }
    if kind == "balanced" and random.random() < 0.6:
        weights = {name: random.choice((0, 0.2, 0.5, 3)) for name in ("quality", "cost", "latency", "reliability")}
        return {"kind": kind, "weights": weights | {"quality": 0.4}}
    if kind in ("weighted", "consistent_hash", "round_robin", "least_busy") and random.random() < 0.5:
        return {"kind": kind, "weights": {slug: random.choice((1, 2, 7)) for slug in random.sample(slugs, 2)}}
    return {"kind": kind, **parameters.get(kind, {})}


def _arm(random: Random, slugs: list[str]) -> dict[str, Any]:
    return {
        "strategy": {"kind": random.choice(("ordered", "cheapest"))},
        "pool": [f"deployment:{random.choice(slugs)}", "all"],
    }


def _inputs(random: Random, observations: dict[str, bool]) -> Inputs:
    features = random.choice(prompt_features())
    facts = RequestFacts(
        key=random.choice((None, "web")),
        unit=random.choice((None, "u1", "u2")),
        stream=random.random() < 0.5,
        max_tokens=random.choice((None, None, None, 100, 100, 40_000)),
        needs_json_schema=random.random() < 0.1,
    )
    return Inputs(
        features=features,
        facts=facts,
        observations=observations,
        request_constraints=random.choice(({},) * 14 + ({"max_cost_usd": 0.001}, {"regions": ["us"]})),
        only=random.choice(((),) * 14 + (("gpt-6-luna", "gpt-oss-120b"),)),
        fallbacks=random.choice(((), (), ("gemini-3-5-flash",))),
        objective=random.choice(({}, {}, {"quality": 0.9, "cost": 0.1})),
    )


def _live(random: Random, config: dict[str, Any]) -> Live:
    states = {}
    for slug, facts in config["deployments"].items():
        samples = random.choice((0, 3, 20, 50))
        states[slug] = LiveDeployment(
            in_flight=random.choice((0, 0, 1, 4)),
            ttft_ewma_ms=round(random.uniform(120, 2_500), 3) if samples else None,
            ttft_samples=samples,
            success_ewma=round(random.uniform(0.8, 1), 4) if samples else None,
            success_samples=samples,
            breaker=random.choice(("closed",) * 12 + ("open", "half_open")),
            reopens_at_ms=NOW_MS + random.choice((-1, 5_000)),
            requests_left=facts["requests_per_minute"] and random.choice((0, 7, 7, 55, 55)),
            tokens_left=facts["tokens_per_minute"] and random.choice((10, 50_000, 50_000, 90_000)),
        )
    last = LastServed(random.choice(sorted(states)), 200, NOW_MS - 9_000) if random.random() < 0.1 else None
    return Live(states, {}, random.choice((None, None, None, None, None, 200_000, 10**10)), last)
