"""`headroom`: by the free share of the deployment's own limits this minute, so that limits far apart in size fill up evenly."""

from __future__ import annotations

from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain


def rank_headroom(options: list[Option], parameters: None, moment: Moment) -> Ranking:
    """The smaller of the free shares of requests and of tokens per minute; a limit that is not set is wholly free."""
    for option in options:
        live, deployment = option.live, option.deployment
        requests = free_share(live.requests_left, deployment.requests_per_minute)
        tokens = free_share(live.tokens_left, deployment.tokens_per_minute)
        option.terms = {"requests": requests, "tokens": tokens}
        option.score = min(requests, tokens)
    return Ranking(certain(sorted(options, key=lambda option: (-(option.score or 0.0), option.slug))))


def free_share(left: int | None, limit: int | None) -> float:
    """What is left of a limit, 0 to 1. Nothing counted yet is all of it."""
    if limit is None or left is None:
        return 1.0
    return min(1.0, max(0, left) / limit) if limit > 0 else 0.0


def _parse(section: Section) -> None:
    return None


HEADROOM = StrategyKind((), _parse, rank_headroom)
