"""The audit log: filtered, paged, exported, and its chain checked in the background."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.audit_forms import AuditFilterForm
from dashboard.audit_words import event_line
from dashboard.fragments import is_htmx, render_page
from dashboard.roles import actor_of, allowed_to
from dashboard.views.exports import TYPES, Echo, inert
from routerapp.models import AuditEvent, Job
from routerapp.serving.edit_jobs import VERIFY_AUDIT, ask_for_audit_check
from routerapp.serving.refusals import WriteRefused
from routerapp.store.audit_log import BATCH, AuditFilters, AuditPage, list_events

PAGE = "dashboard/audit/list.html"
MOST_ROWS = 200_000
LARGEST_CURSOR = 2**63 - 1
COLUMNS = (
    "id",
    "at",
    "actor",
    "actor_kind",
    "action",
    "subject",
    "before",
    "after",
    "reason",
    "address",
    "previous_hash",
    "hash",
)


@allowed_to("read_audit")
def audit_list(request: HttpRequest) -> HttpResponse:
    form = AuditFilterForm(request.GET)
    cursor, is_cursor_good = _cursor(request)
    is_valid = form.is_valid() and is_cursor_good
    page = list_events(form.filters(), cursor) if is_valid else AuditPage((), None)
    kept = {name: value for name, value in request.GET.items() if value and name != "cursor"}
    here = reverse("dashboard:audit")
    context = {
        "form": form,
        "lines": [event_line(event) for event in page.events],
        "problem": "" if is_cursor_good else "This page of the log does not exist.",
        "is_filtered": bool(kept),
        "next_url": _url(here, kept | {"cursor": page.next_cursor}) if page.next_cursor else "",
        "first_url": _url(here, kept) if cursor is not None else "",
        "csv_url": _url(reverse("dashboard:audit-export", args=["csv"]), kept),
        "json_url": _url(reverse("dashboard:audit-export", args=["json"]), kept),
        **_chain_context(),
    }
    return render_page(request, PAGE, context, fragments={"results", "chain"}, status=200 if is_valid else 422)


@allowed_to("read_audit")
@require_POST
def audit_check(request: HttpRequest) -> HttpResponse:
    """Asks for a walk over the whole chain; what it finds shows on the page."""
    try:
        ask_for_audit_check(by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    if is_htmx(request):
        return render_page(request, PAGE, _chain_context(), fragments={"chain"}, with_messages=True)
    return redirect("dashboard:audit")


@allowed_to("read_audit")
def audit_export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Everything the filters let through, newest first, streamed in short queries."""
    if kind not in TYPES:
        raise Http404("Exports are csv or json.")
    form = AuditFilterForm(request.GET)
    if not form.is_valid():
        return HttpResponse(form.errors.as_json(), status=422, content_type="application/json")
    chunks = _csv_chunks if kind == "csv" else _json_chunks
    response = StreamingHttpResponse(chunks(form.filters()), content_type=TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="audit.{kind}"'
    return response


def _chain_context() -> dict[str, Any]:
    """The newest check that was asked for."""
    check = Job.objects.filter(kind=VERIFY_AUDIT).order_by("-pk").first()
    return {"check": check, "is_checking": check is not None and check.state in ("queued", "running")}


def _cursor(request: HttpRequest) -> tuple[int | None, bool]:
    text = request.GET.get("cursor", "")
    if not text:
        return None, True
    is_good = text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= LARGEST_CURSOR
    return (int(text), True) if is_good else (None, False)


async def _pages(filters: AuditFilters) -> AsyncIterator[tuple[AuditEvent, ...]]:
    cursor, sent = None, 0
    while sent < MOST_ROWS:
        page = await sync_to_async(list_events)(filters, cursor, BATCH)
        yield page.events
        sent, cursor = sent + len(page.events), page.next_cursor
        if cursor is None:
            return


async def _csv_chunks(filters: AuditFilters) -> AsyncIterator[str]:
    line = csv.writer(Echo())
    yield line.writerow(COLUMNS)
    async for events in _pages(filters):
        yield "".join(line.writerow([inert(_cell(value)) for value in _values(event).values()]) for event in events)


async def _json_chunks(filters: AuditFilters) -> AsyncIterator[str]:
    yield "["
    separator = "\n"
    async for events in _pages(filters):
        for event in events:
            yield separator + json.dumps(_values(event), separators=(",", ":"), ensure_ascii=False)
            separator = ",\n"
    yield "\n]\n"


def _values(event: AuditEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in COLUMNS}
    return values | {"at": event.at.isoformat()}


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False, sort_keys=True) if isinstance(value, dict | list) else value


def _url(path: str, query: dict[str, Any]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
