"""Judgements of live answers as pieces of evidence: about which model, for which task, by whom, how long after the answer."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.learning.evidence import DAY_MS, Piece
from routerapp.models import Feedback, FeedbackKind, Origin, RoutedRequest, Status

NEWEST = 50_000
DAYS = 180
BATCH = 500
COUNTED = (FeedbackKind.RATING, FeedbackKind.BOOLEAN)


def recent_pieces(now_ms: int, task_dimensions: Mapping[str, str]) -> list[Piece]:
    """Of the newest ratings and yes-or-no judgements; of one source on one answer the last of a kind counts, as everywhere.

    task_dimensions: task -> dimension of the catalogue. A voter is the end user; a key that names none speaks for nobody known.
    """
    last: dict[tuple[str, str, str], tuple[int, float]] = {}
    rows = Feedback.objects.filter(kind__in=COUNTED, value__isnull=False, at_ms__gte=now_ms - DAYS * DAY_MS)
    columns = ("request_id", "kind", "source", "at_ms", "value")
    for request_id, kind, source, at_ms, value in rows.order_by("-at_ms", "-id").values_list(*columns)[:NEWEST]:
        last.setdefault((request_id, kind, source), (at_ms, value))
    answers = _answers(sorted({request_id for request_id, _, _ in last}))
    pieces = []
    for (request_id, _, _), (at_ms, value) in sorted(last.items()):
        if request_id in answers:
            model, task, voter, answered_ms = answers[request_id]
            pieces.append(
                Piece(
                    model=model,
                    value=min(1.0, max(0.0, value)),
                    source="rating",
                    at_ms=at_ms,
                    dimension=task_dimensions.get(task, ""),
                    task=task,
                    lag_ms=max(0, at_ms - answered_ms),
                    voter=voter,
                )
            )
    return pieces


def _answers(request_ids: list[str]) -> dict[str, tuple[str, str, str, int]]:
    """Request -> model, task, end user, when: of live requests that were answered."""
    found = {}
    for first in range(0, len(request_ids), BATCH):
        rows = RoutedRequest.objects.filter(
            id__in=request_ids[first : first + BATCH], origin=Origin.LIVE, status=Status.OK
        ).exclude(language_model="")
        for request_id, model, task, user, at_ms in rows.values_list(
            "id", "language_model", "task", "user_hash", "at_ms"
        ):
            found[request_id] = (model, task or "unknown", user, at_ms)
    return found
