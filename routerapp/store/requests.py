"""Recorded requests for people: a keyset-paged list and one request in full. Lists never touch traces, inputs or bodies."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db.models import Q, QuerySet

from routerapp.engine.types import Decision, Inputs, Live
from routerapp.models import AttemptRow, Body, DecisionInputs, DecisionTrace, Feedback, RoutedRequest

NEWEST, DEAREST = "newest", "dearest"
PAGE_SIZE = 50
LARGEST_PAGE = 500


class BadCursor(ValueError):
    """The cursor is not one this list has given out."""


@dataclass(frozen=True, slots=True)
class RequestFilters:
    """Empty means any. from_ms is included, to_ms is not. id_text is the beginning of an id. cache: hit or miss."""

    models: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    policy: str = ""
    rule: str = ""
    key: str = ""
    team: str = ""
    statuses: tuple[str, ...] = ()
    tasks: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    min_cost_nusd: int | None = None
    max_cost_nusd: int | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    id_text: str = ""
    cache: str = ""


@dataclass(frozen=True, slots=True)
class RequestPage:
    """next_cursor is None on the last page."""

    rows: tuple[RoutedRequest, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class RecordedInputs:
    """What decide() was given, as stored."""

    inputs: Inputs
    live: Live


@dataclass(frozen=True, slots=True)
class RequestDetail:
    """decision and recorded are None once their retention is over."""

    row: RoutedRequest
    attempts: tuple[AttemptRow, ...]
    feedback: tuple[Feedback, ...]
    decision: Decision | None
    recorded: RecordedInputs | None
    has_chat: bool
    has_answer: bool


def list_requests(
    filters: RequestFilters, sort: str = NEWEST, cursor: str | None = None, limit: int = PAGE_SIZE
) -> RequestPage:
    """One page; sort is newest or dearest (priced requests only). Raises BadCursor."""
    limit = max(1, min(limit, LARGEST_PAGE))
    column = "cost_nusd" if sort == DEAREST else "at_ms"
    rows = filtered_requests(filters)
    if sort == DEAREST:
        rows = rows.filter(cost_nusd__isnull=False)
    if cursor is not None:
        value, last_id = _parse_cursor(cursor)
        # The first condition alone bounds the index; the second breaks ties.
        rows = rows.filter(**{f"{column}__lte": value}).filter(
            Q(**{f"{column}__lt": value}) | Q(**{column: value, "id__lt": last_id})
        )
    found = list(rows.order_by(f"-{column}", "-id")[: limit + 1])
    page = tuple(found[:limit])
    has_more = len(found) > limit
    return RequestPage(page, f"{getattr(page[-1], column)}.{page[-1].id}" if has_more else None)


def filtered_requests(filters: RequestFilters) -> QuerySet[RoutedRequest]:
    """The rows a list, an export or a count is about, unordered."""
    exact: dict[str, Any] = {
        "policy": filters.policy,
        "rule": filters.rule,
        "key": filters.key,
        "team": filters.team,
        "cache": filters.cache,
        "language_model__in": filters.models,
        "deployment__in": filters.deployments,
        "provider__in": filters.providers,
        "status__in": filters.statuses,
        "task__in": filters.tasks,
        "origin__in": filters.origins,
    }
    bounds: dict[str, Any] = {
        "cost_nusd__gte": filters.min_cost_nusd,
        "cost_nusd__lte": filters.max_cost_nusd,
        "at_ms__gte": filters.from_ms,
        "at_ms__lt": filters.to_ms,
    }
    where = {name: value for name, value in exact.items() if value}
    where |= {name: value for name, value in bounds.items() if value is not None}
    if filters.id_text:
        # A range instead of LIKE keeps the primary key's index; "g" sorts after every hexadecimal digit and the dash.
        where |= {"id__gte": filters.id_text, "id__lt": filters.id_text + "g"}
    return RoutedRequest.objects.filter(**where)


def load_detail(request_id: str) -> RequestDetail | None:
    """Everything recorded about one request but its bodies; None when there is no such request."""
    row = RoutedRequest.objects.filter(id=request_id).first()
    if row is None:
        return None
    body = Body.objects.filter(request_id=request_id)
    return RequestDetail(
        row=row,
        attempts=tuple(AttemptRow.objects.filter(request_id=request_id).order_by("number", "retry")),
        feedback=tuple(Feedback.objects.filter(request_id=request_id).order_by("at_ms", "id")),
        decision=load_decision(request_id),
        recorded=load_inputs(request_id),
        has_chat=body.filter(chat__isnull=False).exists(),
        has_answer=body.filter(answer__isnull=False).exists(),
    )


def load_decision(request_id: str) -> Decision | None:
    document = DecisionTrace.objects.filter(request_id=request_id).values_list("document", flat=True).first()
    return None if document is None else msgspec.json.decode(zlib.decompress(document), type=Decision)


def load_inputs(request_id: str) -> RecordedInputs | None:
    document = DecisionInputs.objects.filter(request_id=request_id).values_list("document", flat=True).first()
    return None if document is None else decode_inputs(document)


def decode_inputs(document: bytes | memoryview) -> RecordedInputs:
    """From the stored form: zlib of canonical JSON {inputs, live}."""
    return msgspec.json.decode(zlib.decompress(document), type=RecordedInputs)


def request_exists(request_id: str) -> bool:
    return RoutedRequest.objects.filter(id=request_id).exists()


def load_body(request_id: str) -> tuple[bytes | None, bytes | None]:
    """The redacted chat and answer as JSON bytes, each None when not kept."""
    row = Body.objects.filter(request_id=request_id).first()
    if row is None:
        return None, None
    return (
        None if row.chat is None else zlib.decompress(row.chat),
        None if row.answer is None else zlib.decompress(row.answer),
    )


def _parse_cursor(cursor: str) -> tuple[int, str]:
    value, separator, last_id = cursor.partition(".")
    if not separator or not last_id or not value.lstrip("-").isdecimal() or len(value) > 19:
        raise BadCursor(f"cursor={cursor[:60]!r} cannot be used. Take it from a page's next_cursor.")
    return int(value), last_id
