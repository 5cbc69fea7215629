"""Models by dimensions: every score with where it comes from. A missing score is unknown, which is not zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from dashboard.learned_scores import LearnedLine, learned_lines
from routerapp.models import CapabilityScore, Dimension, LanguageModel, ScoreKind


@dataclass(frozen=True, slots=True)
class Cell:
    """score is None where nobody has given one, learned where use taught nothing. level: 0 to 10, for the shade."""

    model: LanguageModel
    dimension: Dimension
    score: CapabilityScore | None
    learned: LearnedLine | None = None

    @property
    def id(self) -> str:
        return f"score-{self.model.slug}-{self.dimension.slug}"

    @property
    def percent(self) -> float:
        return round(self.score.value * 100, 1) if self.score else 0.0

    @property
    def shown(self) -> str:
        """Two decimals at least, four at most."""
        if self.score is None:
            return ""
        text = f"{self.score.value:.4f}".rstrip("0")
        return text if len(text.partition(".")[2]) >= 2 else f"{self.score.value:.2f}"

    @property
    def level(self) -> str:
        """For the shade: 0 to 10, or unknown."""
        return "unknown" if self.score is None else str(round(self.score.value * 10))

    @property
    def age(self) -> str:
        """How long ago it was measured."""
        if self.score is None:
            return ""
        days = (timezone.now().date() - self.score.measured_at).days
        return "today" if days < 1 else f"{days:,} day{'' if days == 1 else 's'} ago"

    @property
    def provenance(self) -> str:
        """Where the number comes from, in one line."""
        if self.score is None:
            return f"{self.dimension.name}: unknown"
        score = self.score
        parts = [score.get_source_display(), f"{score.measured_at:%Y-%m-%d} ({self.age})"]
        if score.low is not None and score.high is not None:
            parts.insert(0, f"95 % between {score.low:.2f} and {score.high:.2f}")
        return ", ".join([*parts, score.note] if score.note else parts)


def capability_table(models: Sequence[LanguageModel], sorted_by: str = "") -> dict[str, Any]:
    """dimensions, and one row of cells a model: by name, or best first by one dimension, unknown last."""
    dimensions = list(Dimension.objects.all())
    scores = {
        (score.language_model_id, score.dimension_id): score
        for score in CapabilityScore.objects.filter(language_model__in=models)
    }
    learned = learned_lines(models)
    rows: list[dict[str, Any]] = [
        {
            "model": model,
            "cells": [
                Cell(
                    model,
                    dimension,
                    scores.get((model.pk, dimension.pk)),
                    learned.get((model.slug, ScoreKind.DIMENSION.value, dimension.slug)),
                )
                for dimension in dimensions
            ],
        }
        for model in models
    ]
    if sorted_by in {dimension.slug for dimension in dimensions}:
        rows.sort(key=lambda row: _rank(row["cells"], sorted_by))
    else:
        sorted_by = ""
    known = [cell for row in rows for cell in row["cells"] if cell.score]
    has_learned = any(cell.learned for row in rows for cell in row["cells"])
    return {
        "dimensions": dimensions,
        "rows": rows,
        "sorted_by": sorted_by,
        "known": known,
        "has_learned": has_learned,
    }


def _rank(cells: Sequence[Cell], slug: str) -> tuple[bool, float]:
    """By what a person gave, else by what use taught: as decisions do."""
    cell = next(cell for cell in cells if cell.dimension.slug == slug)
    if cell.score:
        return False, -cell.score.value
    return cell.learned is None, -(cell.learned.row.mean if cell.learned else 0.0)


def load_cell(model_slug: str, dimension_slug: str) -> Cell | None:
    model = LanguageModel.objects.filter(slug=model_slug, archived_at=None).first()
    dimension = Dimension.objects.filter(slug=dimension_slug).first()
    if model is None or dimension is None:
        return None
    score = CapabilityScore.objects.filter(language_model=model, dimension=dimension).first()
    learned = learned_lines([model]).get((model.slug, ScoreKind.DIMENSION.value, dimension.slug))
    return Cell(model, dimension, score, learned)
