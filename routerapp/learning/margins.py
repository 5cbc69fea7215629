"""Outcomes taken apart: how hard each prompt is for the pool, how good each model is, and what is left (the relative part)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Margins:
    """quality = ease (n,) + level (m,) + relative (n, m). ease is on the pool's scale of quality; levels sum to 0; relative is NaN where unknown."""

    ease: Array
    level: Array
    relative: Array


def take_apart(quality: Array) -> Margins:
    """Least squares by turns (n, m), NaN where unknown; every prompt needs one known outcome. With nothing unknown: plain means."""
    known = ~np.isnan(quality)
    filled = np.where(known, quality, 0.0)
    per_prompt, per_model = known.sum(axis=1), np.maximum(known.sum(axis=0), 1)
    level = np.zeros(quality.shape[1])
    ease = np.zeros(len(quality))
    for _ in range(1 if known.all() else ROUNDS):
        ease = (filled - np.where(known, level, 0.0)).sum(axis=1) / per_prompt
        level = (filled - np.where(known, ease[:, None], 0.0)).sum(axis=0) / per_model
        level = np.where(known.any(axis=0), level - level.mean(), 0.0)
    return Margins(ease, level, quality - ease[:, None] - level)
