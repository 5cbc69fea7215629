"""The cold-start rule of `fastest` and `most_reliable`: what has too few samples gets a small, seeded share instead of a guess."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from routerapp.engine.bucketing import u
from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, certain
from routerapp.engine.types import TraceStep
from routerapp.engine.verdicts import Verdict

EXPLORE_BELOW_SAMPLES = 5
EXPLORE_SHARE = 0.1
KEYS = ("explore_below_samples", "explore_share")


@dataclass(frozen=True, slots=True)
class ColdStart:
    explore_below_samples: int = EXPLORE_BELOW_SAMPLES
    explore_share: float = EXPLORE_SHARE


def rank_with_cold_start(
    warm: list[Option], cold: list[Option], parameters: ColdStart, moment: Moment, samples: Callable[[Option], int]
) -> Ranking:
    """warm is ranked, best first. explore_share of all requests try a cold option, drawn evenly; if all are cold, every request does.

    A cold deployment never wins by an optimistic average: all traffic would run to it before its first answer is back.
    """
    if not cold:
        return Ranking(certain(warm))
    share = parameters.explore_share if warm else 1.0
    for option in cold:
        if option.verdict is Verdict.ELIGIBLE:
            option.verdict = Verdict.COLD_START
        option.detail = {"samples": samples(option)}
        option.probability = share / len(cold)
    cold.sort(key=lambda option: (u(moment.seed, "cold_start", moment.rule_id, option.slug), option.slug))
    if warm:
        warm[0].probability = 1.0 - share
    explores = not warm or u(moment.seed, "explore", moment.rule_id, "") < share
    if not explores:
        return Ranking(warm + cold, "exact")
    step = TraceStep("strategy", cold[0].slug, Verdict.COLD_START, {"samples": samples(cold[0]), "share": share})
    return Ranking([cold[0], *warm, *cold[1:]], "exact", trace=(step,))


def read_cold_start(section: Section) -> ColdStart:
    samples = section.integer("explore_below_samples", EXPLORE_BELOW_SAMPLES, 0, 1_000)
    share = section.number("explore_share", EXPLORE_SHARE, 0, 1)
    return ColdStart(samples, EXPLORE_SHARE if share is None else share)
