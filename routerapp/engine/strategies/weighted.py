"""`weighted`: at random by weight, as a race of exponential draws, so that a new candidate moves nobody else's draw."""

from __future__ import annotations

from routerapp.engine.bucketing import exponential_race, u
from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind
from routerapp.engine.strategies.shares import Shares, read_shares, share_of


def rank_weighted(options: list[Option], shares: Shares, moment: Moment) -> Ranking:
    """Probability is weight / sum, exactly; members without weight come last and get no first place unless none has any."""
    weights = {option.slug: share_of(shares, option.deployment) for option in options}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1.0)
    total = sum(weights[slug] for slug in sorted(weights))
    times = {
        slug: exponential_race(u(moment.seed, "weighted", moment.rule_id, slug), weight)
        for slug, weight in weights.items()
    }
    for option in options:
        option.probability = weights[option.slug] / total
        option.terms = {"weight": float(weights[option.slug])}
    return Ranking(sorted(options, key=lambda option: (times[option.slug], option.slug)), "exact")


def _parse(section: Section) -> Shares:
    return read_shares(section)


WEIGHTED = StrategyKind(("weights",), _parse, rank_weighted)
