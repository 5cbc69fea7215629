"""One request as the API shows it: outcome, decision and attempts in one document, the same from rows and from a worker's own records."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from routerapp.engine.canonical import canonical_bytes
from routerapp.models import AttemptRow, DecisionTrace, RoutedRequest
from routerapp.store.facts import AttemptFact, RequestFact, attempt_fact, request_fact
from routerapp.store.records import AttemptEnd, Begin, End

RUNNING = "running"
# A caller sees neither other people's hashes nor the request's id twice.
_HIDDEN = frozenset({"id", "user_hash"})
_HIDDEN_OF_ATTEMPT = frozenset({"request_id"})


def decision_document(request_id: str) -> dict[str, Any] | None:
    """From the database; None when the request is not there (yet)."""
    row = RoutedRequest.objects.filter(id=request_id).values(*RequestFact.__struct_fields__).first()
    if row is None:
        return None
    attempts = AttemptRow.objects.filter(request_id=request_id).order_by("number", "retry")
    trace = DecisionTrace.objects.filter(request_id=request_id).values_list("document", flat=True).first()
    decision = None if trace is None else msgspec.json.decode(zlib.decompress(trace))
    return _document(row, attempts.values(*AttemptFact.__struct_fields__), decision)


def recorded_document(begin: Begin, attempts: Sequence[AttemptEnd], end: End | None) -> dict[str, Any]:
    """From a worker's records, before the drainer has written them; status is `running` without an end."""
    row = msgspec.structs.asdict(request_fact(begin, attempts, end))
    if end is None:
        row["status"] = RUNNING
        row["error_code"] = ""
    decision = None if begin.decision is None else msgspec.json.decode(canonical_bytes(begin.decision))
    return _document(row, (msgspec.structs.asdict(attempt_fact(attempt)) for attempt in attempts), decision)


def _document(
    row: Mapping[str, Any], attempts: Iterable[Mapping[str, Any]], decision: Mapping[str, Any] | None
) -> dict[str, Any]:
    return {
        "id": row["id"],
        "object": "router.decision",
        **{name: value for name, value in row.items() if name not in _HIDDEN},
        "attempts": [
            {name: value for name, value in attempt.items() if name not in _HIDDEN_OF_ATTEMPT} for attempt in attempts
        ],
        "decision": decision,
    }
