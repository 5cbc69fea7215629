"""Intervals by resampling: whole groups of prompts are drawn again and again, every figure is worked out for all draws at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routerapp.learning.outcomes import Floats


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number with the interval of its bootstrap; None where it does not exist (or, for low and high, may not)."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def as_json(self) -> dict[str, float | None]:
        return {"value": self.value, "low": self.low, "high": self.high}


def group_weights(groups: Sequence[str], draws: int, seed: int) -> Floats:
    """Weights of n prompts, (1 + draws, n), each row adding to 1. Row 0 counts every prompt once: it gives the figure itself.

    A draw takes as many groups as there are, with replacement, and all prompts of a group together (Efron & Tibshirani 1993, chapter 8).
    Raises ValueError without prompts.
    """
    if not groups:
        raise ValueError("There is no prompt to resample.")
    _, member = np.unique(np.asarray(groups), return_inverse=True)
    number = int(member.max()) + 1
    generator = np.random.Generator(np.random.PCG64(seed))
    drawn = generator.multinomial(number, np.full(number, 1 / number), size=draws).astype(np.float64)
    weights = np.vstack([np.ones((1, len(groups))), drawn[:, member]])
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def figure(draws: Floats, level: float = 0.95) -> Figure:
    """From (1 + draws,) values to the figure and its percentile interval, six decimals. NaN is "there is none" and counts as the worst.

    So a low of None says: so often there was none that the interval has no lower end.
    """
    return Figure(*(None if value is None else round(value, 6) + 0.0 for value in _ends(draws, level)))


def cost_figure(draws: Floats, level: float = 0.95) -> Figure:
    """The same for small sums of USD: six significant digits."""
    return Figure(*(None if value is None else significant(value) for value in _ends(draws, level)))


def significant(value: float) -> float:
    """Six significant digits: enough for a cost, and the same on every machine."""
    return float(f"{value:.6g}")


def _ends(draws: Floats, level: float) -> tuple[float | None, float | None, float | None]:
    if len(draws) < 2:
        return _number(draws[0]), None, None
    ranked = np.sort(np.where(np.isnan(draws[1:]), -np.inf, draws[1:]))
    outside = (1 - level) / 2
    low, high = (ranked[round(share * (len(ranked) - 1))] for share in (outside, 1 - outside))
    return _number(draws[0]), _number(low), _number(high)


def _number(value: float) -> float | None:
    # + 0.0 makes a negative zero plain.
    return float(value) + 0.0 if np.isfinite(value) else None
