"""`least_busy`: the power of two choices (Mitzenmacher 2001): of two deployments drawn by weight the one with less in flight per capacity.

The single least busy of all would draw a herd: every worker that reads the same numbers sends its next requests there.
"""

from __future__ import annotations

from routerapp.engine.bucketing import exponential_race, u
from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.strategies.shares import Shares, read_shares, share_of
from routerapp.engine.types import TraceStep
from routerapp.engine.verdicts import Verdict


def rank_least_busy(options: list[Option], shares: Shares, moment: Moment) -> Ranking:
    """Equally busy: the one drawn first, so that an idle pool is used by weight. The rest follow, least busy first.

    Capacity is the most in flight that the deployment takes, else its weight. Members without weight come last, unless none has any.
    """
    weights = {option.slug: share_of(shares, option.deployment) for option in options}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    loads = {option.slug: _load(option, weights[option.slug]) for option in options}
    for option in options:
        option.score = 0.0 - loads[option.slug]
        option.terms = {"in_flight": float(option.live.in_flight), "weight": float(weights[option.slug])}
    options = sorted(options, key=lambda option: (not weights[option.slug], loads[option.slug], option.slug))
    drawable = [option for option in options if weights[option.slug]]
    if len(drawable) < 2:
        return Ranking(certain(options))
    _set_probabilities(drawable, weights, loads)
    one, other = sorted(drawable, key=lambda option: (_time(option, weights, moment), option.slug))[:2]
    winner, loser = (other, one) if loads[other.slug] < loads[one.slug] else (one, other)
    because = {"over": loser.slug, "load": loads[winner.slug], "other_load": loads[loser.slug]}
    step = TraceStep("strategy", winner.slug, Verdict.LEAST_BUSY_DRAW, because)
    return Ranking([winner, *(option for option in options if option is not winner)], "exact", trace=(step,))


def _load(option: Option, weight: float) -> float:
    """In flight per capacity; where there is no capacity at all, per one."""
    return option.live.in_flight / (option.deployment.max_in_flight or weight or 1.0)


def _time(option: Option, weights: Shares, moment: Moment) -> float:
    return exponential_race(u(moment.seed, "least_busy", moment.rule_id, option.slug), weights[option.slug])


def _set_probabilities(options: list[Option], weights: Shares, loads: Shares) -> None:
    """The exact probability of each being first; options are sorted by load, then slug.

    Drawn without replacement by weight, the ordered pair (i, j) has probability w_i/W · w_j/(W−w_i). i wins it if j is as busy or
    busier, and (j, i) if j is busier, so with R_k = W − w_k:

        p_i = w_i/W · ( Σ_{j: load_j ≥ load_i, j ≠ i} w_j / R_i  +  Σ_{j: load_j > load_i} w_j / R_j )
    """
    total = sum(weights[option.slug] for option in options)
    busier_weight = busier_odds = 0.0
    end = len(options)
    while end:
        start = end - 1
        while start and loads[options[start - 1].slug] == loads[options[end - 1].slug]:
            start -= 1
        equal = options[start:end]
        equal_weight = sum(weights[option.slug] for option in equal)
        for option in equal:
            weight = weights[option.slug]
            beaten = (busier_weight + equal_weight - weight) / (total - weight)
            option.probability = weight / total * (beaten + busier_odds)
        busier_weight += equal_weight
        busier_odds += sum(weights[option.slug] / (total - weights[option.slug]) for option in equal)
        end = start


def _parse(section: Section) -> Shares:
    return read_shares(section, whole=True)


LEAST_BUSY = StrategyKind(("weights",), _parse, rank_least_busy)
