"""What would go wrong if a policy went live against today's catalogue: found before, with place and reason.

Pressing publish asks this; so does every change of the catalogue, about the policies that are live.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from routerapp.engine.config import Config, pool_of, reach
from routerapp.engine.constraints import Constraints, Reason, covers, standing
from routerapp.engine.policy import Policy
from routerapp.engine.problems import Problem
from routerapp.engine.references import Reference, parse_target
from routerapp.engine.routes import MAX_DEPTH
from routerapp.engine.strategies.cascade import Cascade
from routerapp.engine.strategies.consistent_hash import ConsistentHash
from routerapp.engine.strategies.ranking import NamesTargets
from routerapp.engine.strategies.shares import share_of
from routerapp.engine.types import DeploymentFacts
from routerapp.engine.uses import Use
from routerapp.engine.verdicts import Verdict

_SHARED_KINDS = ("round_robin", "weighted", "least_busy", "consistent_hash")
_WHAT = {
    "deployment": "There is no deployment {name!r}.",
    "model": "No deployment serves a model {name!r}.",
    "provider": "No deployment belongs to a provider {name!r}.",
    "tag": "No deployment carries the tag {name!r}.",
    "all": "There is no deployment at all.",
}


@dataclass(frozen=True, slots=True)
class _Place:
    """One use of the document that ends in a pool, a refusal or another policy."""

    path: str
    use: Use


def check_publishable(policy: Policy, config: Config, policies: Mapping[str, Policy]) -> tuple[Problem, ...]:
    """Empty when it may go live. policies: the live ones by slug; policy takes the place of its own predecessor."""
    known = {**policies, policy.slug: policy}
    problems = [*_cycles(policy, known), *_named_lists(policy, config)]
    for place in _places(policy):
        if place.use.sub_policy is not None:
            problems += _check_sub_policy(place, known, config)
        elif place.use.reject is None:
            problems += _check_pool(place, config)
    return tuple(problems)


def _places(policy: Policy) -> Iterator[_Place]:
    """Enabled rules only: a disabled one may wait for what is not there."""
    for index, rule in enumerate(policy.rules):
        if rule.is_enabled:
            yield from _arms(f"rules[{index}].use", rule.use)
    yield from _arms("default", policy.default.use)


def _arms(path: str, use: Use) -> Iterator[_Place]:
    if use.split is None:
        yield _Place(path, use)
        return
    for index, arm in enumerate(use.split.arms):
        yield from _arms(f"{path}.strategy.arms[{index}].use", arm.use)


def _check_pool(place: _Place, config: Config) -> Iterator[Problem]:
    use, path = place.use, place.path
    unknown = [*_unknown(use.pool, f"{path}.pool", config), *_unknown(use.fallbacks, f"{path}.fallbacks", config)]
    yield from unknown
    pool = [config.deployments[slug] for slug in pool_of(use.pool, config)]
    if pool:
        yield from _emptied(pool, use.constraints, f"{path}.pool")
        yield from _check_strategy(use, pool, f"{path}.strategy", config)
        yield from _check_hedge(use, pool, path, config)
    for index, reference in enumerate(use.fallbacks):
        reached = [config.deployments[slug] for slug in reach(reference, config.deployments)]
        if reached and not _left(reached, use.constraints):
            words = f"{reference} never passes the constraints: {_reasons(reached, use.constraints)}."
            yield Problem(f"{path}.fallbacks[{index}]", "fallback_refused", words)


def _unknown(references: Iterable[Reference], path: str, config: Config) -> Iterator[Problem]:
    for index, reference in enumerate(references):
        if reference.kind in _WHAT and not reach(reference, config.deployments):
            yield Problem(f"{path}[{index}]", "unknown_reference", _WHAT[reference.kind].format(name=reference.name))


def _emptied(pool: list[DeploymentFacts], constraints: Constraints, path: str) -> Iterator[Problem]:
    left = _left(pool, constraints)
    if not left:
        yield Problem(path, "empty_pool", f"Nothing is left of this pool: {_reasons(pool, constraints)}.")
    elif _has_ceiling(constraints) and not any(deployment.prices for deployment in left):
        words = "No member has a price, and under a cost ceiling an unpriced deployment is never used."
        yield Problem(path, "unpriced_pool", words)


def _left(pool: list[DeploymentFacts], constraints: Constraints) -> list[DeploymentFacts]:
    return [deployment for deployment in pool if _why_never(deployment, constraints) is None]


def _why_never(deployment: DeploymentFacts, constraints: Constraints) -> Reason | None:
    """Draining passes; a price cap is held against the last known price."""
    reason = standing(replace(deployment, is_draining=False), constraints)
    if reason is not None or not deployment.prices:
        return reason
    price = deployment.prices[-1]
    for paid, cap in (
        (price.input_nusd_per_mtok, constraints.max_input_nusd_per_mtok),
        (price.output_nusd_per_mtok, constraints.max_output_nusd_per_mtok),
    ):
        if cap is not None and paid > cap:
            return Verdict.PRICE_TOO_HIGH, {}
    return None


def _reasons(pool: list[DeploymentFacts], constraints: Constraints) -> str:
    reasons = ((deployment.slug, _why_never(deployment, constraints)) for deployment in pool[:5])
    words = [f"{slug} ({reason[0].value.replace('_', ' ')})" for slug, reason in reasons if reason is not None]
    more = f" and {len(pool) - 5} more" if len(pool) > 5 else ""
    return ", ".join(words) + more


def _has_ceiling(constraints: Constraints) -> bool:
    caps = (constraints.max_cost_nusd, constraints.max_input_nusd_per_mtok, constraints.max_output_nusd_per_mtok)
    return any(cap is not None for cap in caps)


def _check_strategy(use: Use, pool: list[DeploymentFacts], path: str, config: Config) -> Iterator[Problem]:
    parameters = use.strategy_parameters
    if isinstance(parameters, NamesTargets):
        yield from _check_targets(parameters, pool, path)
    elif isinstance(parameters, Cascade):
        yield from _check_judges(parameters, use, path, config)
    elif use.kind == "capability":
        for dimension in parameters:
            if config.dimensions and dimension not in config.dimensions:
                yield Problem(
                    f"{path}.weights.{dimension}", "unknown_reference", f"There is no dimension {dimension!r}."
                )
    elif use.kind in _SHARED_KINDS:
        shares = (parameters.shares if isinstance(parameters, ConsistentHash) else parameters) or {}
        for name in shares:
            reference = parse_target(name)
            if reference is not None and not any(covers(reference, deployment) for deployment in pool):
                yield Problem(f"{path}.weights.{name}", "unknown_reference", f"{name} is no member of this pool.")
        if not any(share_of(shares, deployment) for deployment in pool):
            yield Problem(path, "no_weight", "No member of this pool has a weight above zero.")


def _check_hedge(use: Use, pool: list[DeploymentFacts], path: str, config: Config) -> Iterator[Problem]:
    """A hedge asks a second deployment, so there must be one that constraints can ever admit."""
    if use.extras.hedge_after_ms is None:
        return
    more = (config.deployments[slug] for slug in pool_of(use.fallbacks, config))
    left = {deployment.slug for deployment in _left([*pool, *more], use.constraints)}
    if len(left) == 1:
        words = f"Only {min(left)} can be reached here, so there is no second one to ask: add another or take the hedge out."
        yield Problem(f"{path}.hedge", "hedge_alone", words)


def _check_targets(parameters: NamesTargets, pool: list[DeploymentFacts], path: str) -> Iterator[Problem]:
    for key, reference in parameters.named().items():
        if not any(covers(reference, deployment) for deployment in pool):
            words = f"{reference} names no member of this pool, so it would never be chosen."
            yield Problem(f"{path}.{key}", "target_outside_pool", words)


def _check_judges(parameters: Cascade, use: Use, path: str, config: Config) -> Iterator[Problem]:
    """A judge reads what was asked and answered, so the constraints of the rule hold for it as well."""
    for index, check in enumerate(parameters.accept_if):
        if check.kind != "judge":
            continue
        place, slug = f"{path}.accept_if[{index}].value.by", str(check.value["by"]).partition(":")[2]
        judge = config.deployments.get(slug)
        if judge is None:
            yield Problem(place, "unknown_reference", f"There is no deployment {slug!r}.")
        elif (reason := _why_never(judge, use.constraints)) is not None:
            words = f"The constraints of this rule never admit {slug}: {reason[0].value.replace('_', ' ')}."
            yield Problem(place, "target_outside_pool", words)


def _check_sub_policy(place: _Place, known: Mapping[str, Policy], config: Config) -> Iterator[Problem]:
    slug = place.use.sub_policy or ""
    inner = known.get(slug)
    if inner is None:
        yield Problem(f"{place.path}.pool[0]", "unknown_reference", f"There is no published policy {slug!r}.")
        return
    yield from _unknown(place.use.fallbacks, f"{place.path}.fallbacks", config)
    for path, use in ((found.path, found.use) for found in _places(inner)):
        pool = [config.deployments[name] for name in pool_of(use.pool, config)]
        constraints = use.constraints.narrow(place.use.constraints)
        if _left(pool, use.constraints) and not _left(pool, constraints):
            words = f"These constraints leave nothing of {path} in the policy {slug!r}: {_reasons(pool, constraints)}."
            yield Problem(f"{place.path}.constraints", "empty_pool", words)


def _named_lists(policy: Policy, config: Config) -> Iterator[Problem]:
    """Names in the policy's own constraints that nothing in the catalogue has."""
    deployments = config.deployments.values()
    have = {
        "models": {*config.models, *(one.model for one in deployments)},
        "providers": {one.provider for one in deployments},
        "deployments": set(config.deployments),
        "regions": {one.region for one in deployments},
    }
    for key, names in have.items():
        for name in sorted((getattr(policy.constraints, key) or frozenset()) - names):
            yield Problem(f"constraints.{key}", "unknown_reference", f"The catalogue has no {key[:-1]} {name!r}.")


