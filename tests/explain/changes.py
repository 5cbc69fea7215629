"""Makes a suggested change by hand, in the raw documents and recorded values, as a person would; nothing of the search is used."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec.structs import replace as replaced

from routerapp.engine.config import parse_config
from routerapp.engine.decide import decide
from routerapp.engine.explain import Change
from routerapp.engine.matching import UnknownObservation
from routerapp.engine.money import format_usd
from routerapp.engine.policy import parse_policy
from routerapp.engine.situation import Situation
from routerapp.engine.types import Evidence, Inputs, Live, LiveDeployment
from routerapp.engine.vocabulary import STRATEGY_BY_KIND

_PARTS = re.compile(r"\[(\d+)\]|\.?([^.\[]+)")


@dataclass(frozen=True)
class Case:
    """A situation as documents."""

    config: dict[str, Any]
    policy: dict[str, Any]
    inputs: Inputs
    live: Live
    seed: int
    now_ms: int
    evidence: Evidence = field(default_factory=Evidence)

    def situation(self) -> Situation:
        config, policy = parse_config(self.config), parse_policy(self.policy)
        return Situation(policy, config, self.evidence, self.inputs, self.live, self.seed, self.now_ms)

    def first(self) -> str | None:
        """What is chosen, or None; also where a changed policy asks about content that was not kept."""
        one = self.situation()
        try:
            decision, _ = decide(
                one.policy, one.config, one.evidence, one.inputs, one.live, one.seed, one.now_ms, one.pinned
            )
        except UnknownObservation:
            return None
        return decision.plan[0].deployment if decision.plan else None


def changed(case: Case, change: Change, value: Any) -> Case:
    """The case with this value in place of change.before."""
    if change.kind in ("price", "score", "deployment", "model"):
        return _in_catalogue(case, change, value)
    if change.kind == "live":
        return replace(case, live=_live(case.live, change, value))
    if change.kind == "budget":
        return replace(case, live=replaced(case.live, budget_left_nusd=value))
    if change.kind == "request":
        return replace(case, inputs=_asked(case.inputs, change.field, value))
    said = format_usd(value) if change.unit.startswith("nusd") else list(value) if isinstance(value, tuple) else value
    if change.owner == "caller":
        asked = {**case.inputs.request_constraints, change.field: said}
        return replace(case, inputs=replaced(case.inputs, request_constraints=asked))
    return _in_policy(case, change, said)


def _in_catalogue(case: Case, change: Change, value: Any) -> Case:
    config = copy.deepcopy(case.config)
    live = case.live
    if change.kind == "price":
        _price(config["deployments"][change.subject], change.field, value, case.now_ms)
    elif change.kind == "score":
        config["models"][change.subject].setdefault("scores", {})[change.field] = value
    elif change.kind == "model":
        config["models"][change.subject][change.field] = value
    else:
        config["deployments"][change.subject][change.field] = value
        left = {"requests_per_minute": "requests_left", "tokens_per_minute": "tokens_left"}.get(change.field)
        state = live.deployments.get(change.subject)
        if left and state is not None and getattr(state, left) is not None:
            moved = replaced(state, **{left: max(0, getattr(state, left) + value - change.before)})
            live = replaced(live, deployments={**live.deployments, change.subject: moved})
    return replace(case, config=config, live=live)


def _price(deployment: dict[str, Any], field: str, value: int, now_ms: int) -> None:
    prices = sorted(deployment["prices"], key=lambda price: price.get("valid_from_ms", 0))
    valid = [price for price in prices if price.get("valid_from_ms", 0) <= now_ms]
    if field == "both":
        assert not valid
        prices.append({"input_nusd_per_mtok": value, "output_nusd_per_mtok": value, "valid_from_ms": now_ms})
    else:
        valid[-1][field] = value
    deployment["prices"] = prices


def _live(live: Live, change: Change, value: Any) -> Live:
    if change.field in ("last_served", "tenant_last_served"):
        return replaced(live, **{change.field: None})
    state = live.deployments.get(change.subject) or LiveDeployment()
    more: dict[str, Any] = {}
    if change.before is None:
        more = {"ttft_ewma_ms": {"ttft_samples": max(state.ttft_samples, 50)}, "success_ewma": {"success_samples": 50}}
        more = more[change.field]
    if change.field == "breaker":
        more = {"reopens_at_ms": None} | ({"probes_in_flight": 0} if value == "closed" else {})
    changed_state = replaced(state, **{**more, change.field: value})
    return replaced(live, deployments={**live.deployments, change.subject: changed_state})


def _asked(inputs: Inputs, field: str, value: Any) -> Inputs:
    if field.startswith("objective."):
        return replaced(inputs, objective={**inputs.objective, field.partition(".")[2]: value})
    if field == "only":
        return replaced(inputs, only=tuple(value))
    if field in ("prompt_tokens", "wants_tools", "has_images"):
        return replaced(inputs, features=replaced(inputs.features, **{field: value}))
    return replaced(inputs, facts=replaced(inputs.facts, **{field: value}))


def _in_policy(case: Case, change: Change, said: Any) -> Case:
    path = [int(place) if place else name for place, name in _PARTS.findall(change.field)]
    if change.subject == case.policy["policy"]:
        return replace(case, policy=_edited(case.policy, path, said))
    config = copy.deepcopy(case.config)
    if change.subject in config.get("policies", {}):
        versions = config["policies"][change.subject]["versions"]
        versions["1"] = _edited(versions["1"], path, said)
    else:
        key = config["callers"][change.subject]
        key["constraints"] = _edited(key.get("constraints", {}), path, said)
    return replace(case, config=config)


def _edited(document: dict[str, Any], path: list[Any], said: Any) -> dict[str, Any]:
    document = copy.deepcopy(document)
    inner = len(path) - 1 - path[::-1].index("strategy") if "strategy" in path else None
    if inner is not None:
        _write_defaults(document, path[: inner + 1])
    place: Any = document
    for key in path[:-1]:
        place = place[key] if isinstance(key, int) else place.setdefault(key, {})
    if (path[-1] == "sticky" and said is False) or said == []:
        place.pop(path[-1])
    else:
        place[path[-1]] = said
    return document


def _write_defaults(document: Any, path: list[Any]) -> None:
    """What a form would write out: `balanced` without weights or ranges has those of the vocabulary."""
    for key in path:
        document = document[key]
    if document.get("kind") == "balanced":
        for parameter in STRATEGY_BY_KIND["balanced"].parameters:
            if parameter.name == "ranges":
                document["ranges"] = {**copy.deepcopy(parameter.default), **document.get("ranges", {})}
            else:
                document.setdefault(parameter.name, copy.deepcopy(parameter.default))
