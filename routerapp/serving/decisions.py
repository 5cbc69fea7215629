"""Reads one decision back: from this worker's memory or a sibling's while it is young, else from the database in a thread."""

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
# For so long siblings are asked before the database is.
REMEMBERED_MS = 60_000


async def find_decision(runtime: Runtime, decision_id: str) -> dict[str, Any]:
    """The document of store/decision_document.py; its `key` says who asked. Raises Refused 404 or 503."""
    made_ms = made_at_ms(decision_id)
    if made_ms is None:
        raise not_found()
    remembered = recent_decision(runtime, decision_id) or await _of_siblings(runtime, decision_id, made_ms)
    if remembered is not None:
        return remembered
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


def recent_decision(runtime: Runtime, decision_id: str) -> dict[str, Any] | None:
    """What this worker itself remembers."""
    recent = runtime.recent.find(decision_id)
    return None if recent is None else _readable(recorded_document(recent.begin, recent.attempts, recent.end))


async def _of_siblings(runtime: Runtime, decision_id: str, made_ms: int) -> dict[str, Any] | None:
    """Only of a young one: what is older is in the database, unless that is away, and then it says so."""
    if runtime.siblings is None or runtime.clock.now_ms() - made_ms > REMEMBERED_MS:
        return None
    for said in (await runtime.siblings.ask("decision", decision_id)).values():
        if said is not None:
            document: dict[str, Any] = orjson.loads(said)
            return document
    return None


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
