"""Whether answers outside cascades followed the schema they were asked for, as pieces of evidence: read afterwards, where policies keep content.

Followed and missed both count. Cascades look at their answers themselves (store/check_pieces.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.learning.evidence import DAY_MS, Piece
from routerapp.models import Origin, RoutedRequest, Status
from routerapp.serving.answer_acceptance import is_json_of, is_schema
from routerapp.store.check_pieces import CASCADE
from routerapp.store.judged_answers import DAYS, Answer
from routerapp.store.kept_chats import schema_answers

NEWEST = 5_000


def schema_pieces(now_ms: int, dimensions: Mapping[str, str]) -> list[Piece]:
    """Of the newest live answers, one for each that was asked for JSON of a schema. What is no schema speaks against nobody. dimensions: task -> dimension of the catalogue."""
    rows = RoutedRequest.objects.filter(
        origin=Origin.LIVE, status=Status.OK, endpoint="chat", at_ms__gte=now_ms - DAYS * DAY_MS
    ).exclude(language_model="")
    columns = ("id", "language_model", "task", "user_hash", "at_ms", "latency_ms")
    newest = rows.exclude(strategy=CASCADE).exclude(cache="hit").order_by("-at_ms", "-id")
    answers = {
        request_id: (Answer(model, task or "unknown", user, at_ms), at_ms + (latency_ms or 0))
        for request_id, model, task, user, at_ms, latency_ms in newest.values_list(*columns)[:NEWEST]
    }
    pieces = []
    for request_id, asked in schema_answers(sorted(answers)):
        if not is_schema(asked.schema):
            continue
        answer, ended_ms = answers[request_id]
        followed = sum(is_json_of(asked.schema, text) for text in asked.texts) / len(asked.texts)
        pieces.append(answer.piece(followed, "schema_failure", ended_ms, dimensions))
    return pieces
