"""`ordered`: the order the pool is written in."""

from __future__ import annotations

from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain


def rank_ordered(options: list[Option], parameters: None, moment: Moment) -> Ranking:
    return Ranking(certain(sorted(options, key=lambda option: option.position)))


def _parse(section: Section) -> None:
    return None


ORDERED = StrategyKind((), _parse, rank_ordered)
