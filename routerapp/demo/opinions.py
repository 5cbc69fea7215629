"""What the people of the sample traffic thought of some answers: a seeded draw, kinder to models with better scores."""

from __future__ import annotations

import random
from collections.abc import Mapping
from statistics import fmean
from typing import Any

from routerapp.engine.types import LanguageModelFacts

# Of seven people one says what they thought.
SAYING_SHARE = 0.15


class Opinions:
    """judge() draws in the order of its calls; it has a source of chance of its own, so decisions do not move."""

    def __init__(self, models: Mapping[str, LanguageModelFacts], seed: int) -> None:
        self._pleases = {slug: fmean(model.scores.values()) for slug, model in models.items() if model.scores}
        self._draw = random.Random(seed)

    def judge(self, model: str, decision_id: str) -> dict[str, Any] | None:
        """A feedback document, or None from those who say nothing."""
        speaks, likes = self._draw.random() < SAYING_SHARE, self._draw.random()
        if not speaks or model not in self._pleases:
            return None
        return {"decision_id": decision_id, "boolean": likes < self._pleases[model]}