def _cycles(policy: Policy, known: Mapping[str, Policy]) -> Iterator[Problem]:
    heights: dict[str, int] = {}
    for place in _places(policy):
        if place.use.sub_policy is not None:
            way = _way_back(place.use.sub_policy, known, (policy.slug,), heights)
            if way:
                words = f"This leads round in a circle or too deep: {' → '.join(way)}."
                yield Problem(f"{place.path}.pool[0]", "policy_cycle", words)


def _way_back(slug: str, known: Mapping[str, Policy], way: tuple[str, ...], heights: dict[str, int]) -> tuple[str, ...]:
    """The way that comes back to a policy already on it, or is deeper than a decision follows; empty if there is none.

    heights: how deep the policies below one go, for those found free of circles; so each is walked once, not once per way to it.
    """
    if slug in way or len(way) > MAX_DEPTH:
        return (*way, slug)
    if slug in heights and len(way) + heights[slug] <= MAX_DEPTH:
        return ()
    inner = known.get(slug)
    below = {place.use.sub_policy for place in _places(inner)} if inner is not None else set()
    for name in sorted(filter(None, below)):
        if found := _way_back(name, known, (*way, slug), heights):
            return found
    heights[slug] = max((heights[name] + 1 for name in below if name), default=0)
    return ()
