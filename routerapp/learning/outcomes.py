"""Prompts × models with what came out: the one table that training, baselines, metrics and simulations take.

Pure arrays: reading files is the store's, turning text into features is `reading`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outcomes:
    """n prompts, m models. quality (0 to 1), cost_usd, input_tokens, output_tokens: (n, m) float64, NaN where unknown.

    groups: prompts of one group are the same question and must stay on one side of a split. datasets, tasks, categories: one label per
    prompt, "" where none.
    """

    prompt_ids: tuple[str, ...]
    prompts: tuple[str, ...]
    groups: tuple[str, ...]
    datasets: tuple[str, ...]
    tasks: tuple[str, ...]
    categories: tuple[str, ...]
    models: tuple[str, ...]
    quality: Floats
    cost_usd: Floats
    input_tokens: Floats
    output_tokens: Floats

    def __len__(self) -> int:
        return len(self.prompts)

    def rows(self, index: Sequence[int] | NDArray[np.int64] | NDArray[np.bool_]) -> Outcomes:
        """The prompts at these positions (or where true), in that order."""
        at = np.asarray(index)
        at = np.flatnonzero(at) if at.dtype == np.bool_ else at.astype(np.int64)
        return Outcomes(
            _taken(self.prompt_ids, at),
            _taken(self.prompts, at),
            _taken(self.groups, at),
            _taken(self.datasets, at),
            _taken(self.tasks, at),
            _taken(self.categories, at),
            self.models,
            self.quality[at],
            self.cost_usd[at],
            self.input_tokens[at],
            self.output_tokens[at],
        )

    def pool(self, models: Sequence[str]) -> Outcomes:
        """Only these models, in this order; prompts that none of them answered are left out. Raises KeyError for a model that is not there."""
        missing = [model for model in models if model not in self.models]
        if missing:
            raise KeyError(missing[0])
        columns = [self.models.index(model) for model in models]
        answered = np.flatnonzero((~np.isnan(self.quality[:, columns])).sum(axis=1))
        kept = self.rows(answered)
        return Outcomes(
            kept.prompt_ids,
            kept.prompts,
            kept.groups,
            kept.datasets,
            kept.tasks,
            kept.categories,
            tuple(models),
            kept.quality[:, columns],
            kept.cost_usd[:, columns],
            kept.input_tokens[:, columns],
            kept.output_tokens[:, columns],
        )


def _taken(labels: tuple[str, ...], at: NDArray[np.int64]) -> tuple[str, ...]:
    return tuple(labels[place] for place in at.tolist())
