"""Outcomes made up for tests: small enough to check by hand, or drawn with a signal that a router can learn."""

from collections.abc import Sequence

import numpy as np

from routerapp.learning.outcomes import Floats, Outcomes


def graded(
    quality: Sequence[Sequence[float]] | Floats,
    cost_usd: Sequence[Sequence[float]] | Floats | None = None,
    *,
    groups: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    categories: Sequence[str] | None = None,
) -> Outcomes:
    """Models are named a, b, c …; prompts p0, p1 …; without costs, costs are unknown."""
    marks = np.asarray(quality, dtype=np.float64)
    costs = np.full_like(marks, np.nan) if cost_usd is None else np.asarray(cost_usd, dtype=np.float64)
    names = tuple(f"p{at}" for at in range(len(marks)))
    return Outcomes(
        names,
        names,
        tuple(groups or names),
        tuple(datasets or ("set",) * len(marks)),
        ("task",) * len(marks),
        tuple(categories or ("kind",) * len(marks)),
        tuple("abcdefghij"[: marks.shape[1]]),
        marks,
        costs,
        np.ones_like(marks),
        np.ones_like(marks),
    )


def two_kinds(prompts: int, seed: int) -> tuple[Outcomes, Floats]:
    """Half of the prompts suit model b, half model a (dear); (n, 2) vectors tell which. c is cheap and poor everywhere."""
    generator = np.random.Generator(np.random.PCG64(seed))
    kind = generator.integers(0, 2, prompts)
    chance = np.where(kind[:, None] == 0, [0.9, 0.4, 0.3], [0.5, 0.9, 0.3])
    quality = (generator.random((prompts, 3)) < chance).astype(np.float64)
    vectors = np.eye(2)[kind] + generator.normal(0, 0.1, (prompts, 2))
    costs = np.tile([0.01, 0.002, 0.001], (prompts, 1))
    outcomes = graded(quality, costs, categories=[str(one) for one in kind.tolist()])
    return outcomes, np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
