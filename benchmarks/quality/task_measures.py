"""How good a task classifier and a complexity are: accuracy, abstention, calibration, rank correlation, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRAWS = 1_000
BINS = 10


def judged(true: Sequence[str], said: Sequence[str], confidence: Array, seed: int = 0) -> dict[str, object]:
    """said: "unknown" where it abstains, which is never right. ECE: of the confidence where it answers."""
    right = np.array([a == b for a, b in zip(true, said, strict=True)], dtype=np.float64)
    answered = np.array([one != "unknown" for one in said])
    generator = np.random.Generator(np.random.PCG64(seed))
    draws = generator.integers(0, len(right), (DRAWS, len(right)))
    low, high = np.quantile(right[draws].mean(axis=1), (0.025, 0.975))
    return {
        "prompts": len(right),
        "accuracy": round(float(right.mean()), 3),
        "interval": [round(float(low), 3), round(float(high), 3)],
        "where it answers": round(float(right[answered].mean()), 3) if answered.any() else None,
        "abstains": round(float(1 - answered.mean()), 3),
        "calibration error": round(calibration_error(confidence[answered], right[answered]), 3),
    }


def by_name(names: Sequence[str], true: Sequence[str], said: Sequence[str]) -> dict[str, float]:
    """Accuracy within each group of prompts."""
    rows = list(zip(names, true, said, strict=True))
    return {
        name: round(float(np.mean([a == b for other, a, b in rows if other == name])), 3) for name in sorted(set(names))
    }


def calibration_error(confidence: Array, right: Array) -> float:
    place = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    apart = [abs(confidence[place == b].mean() - right[place == b].mean()) * (place == b).mean() for b in set(place)]
    return float(sum(apart))


def rank_correlation(first: Array, second: Array, groups: Sequence[str], seed: int = 0) -> dict[str, object]:
    """Spearman's, with a bootstrap interval over groups."""
    names = {name: at for at, name in enumerate(sorted(set(groups)))}
    member = np.array([names[group] for group in groups])
    generator = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(200):
        times = np.bincount(generator.integers(0, len(names), len(names)), minlength=len(names))[member]
        rows = np.repeat(np.arange(len(member)), times)
        found.append(_spearman(first[rows], second[rows]))
    low, high = np.quantile(found, (0.025, 0.975))
    return {"spearman": round(_spearman(first, second), 3), "interval": [round(float(low), 3), round(float(high), 3)]}


def _spearman(first: Array, second: Array) -> float:
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Array) -> Array:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[place])
