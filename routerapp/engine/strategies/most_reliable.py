"""`most_reliable`: by the lower end of the 95 % interval of the share of calls that succeeded (Wilson 1927), so few samples are no proof."""

from __future__ import annotations

from math import sqrt

from routerapp.engine.strategies.cold_start import KEYS, ColdStart, rank_with_cold_start, read_cold_start
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind

# normal quantile of a two-sided 95 % interval
Z = 1.959963984540054
# the moving average of success forgets: it never rests on more samples than these
MOST_SAMPLES = 50


def wilson_lower_bound(share: float, samples: int) -> float:
    """Lower end of the score interval of a share (0 to 1) seen in so many samples; 0 without any (Wilson 1927, eq. 4)."""
    if samples <= 0:
        return 0.0
    z2 = Z * Z
    middle = share + z2 / (2 * samples)
    half = Z * sqrt(share * (1 - share) / samples + z2 / (4 * samples * samples))
    return max(0.0, (middle - half) / (1 + z2 / samples))


def rank_most_reliable(options: list[Option], parameters: ColdStart, moment: Moment) -> Ranking:
    """The score is the lower bound; its term says the share itself."""
    warm: list[Option] = []
    cold: list[Option] = []
    for option in options:
        success, samples = option.live.success_ewma, option.live.success_samples
        if success is not None:
            success = min(1.0, max(0.0, success))
            option.score = wilson_lower_bound(success, min(samples, MOST_SAMPLES))
            option.terms = {"success": success}
        is_cold = success is None or samples < parameters.explore_below_samples
        (cold if is_cold else warm).append(option)
    warm.sort(key=lambda option: (-(option.score or 0.0), option.slug))
    return rank_with_cold_start(warm, cold, parameters, moment, _samples)


def _samples(option: Option) -> int:
    return option.live.success_samples


MOST_RELIABLE = StrategyKind(KEYS, read_cold_start, rank_most_reliable)
