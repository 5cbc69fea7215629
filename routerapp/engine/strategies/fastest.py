"""`fastest`: by the moving average of time to first token; deployments with too few samples get a small, seeded share instead of a guess."""

from __future__ import annotations

from routerapp.engine.strategies.cold_start import KEYS, ColdStart, rank_with_cold_start, read_cold_start
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind


def rank_fastest(options: list[Option], parameters: ColdStart, moment: Moment) -> Ranking:
    warm: list[Option] = []
    cold: list[Option] = []
    for option in options:
        ttft_ms = option.ttft_ms
        is_cold = ttft_ms is None or option.live.ttft_samples < parameters.explore_below_samples
        (cold if is_cold else warm).append(option)
        option.score = None if ttft_ms is None else -ttft_ms
    warm.sort(key=lambda option: (option.ttft_ms or 0.0, option.slug))
    return rank_with_cold_start(warm, cold, parameters, moment, _samples)


def _samples(option: Option) -> int:
    return option.live.ttft_samples


FASTEST = StrategyKind(KEYS, read_cold_start, rank_fastest)
