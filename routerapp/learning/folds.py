"""Cross-validation in which prompts of one group stay together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

COUNT = 5


def folds_of(groups: Sequence[str], seed: int, count: int = COUNT) -> NDArray[np.int64]:
    """(n,) the fold, 0 to count - 1, of each prompt; all prompts of a group have the same."""
    names = sorted(set(groups))
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(names))
    fold = {name: int(place) % count for name, place in zip(names, order, strict=True)}
    return np.array([fold[group] for group in groups], np.int64)
