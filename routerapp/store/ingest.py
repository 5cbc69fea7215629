"""Writes finished journal entries into the database: rows, rollups, key use and the spool's offset in one transaction.

Writing the same entry twice changes nothing: a row is inserted once by its id, and only what was inserted is counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec
from django.db import connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Case, DateTimeField, Value, When
from django.utils import timezone

from routerapp.models import APIKey, Granularity, Origin
from routerapp.store.copying import copy_new, prepare_copies
from routerapp.store.facts import (
    AttemptFact,
    RequestFact,
    attempt_fact,
    clip,
    pack,
    recorded_documents,
    request_fact,
)
from routerapp.store.ledger import Entry
from routerapp.store.partitions import make_partitions
from routerapp.store.records import Begin, End, FeedbackGiven
from routerapp.store.rollups import LENGTH_MS, Increments
from routerapp.store.spool import Position

ROWS_PER_STATEMENT = 100
INPUTS_COLUMNS = (
    "request_id",
    "at_ms",
    "config_revision",
    "evidence_revision",
    "seed",
    "engine_version",
    "policy",
    "policy_version",
    "document",
)
BODY_COLUMNS = ("request_id", "at_ms", "expires_at_ms", "chat", "answer")
TABLES = ("routed_request", "attempt", "decision_inputs", "decision_trace", "body", "feedback")
FEEDBACK_COLUMNS = ("id", "request_id", "at_ms", "kind", "value", "label", "comment", "source")


@dataclass(slots=True)
class Rows:
    """A batch as rows by id (a frame may have been written twice), compressed before the transaction opens."""

    requests: dict[str, RequestFact] = field(default_factory=dict)
    attempts: dict[str, AttemptFact] = field(default_factory=dict)
    inputs: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    traces: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    bodies: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    feedback: list[tuple[Any, ...]] = field(default_factory=list)


def rows_of(entries: Iterable[Entry]) -> Rows:
    rows = Rows()
    for entry in entries:
        if entry.begin is not None or entry.end is not None:
            request = request_fact(entry.begin, entry.attempts, entry.end)
            rows.requests.setdefault(request.id, request)
        for attempt in map(attempt_fact, entry.attempts):
            rows.attempts.setdefault(attempt.id, attempt)
        if entry.begin is not None:
            _add_documents(rows, entry.begin, entry.begin_payload, entry.end)
        if entry.feedback is not None:
            rows.feedback.append(_feedback_row(entry.feedback))
    return rows


def ingest(rows: Rows, spool: str | None, position: Position, using: str = "default") -> int:
    """Commit a batch and, of a spool, the offset it was read up to; returns how many requests were new. Raises django.db.Error."""
    make_partitions(rows.requests, using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        if cursor.db.vendor == "postgresql":
            prepare_copies(cursor, TABLES)
        new_requests = _insert_new(cursor, "routed_request", list(rows.requests.values()))
        new_attempts = _insert_new(cursor, "attempt", list(rows.attempts.values()))
        _insert(cursor, "decision_inputs", INPUTS_COLUMNS, _of(new_requests, rows.inputs))
        _insert(cursor, "decision_trace", ("request_id", "at_ms", "document"), _of(new_requests, rows.traces))
        _insert(cursor, "body", BODY_COLUMNS, _of(new_requests, rows.bodies))
        _insert(cursor, "feedback", FEEDBACK_COLUMNS, rows.feedback)
        _count(cursor, rows, new_requests, new_attempts)
        _mark_keys_used(rows, new_requests, using)
        if spool is not None:
            _move_offset(cursor, spool, position)
    return len(new_requests)


def _count(cursor: CursorWrapper, rows: Rows, new_requests: set[str], new_attempts: set[str]) -> None:
    increments = Increments()
    for request_id in new_requests:
        increments.add_request(rows.requests[request_id])
    attempts = [rows.attempts[attempt_id] for attempt_id in new_attempts]
    origins = {request.id: request.origin for request in rows.requests.values()}
    origins |= _recorded_origins(cursor, sorted({attempt.request_id for attempt in attempts} - origins.keys()))
    for attempt in attempts:
        increments.add_attempt(attempt, origins.get(attempt.request_id, Origin.LIVE.value))
    increments.write(cursor)


def _recorded_origins(cursor: CursorWrapper, request_ids: Sequence[str]) -> dict[str, str]:
    """Of attempts that ended after their request was written."""
    if not request_ids:
        return {}
    places = ", ".join(["%s"] * len(request_ids))
    cursor.execute(f"SELECT id, origin FROM routed_request WHERE id IN ({places})", list(request_ids))
    return dict(cursor.fetchall())


def _mark_keys_used(rows: Rows, new_requests: set[str], using: str) -> None:
    used_at_ms: dict[str, int] = {}
    for request in map(rows.requests.__getitem__, new_requests):
        if request.key and request.origin == Origin.LIVE:
            used_at_ms[request.key] = max(request.at_ms, used_at_ms.get(request.key, 0))
    if not used_at_ms:
        return
    # Locked in one order: another drainer of this database may have used the same keys.
    keys = APIKey.objects.using(using)
    known = keys.filter(slug__in=used_at_ms).order_by("pk").select_for_update().values_list("slug", "last_used_at")
    used_at = {slug: datetime.fromtimestamp(at_ms / 1000, UTC) for slug, at_ms in used_at_ms.items()}
    later = {slug: used_at[slug] for slug, before in known if before is None or before < used_at[slug]}
    if later:
        newest = Case(*(When(slug=slug, then=Value(at)) for slug, at in later.items()), output_field=DateTimeField())
        keys.filter(slug__in=later).update(last_used_at=newest)


def _move_offset(cursor: CursorWrapper, spool: str, position: Position) -> None:
    cursor.execute(
        'INSERT INTO spool_offset (spool, segment, "offset", updated_at) VALUES (%s, %s, %s, %s) ON CONFLICT (spool) '
        'DO UPDATE SET segment = excluded.segment, "offset" = excluded."offset", updated_at = excluded.updated_at',
        [spool, position.segment, position.offset, cursor.db.ops.adapt_datetimefield_value(timezone.now())],
    )


def _insert_new(cursor: CursorWrapper, table: str, facts: Sequence[RequestFact] | Sequence[AttemptFact]) -> set[str]:
    """Insert what is not there yet; the ids that were new. A statement returns ids only if it is one for many rows."""
    if facts and cursor.db.vendor == "postgresql":
        return copy_new(cursor, table, "id", facts[0].__struct_fields__, map(msgspec.structs.astuple, facts))
    new: set[str] = set()
    for start in range(0, len(facts), ROWS_PER_STATEMENT):
        part = facts[start : start + ROWS_PER_STATEMENT]
        columns = part[0].__struct_fields__
        row = f"({', '.join(['%s'] * len(columns))})"
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([row] * len(part))} "
            "ON CONFLICT (id) DO NOTHING RETURNING id",
            [value for fact in part for value in msgspec.structs.astuple(fact)],
        )
        new.update(found for (found,) in cursor.fetchall())
    return new


def _insert(cursor: CursorWrapper, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    if rows and cursor.db.vendor == "postgresql":
        copy_new(cursor, table, columns[0], columns, rows)
    elif rows:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(['%s'] * len(columns))}) "
            "ON CONFLICT DO NOTHING",
            list(rows),
        )


def _of(ids: set[str], rows: Mapping[str, tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [row for request_id, row in rows.items() if request_id in ids]


def _add_documents(rows: Rows, begin: Begin, payload: bytes, end: End | None) -> None:
    decision = begin.decision
    if decision is not None:
        inputs, trace = recorded_documents(payload)
        rows.traces[begin.id] = (begin.id, begin.at_ms, trace)
        if begin.inputs is not None:
            rows.inputs[begin.id] = (
                begin.id,
                begin.at_ms,
                decision.config,
                decision.evidence,
                f"{decision.seed:016x}",
                decision.engine,
                decision.policy,
                decision.policy_version,
                inputs,
            )
    answer = end.answer if end is not None else None
    if begin.chat_body is not None or answer is not None:
        chat = None if begin.chat_body is None else pack(begin.chat_body)
        days = decision.handling.content_days if decision is not None else None
        expires_at_ms = None if days is None else begin.at_ms + days * LENGTH_MS[Granularity.DAY.value]
        rows.bodies[begin.id] = (
            begin.id,
            begin.at_ms,
            expires_at_ms,
            chat,
            None if answer is None else pack(answer),
        )


def _feedback_row(given: FeedbackGiven) -> tuple[Any, ...]:
    return (
        clip(given.id, 36),
        clip(given.request_id, 36),
        given.at_ms,
        clip(given.kind, 10),
        given.value,
        clip(given.label, 60),
        clip(given.comment, 2000),
        clip(given.source, 60),
    )
