"""The one decision function. Live traffic, simulation, replay and backtest all call it; it reads nothing but its arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from routerapp.engine.candidates import Survey, names, place_of
from routerapp.engine.caps import caps_of, trace_of
from routerapp.engine.config import Config, pool_of, standing_of
from routerapp.engine.constraints import NO_CONSTRAINTS, Constraints, parse_constraints
from routerapp.engine.extras import PLAIN_HANDLING, handling_of
from routerapp.engine.keeping import keep_or_explore, sticky_step
from routerapp.engine.matching import UnknownObservation as UnknownObservation
from routerapp.engine.matching import evaluate_policy_match as evaluate_policy_match
from routerapp.engine.plan import candidates_of, effects_of, plan_of
from routerapp.engine.policy import Policy
from routerapp.engine.references import Reference
from routerapp.engine.routes import Route, find_route
from routerapp.engine.strategies.balanced import reweighted
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, certain
from routerapp.engine.strategies.registry import RANKING_STRATEGIES
from routerapp.engine.types import ENGINE_VERSION, Decision, Effect, Evidence, Inputs, Live, PlanLimits, TraceStep
from routerapp.engine.uses import PLAIN_LIMITS, Use
from routerapp.engine.verdicts import Verdict

PINNED = "pinned"


def decide(
    policy: Policy | None,
    config: Config,
    evidence: Evidence,
    inputs: Inputs,
    live: Live,
    seed: int,
    now_ms: int,
    pinned: tuple[str, ...] | None = None,
) -> tuple[Decision, tuple[Effect, ...]]:
    """Which deployments answer this request, in which order, and why; and the state changes that follow.

    policy may be None only with pinned, the deployments a caller named. Raises UnknownObservation offline, where a rule asks about
    content that was not kept.
    """
    trace: list[TraceStep] = []
    if pinned is None and policy is not None:
        route = find_route(policy, config, inputs, seed, now_ms, trace)
    else:
        route = _pinned_route(policy, pinned or (), config, inputs, trace)
    common = _common(policy, route, config, evidence, inputs, seed)
    if route.use is not None and route.use.reject is not None:
        trace.append(TraceStep("rule", route.rule_id, Verdict.REJECTED_BY_RULE))
        return Decision(**common, outcome="rejected", reject_message=route.use.reject, trace=tuple(trace)), ()
    limits = standing_of(_asked(route, inputs), inputs.facts.key, config)
    survey = Survey(config, evidence, inputs, live, limits, now_ms)
    ranking, followers = _choose(route, survey, inputs, seed, trace)
    plan = plan_of(ranking, followers, trace, route.extras.hedge_after_ms)
    if caps := caps_of(plan, config, evidence, inputs, route.parameters):
        trace.extend(trace_of(caps))
    decision = Decision(
        **common,
        outcome="routed" if plan else "no_candidate",
        candidates=candidates_of(ranking, followers, survey.out),
        plan=plan,
        limits=_plan_limits(route, limits.constraints),
        constraints=limits.document,
        parameters=route.parameters,
        trace=tuple(trace),
    )
    return decision, effects_of(ranking)


def _choose(
    route: Route,
    survey: Survey,
    inputs: Inputs,
    seed: int,
    trace: list[TraceStep],
) -> tuple[Ranking, list[Option]]:
    """Rank the pool; if it is empty take the fallbacks in their order; if cooldown alone emptied all, the one that reopens soonest.

    Returns the ranking and what may follow it. The caller's own fallbacks put what follows in another order; under a policy they
    reach nothing that the rule does not, or a rule that keeps text at home could be talked round.
    """
    use, config = route.use, survey.config
    pool = pool_of(use.pool, config) if use is not None else ()
    extra = tuple(slug for slug in pool_of(route.fallbacks, config) if slug not in pool)
    options = survey.assess(pool)
    fallbacks = survey.assess(extra) if extra else []
    for option in fallbacks:
        option.is_fallback = True
    if use is not None and options:
        ranking = _rank(route, use, options, inputs, survey, seed)
    else:
        trace.append(TraceStep("pool", route.rule_id, Verdict.POOL_EMPTY))
        ranking, fallbacks = Ranking(certain(fallbacks)), []
        if not ranking.options and (slug := survey.soonest_to_reopen()) is not None:
            ranking = Ranking(certain(survey.assess((slug,), overriding=True)))
            survey.out.pop(slug)
            trace.append(TraceStep("pool", slug, Verdict.COOLDOWN_OVERRIDDEN))
    trace.extend(ranking.trace)
    if route.extras.sticky is not None and ranking.options:
        first = ranking.options[0].slug
        trace.append(sticky_step(route.extras.sticky, first, inputs.facts, survey.live, survey.now_ms))
    if inputs.fallbacks and ranking.options:
        later = ranking.options[1:] + fallbacks
        later.sort(key=lambda option: place_of(inputs.fallbacks, option.deployment))
        return replace(ranking, options=ranking.options[:1]), later
    return ranking, fallbacks


def _rank(route: Route, use: Use, options: list[Option], inputs: Inputs, survey: Survey, seed: int) -> Ranking:
    """By the strategy and the rule's extras; where the caller listed models, in the order of that list, so for each of them."""
    moment = Moment(
        seed,
        route.rule_id,
        route.state_key,
        inputs.features,
        inputs.facts,
        survey.live.round_robin,
        inputs.predictions,
        survey.evidence,
    )
    rank, parameters = use.strategy.rank, use.strategy_parameters
    if use.kind == "balanced" and inputs.objective:
        parameters = reweighted(parameters, inputs.objective)
    groups: dict[int, list[Option]] = {}
    if inputs.only:
        for option in options:
            groups.setdefault(place_of(inputs.only, option.deployment), []).append(option)
    first = rank(groups.pop(min(groups)) if groups else options, parameters, moment)
    if route.extras.ranks:
        first = keep_or_explore(first, route.extras, moment, survey.live, survey.now_ms)
    if not groups:
        return first
    followers = [option for place in sorted(groups) for option in rank(groups[place], parameters, moment).options]
    for option in followers:
        option.probability = 0.0
    return replace(first, options=[*first.options, *followers])


