"""Judgements of live answers as pieces of evidence: ratings, yes or no, and labels that somebody has given a value."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.learning.evidence import DAY_MS, Piece
from routerapp.models import Feedback, FeedbackKind, InstallationState
from routerapp.store.judged_answers import DAYS, answers_of

NEWEST = 50_000
COUNTED = (FeedbackKind.RATING, FeedbackKind.BOOLEAN, FeedbackKind.LABEL)


def label_values() -> dict[str, float]:
    """What labels mean here: label in small letters -> 0 bad to 1 good, as the settings have it."""
    settings = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    return dict(settings.get("label_values", {}))


def recent_pieces(now_ms: int, dimensions: Mapping[str, str], label_values: Mapping[str, float]) -> list[Piece]:
    """Of the newest judgements; of one source on one answer the last of a kind counts, as everywhere.

    dimensions: task -> dimension of the catalogue. label_values: label in small letters -> 0 bad to 1 good; other labels say nothing.
    A voter is the end user; a key that names none speaks for nobody known.
    """
    last: dict[tuple[str, str, str], tuple[int, float]] = {}
    rows = Feedback.objects.filter(kind__in=COUNTED, at_ms__gte=now_ms - DAYS * DAY_MS)
    columns = ("request_id", "kind", "source", "at_ms", "value", "label")
    for request_id, kind, source, at_ms, rated, label in rows.order_by("-at_ms", "-id").values_list(*columns)[:NEWEST]:
        value = label_values.get(label.strip().lower()) if kind == FeedbackKind.LABEL else rated
        if value is not None:
            last.setdefault((request_id, kind, source), (at_ms, value))
    answers = answers_of(sorted({request_id for request_id, _, _ in last}))
    pieces = []
    for (request_id, kind, _), (at_ms, value) in sorted(last.items()):
        if answer := answers.get(request_id):
            is_label = kind == FeedbackKind.LABEL
            source = "label" if is_label else "rating"
            pieces.append(answer.piece(value, source, at_ms, dimensions, voter="" if is_label else answer.user))
    return pieces
