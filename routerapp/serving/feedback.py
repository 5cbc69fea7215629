"""What somebody thought of an answer: checked, made idempotent, journalled. The last value of a kind counts; all are kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from routerapp.engine.types import CallerFacts
from routerapp.serving.identifiers import made_at_ms, make_id
from routerapp.serving.recording import spool_full
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused
from routerapp.store.journal import JournalFull
from routerapp.store.records import FeedbackGiven

FIELDS = ("decision_id", "request_id", "kind", "value", "rating", "boolean", "label", "comment")
MAX_COMMENT = 2_000
MAX_LABEL = 60
MAX_IDEMPOTENCY_KEY = 200


def give_feedback(
    runtime: Runtime, document: Mapping[str, Any], source: str, idempotency_key: str | None = None
) -> FeedbackGiven:
    """Journals one judgement; raises Refused 400 or 503. source: a key's slug, or who clicked.

    The same source, idempotency key and decision give the same feedback id, which is written once.
    """
    now_ms = runtime.clock.now_ms()
    request_id = _request_id(document, now_ms)
    kind, value, label, comment = _judgement(document)
    feedback = FeedbackGiven(
        id=_feedback_id(runtime, now_ms, request_id, source, idempotency_key),
        request_id=request_id,
        at_ms=now_ms,
        kind=kind,
        value=value,
        label=label,
        comment=comment,
        source=source,
    )
    if not runtime.journal.has_room:
        raise spool_full()
    try:
        runtime.journal.append(feedback)
    except JournalFull:
        raise spool_full() from None
    return feedback


def feedback_answer(feedback: FeedbackGiven) -> dict[str, Any]:
    return {"id": feedback.id, "object": "router.feedback", "decision_id": feedback.request_id, "kind": feedback.kind}


def source_of(caller: CallerFacts) -> str:
    return caller.slug[:MAX_LABEL]


def _request_id(document: Mapping[str, Any], now_ms: int) -> str:
    for name in document:
        if name not in FIELDS:
            raise Refused(
                400, "unknown_field", f"{name[:60]} is not known. Known: {', '.join(FIELDS)}.", param=name[:60]
            )
    name = "decision_id" if "decision_id" in document else "request_id"
    request_id = document.get(name)
    if not isinstance(request_id, str) or made_at_ms(request_id) is None:
        raise Refused(400, "invalid_value", f"{name} must be the id of a decision (x-router-decision-id).", param=name)
    made = made_at_ms(request_id)
    if made is not None and made > now_ms + 60_000:
        raise Refused(400, "invalid_value", f"{name} lies in the future.", param=name)
    return request_id


def _judgement(document: Mapping[str, Any]) -> tuple[str, float | None, str, str]:
    """(kind, value, label, comment). Short forms name the kind by the member: {"rating": 0.8}."""
    given = [kind for kind in ("rating", "boolean", "label", "comment") if kind in document]
    kind = document.get("kind")
    if kind is None:
        # A comment may stand beside any other judgement.
        named = [one for one in given if one != "comment"] or given
        if len(named) != 1:
            raise Refused(400, "missing_field", "Give one of rating, boolean, label or comment.", param="kind")
        kind = named[0]
    if kind not in ("rating", "boolean", "label", "comment"):
        raise Refused(400, "invalid_value", "kind is one of rating, boolean, label, comment.", param="kind")
    raw = document.get(kind, document.get("value"))
    comment = _text(document.get("comment", raw if kind == "comment" else ""), "comment", MAX_COMMENT)
    if kind == "rating":
        return kind, _rating(raw), "", comment
    if kind == "boolean":
        if not isinstance(raw, bool):
            raise Refused(400, "invalid_type", "boolean must be true or false.", param="boolean")
        return kind, float(raw), "", comment
    if kind == "label":
        label = _text(raw, "label", MAX_LABEL)
        if not label:
            raise Refused(400, "missing_field", "label must not be empty.", param="label")
        return kind, None, label, comment
    if not comment:
        raise Refused(400, "missing_field", "comment must not be empty.", param="comment")
    return kind, None, "", comment


def _rating(raw: Any) -> float:
    if not isinstance(raw, int | float) or isinstance(raw, bool) or not 0 <= raw <= 1:
        raise Refused(400, "invalid_value", "rating must be a number from 0 (useless) to 1 (perfect).", param="rating")
    return float(raw)


def _text(raw: Any, name: str, most: int) -> str:
    if not isinstance(raw, str) or len(raw) > most:
        raise Refused(400, "invalid_value", f"{name} must be text of at most {most:,} characters.", param=name)
    return raw


def _feedback_id(runtime: Runtime, now_ms: int, request_id: str, source: str, idempotency_key: str | None) -> str:
    if idempotency_key is None:
        return make_id(now_ms, runtime.random_bits)
    if not 0 < len(idempotency_key) <= MAX_IDEMPOTENCY_KEY:
        raise Refused(400, "invalid_value", f"Idempotency-Key has 1 to {MAX_IDEMPOTENCY_KEY} characters.")
    digest = hashlib.sha256("\0".join((source, idempotency_key, request_id)).encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