def _asked(route: Route, inputs: Inputs) -> Constraints:
    """The policy's constraints, narrowed by the request's own."""
    asked = inputs.request_constraints
    return route.constraints.narrow(parse_constraints(asked)) if asked else route.constraints


def _plan_limits(route: Route, constraints: Constraints) -> PlanLimits:
    ceiling, hedge_after_ms = constraints.max_cost_nusd, route.extras.hedge_after_ms
    if ceiling is None and hedge_after_ms is None:
        return route.limits
    return msgspec.structs.replace(route.limits, max_cost_nusd=ceiling, hedge_after_ms=hedge_after_ms)


def _pinned_route(
    policy: Policy | None, pinned: tuple[str, ...], config: Config, inputs: Inputs, trace: list[TraceStep]
) -> Route:
    """The deployments a caller named, by weight, then the fallbacks it named; the policy's own constraints hold if one is given."""
    pool = tuple(Reference("deployment", slug) for slug in pinned if slug in config.deployments)
    trace.append(TraceStep("name", PINNED, Verdict.PINNED, {"deployments": list(pinned)}))
    constraints = NO_CONSTRAINTS if policy is None else policy.constraints
    use = Use(kind="weighted", strategy=RANKING_STRATEGIES["weighted"], strategy_parameters={}, pool=pool)
    fallbacks = tuple(
        Reference("deployment", slug)
        for name in inputs.fallbacks
        for slug in sorted(config.deployments)
        if names(name, config.deployments[slug])
    )
    return Route(PINNED, PINNED, use, constraints, fallbacks, PINNED, PLAIN_LIMITS, {})


def _common(
    policy: Policy | None, route: Route, config: Config, evidence: Evidence, inputs: Inputs, seed: int
) -> dict[str, Any]:
    return dict(
        policy="" if policy is None else policy.slug,
        policy_version=0 if policy is None else policy.version,
        rule=route.rule_id,
        rule_name=route.rule_name,
        strategy="" if route.use is None else route.use.kind,
        config=config.revision,
        evidence=evidence.revision,
        seed=seed,
        engine=ENGINE_VERSION,
        features=inputs.features,
        experiment=route.assignment,
        handling=handling_of(route.extras, PLAIN_HANDLING if policy is None else policy.content),
    )
