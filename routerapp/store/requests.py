"""Recorded requests for people: a keyset-paged list and one request in full. Lists never touch traces, inputs or bodies."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import msgspec

from routerapp.engine.types import Decision, Inputs, Live
from routerapp.models import AttemptRow, Body, DecisionInputs, DecisionTrace, Feedback, RoutedRequest
from routerapp.store.request_search import AT, COST, ID, Place, Search

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
    """next_cursor is None on the last page. is_partial: too few match to fill the page in time; the next one searches on."""

    rows: tuple[RoutedRequest, ...]
    next_cursor: str | None
    is_partial: bool = False


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
    # Ids sort by time; in their order the beginning of an id is one stretch of the primary key.
    order = COST if sort == DEAREST else ID if filters.id_text else AT
    found = Search(order, _equal(filters), _ranges(filters)).find(_place(cursor, order), limit + 1)
    page = tuple(found.rows[:limit])
    if len(found.rows) > limit:
        return RequestPage(page, _cursor(order, Place(getattr(page[-1], order), page[-1].id)))
    if found.searched_to is None:
        return RequestPage(page, None)
    return RequestPage(page, _cursor(order, found.searched_to), is_partial=True)


def _equal(filters: RequestFilters) -> dict[str, tuple[str, ...]]:
    one = {name: (value,) for name in ("policy", "rule", "key", "team", "cache") if (value := getattr(filters, name))}
    any_of = {
        "language_model": filters.models,
        "deployment": filters.deployments,
        "provider": filters.providers,
        "status": filters.statuses,
        "task": filters.tasks,
        "origin": filters.origins,
    }
    return one | {name: tuple(dict.fromkeys(values)) for name, values in any_of.items() if values}


def _ranges(filters: RequestFilters) -> dict[str, tuple[Any, Any]]:
    above = None if filters.max_cost_nusd is None else filters.max_cost_nusd + 1
    # "g" sorts after every hexadecimal digit and the dash.
    beginning = (filters.id_text, filters.id_text + "g") if filters.id_text else (None, None)
    ranges = {AT: (filters.from_ms, filters.to_ms), COST: (filters.min_cost_nusd, above), ID: beginning}
    return {name: bounds for name, bounds in ranges.items() if bounds != (None, None)}


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


def _cursor(order: str, place: Place) -> str:
    """value.id; no id sorts below "0", so that it stands for a place before all of a value."""
    return f"0.{place.value}" if order == ID else f"{place.value}.{place.id or '0'}"


def _place(cursor: str | None, order: str) -> Place | None:
    if cursor is None:
        return None
    value, separator, last_id = cursor.partition(".")
    if not separator or not last_id or not value.lstrip("-").isdecimal() or len(value) > 19:
        raise BadCursor(f"cursor={cursor[:60]!r} cannot be used. Take it from a page's next_cursor.")
    return Place(last_id) if order == ID else Place(int(value), last_id)
