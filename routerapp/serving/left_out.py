"""A predictor meets what it has never seen: each category is left out of training in turn, and measured alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.weak_spots import labels_of
from routerapp.serving.learned_router import train
from routerapp.serving.routing_report import best_single

MOST_LABELS = 14
FEWEST_PROMPTS = 30
MOST_TRAINED_ON = 4_000
DRAWS = 200


def leave_one_out(outcomes: Outcomes, *, seed: int, progress: Callable[[float, str], None]) -> list[dict[str, Any]]:
    """Per label of the most frequent ones: how the gated router does there when trained on all the others. Empty with fewer than two labels."""
    labels = np.asarray(labels_of(outcomes))
    complete = ~np.isnan(outcomes.quality).any(axis=1)
    counted = Counter(labels[complete].tolist())
    chosen = [label for label, prompts in counted.most_common(MOST_LABELS) if prompts >= FEWEST_PROMPTS]
    if len(counted) < 2:
        return []
    found = []
    for place, label in enumerate(chosen):
        told = partial(_tell, progress, place, len(chosen), label)
        found.append(_left_out(outcomes, labels, label, seed, told))
    return found


def _tell(progress: Callable[[float, str], None], place: int, number: int, label: str, part: float) -> None:
    progress((place + part) / number, f"Leaving out {label[:60]}")


def _left_out(
    outcomes: Outcomes, labels: NDArray[np.str_], label: str, seed: int, progress: Callable[[float], None]
) -> dict[str, Any]:
    """Trained on every other label, on MOST_TRAINED_ON of their prompts drawn at random where there are more; measured on this one."""
    progress(0.0)
    asked = outcomes.rows(labels == label)
    here = set(asked.groups)
    others = np.flatnonzero((labels != label) & np.array([group not in here for group in outcomes.groups]))
    if len(others) > MOST_TRAINED_ON:
        drawn = np.random.Generator(np.random.PCG64(seed)).choice(others, MOST_TRAINED_ON, replace=False)
        others = np.sort(drawn)
    rest = outcomes.rows(others)
    learned = train(rest, seed=seed, progress=lambda part, words: progress(part))
    report = evaluate(learned.gated(best_single(rest)), asked, draws=DRAWS, seed=seed).as_json()
    figures = report["figures"]
    return {
        "label": label,
        "prompts": report["prompts"],
        "perf_gain": figures["perf_gain"],
        "cost_save": figures.get("cost_save"),
    }
