"""From a policy to what is finally used: the matching rule, through experiment arms and sub-policies, with constraints that only narrow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from routerapp.engine.bucketing import pick_share, u, unit_hash
from routerapp.engine.config import Config
from routerapp.engine.constraints import Constraints
from routerapp.engine.extras import NO_EXTRAS, Extras, overlaid
from routerapp.engine.matching import first_match, readings_for
from routerapp.engine.policy import Policy, Rule
from routerapp.engine.readings import add_clock
from routerapp.engine.references import Reference
from routerapp.engine.types import Assignment, Inputs, PlanLimits, TraceStep
from routerapp.engine.uses import PLAIN_LIMITS, Split, Use
from routerapp.engine.verdicts import Verdict

MAX_DEPTH = 8


class Route(msgspec.Struct, frozen=True, gc=False):
    """rule: of the policy that was asked. use: at the end of the way, None if a sub-policy is missing or too deep.

    state_key: policy/rule, then arms and inner rules, as round-robin weights are kept.
    """

    rule_id: str
    rule_name: str
    use: Use | None
    constraints: Constraints
    fallbacks: tuple[Reference, ...]
    state_key: str
    limits: PlanLimits
    parameters: Mapping[str, Any]
    assignment: Assignment | None = None
    extras: Extras = NO_EXTRAS


def find_route(policy: Policy, config: Config, inputs: Inputs, seed: int, now_ms: int, trace: list[TraceStep]) -> Route:
    """Follows arms and sub-policies to a pool or a refusal. Raises UnknownObservation where a rule cannot be told."""
    readings = readings_for(policy, inputs, now_ms)
    rule = first_match(policy, readings, inputs.observations, trace)
    route = _begin(policy, rule)
    depth = 0
    while (use := route.use) is not None:
        if use.split is not None:
            route = _take_arm(route, use.split, rule.id, inputs, seed, trace)
            continue
        if use.sub_policy is None:
            return route
        inner = config.live_policy(use.sub_policy)
        depth += 1
        if inner is None or depth > MAX_DEPTH:
            return replace(route, use=None)
        trace.append(TraceStep("policy", f"{inner.slug}@{inner.version}", Verdict.SUB_POLICY_ENTERED))
        if inner.uses_clock:
            add_clock(readings, now_ms, inner.timezone)
        rule = first_match(inner, readings, inputs.observations, trace)
        route = _follow(route, rule.use, f"{inner.slug}/{rule.id}")
    return route


def _begin(policy: Policy, rule: Rule) -> Route:
    use = rule.use
    return Route(
        rule.id,
        rule.name,
        use,
        use.constraints,
        use.fallbacks,
        f"{policy.slug}/{rule.id}",
        use.limits,
        use.parameters,
        extras=use.extras,
    )


def _follow(route: Route, use: Use, step: str) -> Route:
    """Inner limits, parameters and extras win where they are set; inner fallbacks come first."""
    return replace(
        route,
        use=use,
        constraints=route.constraints.narrow(use.constraints),
        fallbacks=use.fallbacks + route.fallbacks,
        state_key=f"{route.state_key}/{step}",
        limits=route.limits if use.limits == PLAIN_LIMITS else use.limits,
        parameters={**route.parameters, **use.parameters},
        extras=overlaid(route.extras, use.extras),
    )


def _take_arm(route: Route, split: Split, rule_id: str, inputs: Inputs, seed: int, trace: list[TraceStep]) -> Route:
    """The arm of this unit: the experiment's slug salts the hash, so that experiments are independent of each other."""
    facts = inputs.facts
    unit = {"unit": facts.unit, "tenant": facts.tenant_unit, "request": None}[split.by]
    if unit is None:
        trace.append(TraceStep("strategy", split.experiment, Verdict.PER_REQUEST_UNIT))
        point = u(seed, "split", rule_id, split.experiment)
    else:
        point = unit_hash(split.experiment, unit)
    weights = {arm.name: arm.weight for arm in split.arms}
    name = pick_share(point, weights)
    probability = weights[name] / sum(weights.values())
    assignment = Assignment(split.experiment, name, unit or "per_request", probability)
    trace.append(TraceStep("strategy", split.experiment, Verdict.SPLIT_ARM, {"arm": name, "probability": probability}))
    arm = next(arm for arm in split.arms if arm.name == name)
    taken = _follow(route, arm.use, name)
    return taken if route.assignment is not None else replace(taken, assignment=assignment)
