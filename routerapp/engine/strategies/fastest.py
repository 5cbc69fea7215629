"""`fastest`: by the moving average of time to first token; deployments with too few samples get a small, seeded share instead of a guess."""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.engine.bucketing import u
from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.types import TraceStep
from routerapp.engine.verdicts import Verdict

EXPLORE_BELOW_SAMPLES = 5
EXPLORE_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Fastest:
    explore_below_samples: int = EXPLORE_BELOW_SAMPLES
    explore_share: float = EXPLORE_SHARE


def rank_fastest(options: list[Option], parameters: Fastest, moment: Moment) -> Ranking:
    """Cold start: explore_share of all requests try a cold deployment, drawn evenly; if all are cold, every request does.

    A cold deployment never wins by an optimistic average: all traffic would run to it before its first answer is back.
    """
    warm: list[Option] = []
    cold: list[Option] = []
    for option in options:
        ttft_ms = option.ttft_ms
        is_cold = ttft_ms is None or option.live.ttft_samples < parameters.explore_below_samples
        (cold if is_cold else warm).append(option)
        option.score = None if ttft_ms is None else -ttft_ms
    warm.sort(key=lambda option: (option.ttft_ms or 0.0, option.slug))
    if not cold:
        return Ranking(certain(warm))
    share = parameters.explore_share if warm else 1.0
    for option in cold:
        if option.verdict is Verdict.ELIGIBLE:
            option.verdict = Verdict.COLD_START
        option.detail = {"samples": option.live.ttft_samples}
        option.probability = share / len(cold)
    cold.sort(key=lambda option: (u(moment.seed, "cold_start", moment.rule_id, option.slug), option.slug))
    if warm:
        warm[0].probability = 1.0 - share
    explores = not warm or u(moment.seed, "explore", moment.rule_id, "") < share
    if not explores:
        return Ranking(warm + cold, "exact")
    step = TraceStep(
        "strategy", cold[0].slug, Verdict.COLD_START, {"samples": cold[0].live.ttft_samples, "share": share}
    )
    return Ranking([cold[0], *warm, *cold[1:]], "exact", trace=(step,))


def _parse(section: Section) -> Fastest:
    samples = section.integer("explore_below_samples", EXPLORE_BELOW_SAMPLES, 0, 1_000)
    share = section.number("explore_share", EXPLORE_SHARE, 0, 1)
    return Fastest(samples, EXPLORE_SHARE if share is None else share)


FASTEST = StrategyKind(("explore_below_samples", "explore_share"), _parse, rank_fastest)
