"""Reads one decision back: from this worker's memory while it is young, else from the database in a thread."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
from django.db import DatabaseError

from routerapp.engine.types import Decision
from routerapp.serving.identifiers import made_at_ms
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused, database_unavailable
from routerapp.store.decision_document import decision_document, recorded_document

YOUNG_MS = 5_000


async def find_decision(runtime: Runtime, decision_id: str) -> dict[str, Any]:
    """The document of store/decision_document.py; its `key` says who asked. Raises Refused 404 or 503."""
    made_ms = made_at_ms(decision_id)
    if made_ms is None:
        raise not_found()
    recent = runtime.recent.find(decision_id)
    if recent is not None:
        return _readable(recorded_document(recent.begin, recent.attempts, recent.end))
    try:
        stored = await runtime.in_thread(decision_document, decision_id)
    except DatabaseError:
        raise database_unavailable() from None
    if stored is not None:
        return _readable(stored)
    if 0 <= runtime.clock.now_ms() - made_ms < YOUNG_MS:
        raise Refused(
            404,
            "decision_pending",
            "This decision is not written yet. Ask again in a second.",
            source="router",
            retry_after_ms=1_000,
        )
    raise not_found()


def not_found() -> Refused:
    """Also the answer where the caller may not look, so that ids cannot be guessed."""
    return Refused(404, "decision_not_found", "There is no such decision.", param="id")


def plain_decision(decision: Decision) -> orjson.Fragment:
    """A Decision as JSON for a reply."""
    return orjson.Fragment(msgspec.json.encode(msgspec.structs.replace(decision, seed=seed_text(decision.seed))))


def seed_text(seed: int) -> str:
    """16 hex digits: many JSON readers round whole numbers of 64 bits."""
    return f"{seed:016x}"


def _readable(document: dict[str, Any]) -> dict[str, Any]:
    if document["decision"] is not None:
        document["decision"]["seed"] = seed_text(document["decision"]["seed"])
    return document
