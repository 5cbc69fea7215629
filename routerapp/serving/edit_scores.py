"""Capability scores of language models, and the dimensions they are given on. Editors write both."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

from django.utils import timezone

from routerapp.models import CapabilityScore, Dimension, LanguageModel, ScoreSource
from routerapp.serving.changes import changing, find, save_valid, user_of
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid
from routerapp.serving.slugs import checked_slug


def set_score(  # noqa: PLR0913 (each is a field of its own on the form)
    language_model: str,
    dimension: str,
    value: float,
    *,
    by: Actor,
    low: float | None = None,
    high: float | None = None,
    source: str = ScoreSource.MANUAL,
    note: str = "",
    measured_on: date | None = None,
) -> CapabilityScore:
    """value, low and high lie in 0..1 and in order; low and high come together or not at all."""
    subject = f"model:{language_model}"
    with changing(by, "edit_score", subject, event="set_score") as change:
        _check_interval(value, low, high)
        model = find(LanguageModel.objects.filter(archived_at=None), "language model", slug=language_model)
        scale = find(Dimension.objects.all(), "dimension", slug=dimension)
        score = CapabilityScore.objects.filter(language_model=model, dimension=scale).first()
        change.before = _values(score) if score else None
        score = score or CapabilityScore(language_model=model, dimension=scale)
        score.value, score.low, score.high, score.source, score.note = value, low, high, source, note
        score.measured_at, score.updated_by = measured_on or timezone.now().date(), user_of(by)
        save_valid(score)
        change.after = _values(score)
    return score


def remove_score(language_model: str, dimension: str, *, by: Actor) -> None:
    """Back to unknown, which is not zero."""
    with changing(by, "edit_score", f"model:{language_model}", event="remove_score") as change:
        rows = CapabilityScore.objects.filter(language_model__slug=language_model)
        score = find(rows, "score on", dimension__slug=dimension)
        change.before = _values(score)
        score.delete()


def add_dimension(slug: str, name: str, *, by: Actor, description: str = "") -> Dimension:
    with changing(by, "edit_dimension", f"dimension:{slug}", event="add_dimension") as change:
        checked_slug(slug, Dimension.objects.all(), "dimension")
        dimension = Dimension(slug=slug, name=name, description=description, position=Dimension.objects.count())
        save_valid(dimension)
        change.after = {"name": name, "description": description}
    return dimension


def edit_dimension(
    slug: str, *, by: Actor, name: str | None = None, description: str | None = None, position: int | None = None
) -> Dimension:
    with changing(by, "edit_dimension", f"dimension:{slug}") as change:
        dimension = find(Dimension.objects.all(), "dimension", slug=slug)
        fields = {"name": name, "description": description, "position": position}
        given = {field: value for field, value in fields.items() if value is not None}
        change.before = {field: getattr(dimension, field) for field in given}
        for field, value in given.items():
            setattr(dimension, field, value)
        save_valid(dimension)
        change.after = given
    return dimension


def _check_interval(value: float, low: float | None, high: float | None) -> None:
    numbers = [number for number in (low, value, high) if number is not None]
    if not all(math.isfinite(number) and 0 <= number <= 1 for number in numbers):
        raise invalid("value", "out_of_range", "Scores lie between 0 and 1.")
    if (low is None) != (high is None):
        raise invalid("low", "half_an_interval", "Give both ends of the interval, or neither.")
    if numbers != sorted(numbers):
        raise invalid("low", "not_in_order", "The value lies within its interval: low, value, high.")


def _values(score: CapabilityScore) -> dict[str, Any]:
    return {
        "dimension": score.dimension.slug,
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "source": score.source,
        "note": score.note,
        "measured_on": str(score.measured_at),
    }
