"""CSV and JSON of exactly what a page shows: streamed page by page, bounded in rows, formulas made inert."""

import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from dashboard.forms import RequestFilterForm
from dashboard.roles import allowed_to
from dashboard.templatetags.numbers import iso
from routerapp.engine.money import format_usd
from routerapp.models import RoutedRequest
from routerapp.store.requests import DEAREST, LARGEST_PAGE, NEWEST, RequestFilters, list_requests

MOST_ROWS = 100_000
SKIPPED = {"user_hash"}
COLUMNS = [field.name for field in RoutedRequest._meta.fields if field.name not in SKIPPED]
TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@allowed_to("read")
def export_requests(request: HttpRequest, kind: str) -> HttpResponseBase:
    if kind not in TYPES:
        raise Http404("Exports are csv or json.")
    form = RequestFilterForm(request.GET)
    if not form.is_valid():
        return HttpResponse(form.errors.as_json(), status=422, content_type="application/json")
    sort = DEAREST if form.cleaned_data["sort"] == DEAREST else NEWEST
    chunks = _csv_chunks if kind == "csv" else _json_chunks
    response = StreamingHttpResponse(chunks(form.filters(), sort), content_type=TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="requests.{kind}"'
    return response


async def _pages(filters: RequestFilters, sort: str) -> AsyncIterator[tuple[RoutedRequest, ...]]:
    """Each page is one short query in a thread, so a long export blocks nobody."""
    cursor, sent = None, 0
    while sent < MOST_ROWS:
        page = await sync_to_async(list_requests)(filters, sort, cursor, LARGEST_PAGE)
        yield page.rows
        sent, cursor = sent + len(page.rows), page.next_cursor
        if cursor is None:
            return


async def _csv_chunks(filters: RequestFilters, sort: str) -> AsyncIterator[str]:
    line = csv.writer(Echo())
    yield line.writerow([*COLUMNS, "at", "cost_usd"])
    async for rows in _pages(filters, sort):
        yield "".join(line.writerow([inert(value) for value in _values(row).values()]) for row in rows)


async def _json_chunks(filters: RequestFilters, sort: str) -> AsyncIterator[str]:
    yield "["
    separator = "\n"
    async for rows in _pages(filters, sort):
        for row in rows:
            yield separator + json.dumps(_values(row), separators=(",", ":"))
            separator = ",\n"
    yield "\n]\n"


def csv_text(columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> str:
    """A small table as CSV, for charts."""
    line = csv.writer(Echo())
    return "".join(line.writerow([inert(value) for value in row]) for row in _chain(columns, rows))


def inert(value: Any) -> Any:
    """Text that a spreadsheet would take for a formula gets a quote in front."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _values(row: RoutedRequest) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in COLUMNS}
    cost = None if row.cost_nusd is None else format_usd(row.cost_nusd)
    return values | {"at": iso(row.at_ms), "cost_usd": cost}


def _chain(columns: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    yield tuple(columns)
    yield from rows


class Echo:
    """csv.writer wants something to write to; returning the line is all we need."""

    def write(self, line: str) -> str:
        return line
