"""The one decision function. Live traffic, simulation, replay and backtest all call it; it reads nothing but its arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from routerapp.engine.candidates import Survey, names, place_of
from routerapp.engine.config import Config, pool_of, standing_of
from routerapp.engine.constraints import NO_CONSTRAINTS, Constraints, parse_constraints
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
    plan = plan_of(ranking, followers, trace)
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
    if use is not None and use.kind == "balanced" and inputs.objective:
        use = replace(use, strategy_parameters=reweighted(use.strategy_parameters, inputs.objective))
    if use is not None and options:
        ranking = _rank(use, options, _moment(route, inputs, survey.live, seed), inputs.only)
    else:
        trace.append(TraceStep("pool", route.rule_id, Verdict.POOL_EMPTY))
        ranking, fallbacks = Ranking(certain(fallbacks)), []
        if not ranking.options and (slug := survey.soonest_to_reopen()) is not None:
            ranking = Ranking(certain(survey.assess((slug,), overriding=True)))
            survey.out.pop(slug)
            trace.append(TraceStep("pool", slug, Verdict.COOLDOWN_OVERRIDDEN))
    trace.extend(ranking.trace)
    if inputs.fallbacks and ranking.options:
        later = ranking.options[1:] + fallbacks
        later.sort(key=lambda option: place_of(inputs.fallbacks, option.deployment))
        return replace(ranking, options=ranking.options[:1]), later
    return ranking, fallbacks


def _rank(use: Use, options: list[Option], moment: Moment, only: tuple[str, ...]) -> Ranking:
    """By the strategy; where the caller listed models, in the order of that list, and by the strategy for each of them."""
    strategy, parameters = use.strategy, use.strategy_parameters
    if not only:
        return strategy.rank(options, parameters, moment)
    groups: dict[int, list[Option]] = {}
    for option in options:
        groups.setdefault(place_of(only, option.deployment), []).append(option)
    first, *later = (strategy.rank(groups[place], parameters, moment) for place in sorted(groups))
    followers = [option for ranking in later for option in ranking.options]
    for option in followers:
        option.probability = 0.0
    return replace(first, options=[*first.options, *followers])


def _moment(route: Route, inputs: Inputs, live: Live, seed: int) -> Moment:
    return Moment(seed, route.rule_id, route.state_key, inputs.features, inputs.facts, live.round_robin)


def _asked(route: Route, inputs: Inputs) -> Constraints:
    """The policy's constraints, narrowed by the request's own."""
    asked = inputs.request_constraints
    return route.constraints.narrow(parse_constraints(asked)) if asked else route.constraints


def _plan_limits(route: Route, constraints: Constraints) -> PlanLimits:
    ceiling = constraints.max_cost_nusd
    return route.limits if ceiling is None else msgspec.structs.replace(route.limits, max_cost_nusd=ceiling)


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
    )
