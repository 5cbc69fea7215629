"""How much each head has to say: non-negative weights fitted to predictions made outside their training folds.

Breiman, "Stacked regressions", 1996: non-negativity is what keeps a stack from trusting differences of near-equal heads.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROUNDS = 500
# Of what the stack says, how much is believed: whoever takes the best of several noisy predictions takes a lucky one (Smith and Winkler,
# "The optimizer's curse", 2006), which least squares does not know. Chosen on divisions of public pools (docs/routing-quality.md).
BELIEVED = 0.85
PULL = 1e-3


def believed(models: int) -> float:
    """The share for a pool of so many. Of two there is hardly a luckiest."""
    return BELIEVED if models > 2 else 1.0


def fit_weights(heads: Sequence[Array], target: Array) -> Array:
    """(h,) weights ≥ 0 with the least squared error where the target (n, m) is known; a weak pull to 0 decides between equals."""
    known = ~np.isnan(target)
    columns = np.stack([head[known] for head in heads], axis=1)
    gram, along = columns.T @ columns, columns.T @ target[known]
    gram = gram + np.eye(len(heads)) * PULL * max(float(np.trace(gram)) / len(heads), 1e-12)
    weights = np.zeros(len(heads))
    for _ in range(ROUNDS):
        for head in range(len(heads)):
            rest = along[head] - gram[head] @ weights + gram[head, head] * weights[head]
            weights[head] = max(rest / gram[head, head], 0.0)
    return weights


def squared_error(predicted: Array, target: Array) -> float:
    """Mean over what is known; infinite without any."""
    known = ~np.isnan(target)
    return float(np.mean((predicted[known] - target[known]) ** 2)) if known.any() else float("inf")
