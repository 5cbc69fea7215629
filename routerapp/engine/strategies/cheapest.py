"""`cheapest`: by the estimated cost of this request; unpriced is not free and comes last."""

from __future__ import annotations

from math import inf

from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain


def rank_cheapest(options: list[Option], parameters: None, moment: Moment) -> Ranking:
    for option in options:
        option.score = None if option.cost_nusd is None else -float(option.cost_nusd)
    return Ranking(certain(sorted(options, key=_cost)))


def _cost(option: Option) -> tuple[float, str]:
    return (inf if option.cost_nusd is None else option.cost_nusd, option.slug)


def _parse(section: Section) -> None:
    return None


CHEAPEST = StrategyKind((), _parse, rank_cheapest)
