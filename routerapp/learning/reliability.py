"""Does a predicted quality of 0.7 come true in 70 of 100? Calibration error and the table behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routerapp.learning.outcomes import Floats

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal width from 0 to 1: weight, mean predicted and mean true quality, (B, bins) each; NaN means in an empty bin."""

    weight: Floats
    predicted: Floats
    observed: Floats

    def error(self) -> Floats:
        """Expected calibration error, (B,): mean distance of the two means, by weight. Guo et al. 2017 (arXiv:1706.04599), equation 3."""
        return np.asarray((self.weight * np.nan_to_num(np.abs(self.predicted - self.observed))).sum(axis=1))


def reliability(predicted: Floats, quality: Floats, weights: Floats, bins: int = BINS) -> Reliability:
    """All (prompt, model) pairs of predicted and true quality, (n, m) each, under weights (B, n). Pairs with an unknown truth are left out."""
    known = ~np.isnan(quality)
    place = np.clip((np.clip(predicted, 0.0, 1.0) * bins).astype(np.int64), 0, bins - 1)
    sums = []
    for values in (np.ones_like(quality), np.clip(predicted, 0.0, 1.0), quality):
        per_prompt = np.stack(
            [np.where(known & (place == one), values, 0.0).sum(axis=1) for one in range(bins)], axis=1
        )
        sums.append(weights @ per_prompt)
    count, of_predicted, of_observed = sums
    empty = np.full_like(count, np.nan)
    return Reliability(
        count / count.sum(axis=1, keepdims=True),
        np.divide(of_predicted, count, out=empty.copy(), where=count > 0),
        np.divide(of_observed, count, out=empty.copy(), where=count > 0),
    )


def error_by_chance(predicted: Floats, quality: Floats, bins: int = BINS) -> float:
    """The calibration error that perfect predictions would show on outcomes as few as these: right or wrong, each by itself.

    Mean distance of a normal variable, √(2/π) standard deviations, in each bin. Outcomes of one prompt hang together, so it is a low guess.
    """
    chance = np.clip(predicted, 0.0, 1.0)[~np.isnan(quality)]
    place = np.clip((chance * bins).astype(np.int64), 0, bins - 1)
    spread = np.bincount(place, weights=chance * (1 - chance), minlength=bins)
    return float(np.sqrt(2 / np.pi) * np.sqrt(spread).sum() / max(len(chance), 1))
