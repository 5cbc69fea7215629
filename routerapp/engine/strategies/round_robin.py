"""`round_robin`: smooth weighted round robin (nginx, ngx_http_upstream_round_robin.c): each turn all gain their weight, the winner pays the sum."""

from __future__ import annotations

from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.strategies.shares import Shares, read_shares, share_of
from routerapp.engine.types import RoundRobinAdvance


def rank_round_robin(options: list[Option], shares: Shares, moment: Moment) -> Ranking:
    """Weights of deployments that are out for now keep standing in the state, so a recovery causes no burst."""
    weights = {option.slug: int(share_of(shares, option.deployment)) for option in options}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    state = dict(moment.round_robin.get(moment.state_key, {}))
    for option in options:
        state[option.slug] = state.get(option.slug, 0) + weights[option.slug]
        option.score = float(state[option.slug])
        option.terms = {"weight": float(weights[option.slug])}
    ranked = sorted(options, key=lambda option: (not weights[option.slug], -state[option.slug], option.slug))
    state[ranked[0].slug] -= sum(weights.values())
    return Ranking(certain(ranked), effects=(RoundRobinAdvance(moment.state_key, state),))


def _parse(section: Section) -> Shares:
    return read_shares(section, whole=True)


ROUND_ROBIN = StrategyKind(("weights",), _parse, rank_round_robin)
