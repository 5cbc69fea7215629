"""Where a router does less well than always asking the best single model: its choices, label by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from routerapp.learning.bootstrap import Figure, figure, group_weights
from routerapp.learning.curves import choose
from routerapp.learning.grading import predictions
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.routers import Router

FEWEST_PROMPTS = 20


@dataclass(frozen=True, slots=True)
class Spot:
    """One label: how many prompts, mean quality of what was chosen less that of the model that is best overall (−1 to 1)."""

    label: str
    prompts: int
    gain: Figure


def spots(router: Router, outcomes: Outcomes, *, draws: int = 300, seed: int = 0) -> tuple[Spot, ...]:
    """Every label of the finest kind that has enough prompts, the worst first, at no regard for cost. Prompts that some model did not
    answer are left out; labels are categories, else tasks, else data sets."""
    kept = outcomes.rows(np.flatnonzero(~np.isnan(outcomes.quality).any(axis=1)))
    if not len(kept):
        return ()
    quality, cost_usd = predictions(router, kept)
    chosen = choose(quality, cost_usd, np.zeros(1))[0]
    best = int(kept.quality.mean(axis=0).argmax())
    gain = kept.quality[np.arange(len(kept)), chosen] - kept.quality[:, best]
    labels = np.asarray(labels_of(kept))
    found = [
        Spot(label, len(at), figure(group_weights([kept.groups[place] for place in at], draws, seed) @ gain[at]))
        for label in sorted(set(labels.tolist()))
        if len(at := np.flatnonzero(labels == label)) >= FEWEST_PROMPTS
    ]
    return tuple(sorted(found, key=lambda spot: (spot.gain.value or 0.0, spot.label)))


def labels_of(outcomes: Outcomes) -> Sequence[str]:
    """One label a prompt, of the first kind of which there are at least two: category, task, data set; else all alike."""
    for labels in (outcomes.categories, outcomes.tasks, outcomes.datasets):
        if len(set(labels)) > 1:
            return labels
    return outcomes.datasets
