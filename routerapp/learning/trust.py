"""How far what is said of single models for one prompt is believed: less where the prompt is unlike training, or its kind is not clear.

Who takes the best of several noisy predictions takes a lucky one (Smith and Winkler, "The Optimizer's Curse", 2006), so all are drawn together
towards the models' general level; the same keeps a router from doing harm among prompts of a kind that it has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

KEY = "trust"


@dataclass(frozen=True, slots=True)
class Trust:
    """share: of every prompt's relative part, 0 to 1. by_familiarity: of it lost per unit of familiarity below 1. by_label: power of the
    likeliest label's posterior that it is multiplied by."""

    share: float = 1.0
    by_familiarity: float = 0.0
    by_label: float = 0.0

    def of(self, familiarity: float, likeliest: float) -> float:
        """What the relative part is multiplied by, 0 to 1. familiarity, likeliest (the greatest posterior of a label): 0 to 1."""
        near = max(1.0 - self.by_familiarity * (1.0 - familiarity), 0.0)
        return float(self.share * near * max(likeliest, 0.0) ** self.by_label)


# Chosen on three divisions of seven public pools (docs/routing-quality.md).
TRUST = Trust(share=0.85, by_familiarity=3.0, by_label=0.5)


def trust_of(about: Mapping[str, Any]) -> Trust:
    """As training has left it; predictors from before it was known believe everything. Raises ValueError for what is none."""
    given = about.get(KEY, asdict(Trust()))
    try:
        found = Trust(**{str(name): float(value) for name, value in given.items()})
    except (AttributeError, TypeError, ValueError):
        raise ValueError(f"{KEY}: share, by_familiarity and by_label are needed, each a number.") from None
    if (
        not all(isfinite(value) and value >= 0.0 for value in (found.share, found.by_familiarity, found.by_label))
        or found.share > 1.0
    ):
        raise ValueError(f"{KEY}: share is from 0 to 1, the others are at least 0.")
    return found
