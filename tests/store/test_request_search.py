import itertools

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from routerapp.models import RoutedRequest
from routerapp.store import request_search
from routerapp.store.request_search import AT, ID, Lane, Place, Search
from routerapp.store.requests import DEAREST, NEWEST, RequestFilters, list_requests
from tests.factories import a_request

pytestmark = pytest.mark.django_db

AT_MS = 1_780_000_000_000
# Rows of one millisecond, or of one cost, are sorted by id.
TIES = ("RIGHT PART OF ORDER BY", "LAST TERM OF ORDER BY", "LAST 2 TERMS OF ORDER BY")
FILTERS = {
    "none": RequestFilters(),
    "status": RequestFilters(statuses=("timeout",)),
    "two statuses": RequestFilters(statuses=("timeout", "upstream_error")),
    "model": RequestFilters(models=("large",)),
    "policy": RequestFilters(policy="legal"),
    "rule": RequestFilters(rule="r1"),
    "policy and rule": RequestFilters(policy="legal", rule="r1"),
    "key": RequestFilters(key="ci"),
    "team": RequestFilters(team="apps"),
    "task": RequestFilters(tasks=("code",)),
    "live": RequestFilters(origins=("live",)),
    "live and sample": RequestFilters(origins=("live", "sample")),
    "probe": RequestFilters(origins=("probe",)),
    "cache": RequestFilters(cache="hit"),
    "time": RequestFilters(from_ms=AT_MS, to_ms=AT_MS + 1),
    "time and status": RequestFilters(from_ms=AT_MS, statuses=("timeout",)),
    "id": RequestFilters(id_text="0193"),
    "id and status": RequestFilters(id_text="0193", statuses=("timeout",)),
    "cost": RequestFilters(min_cost_nusd=1),
    "deployment": RequestFilters(deployments=("d",)),
    "many": RequestFilters(statuses=("ok",), models=("large",), team="apps", origins=("live",), max_cost_nusd=9),
}


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what is in the table")
@pytest.mark.parametrize("sort", [NEWEST, DEAREST])
@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_reads_an_index_in_order_and_sorts_nothing_but_ties(name, sort, monkeypatch) -> None:
    monkeypatch.setattr(request_search.Search, "_few", lambda search: None)
    for cursor in (None, f"{AT_MS}.0193"):
        with CaptureQueriesContext(connection) as queries:
            list_requests(FILTERS[name], sort, cursor)
        for query in queries.captured_queries:
            for step in plan_of(query["sql"]):
                assert "SCAN" not in step or "INDEX" in step, (query["sql"], step)
                assert "TEMP B-TREE" not in step or any(words in step for words in TIES), (query["sql"], step)


def plan_of(sql: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN QUERY PLAN " + sql.replace("%", "%%"))
        return [row[-1] for row in cursor.fetchall()]


@pytest.mark.parametrize("stretch", [1, 3, 1000])
@pytest.mark.parametrize(
    "filters",
    [
        RequestFilters(statuses=("timeout", "upstream_error")),
        RequestFilters(statuses=("timeout",), policy="legal"),
        RequestFilters(origins=("probe", "sample"), policy="legal"),
        RequestFilters(origins=("live",), min_cost_nusd=2),
        RequestFilters(id_text="01", statuses=("timeout",)),
        RequestFilters(models=tuple("abcdefghijklmn"), policy="legal"),
    ],
)
def test_pages_hold_every_match_once_and_in_order_however_short_the_stretches(filters, stretch, monkeypatch) -> None:
    monkeypatch.setattr(request_search, "FIRST_STRETCH", stretch)
    monkeypatch.setattr(request_search, "LONGEST_STRETCH", stretch)
    statuses, origins = itertools.cycle(("timeout", "upstream_error", "ok")), itertools.cycle(("live", "probe"))
    rows = [
        a_request(
            at_ms=AT_MS + number // 4,
            status=next(statuses),
            origin=next(origins),
            policy="legal" if number % 5 else "other",
            language_model="abx"[number % 3],
            cost_nusd=number % 4,
        )
        for number in range(40)
    ]
    for sort in (NEWEST, DEAREST):
        expected = [row.id for row in sorted(rows, key=order_of(sort), reverse=True) if matches(row, filters)]

        assert expected
        assert read_all(filters, sort) == expected


def order_of(sort: str):
    return lambda row: (row.cost_nusd if sort == DEAREST else row.at_ms, row.id)


def matches(row: RoutedRequest, filters: RequestFilters) -> bool:
    allowed = {"status": filters.statuses, "origin": filters.origins, "language_model": filters.models}
    return (
        all(not values or getattr(row, name) in values for name, values in allowed.items())
        and filters.policy in ("", row.policy)
        and row.cost_nusd >= (filters.min_cost_nusd or 0)
        and row.id.startswith(filters.id_text)
    )


def read_all(filters: RequestFilters, sort: str) -> list[str]:
    found, cursor = [], None
    for _ in range(100):
        page = list_requests(filters, sort, cursor, limit=3)
        found += [row.id for row in page.rows]
        cursor = page.next_cursor
        if cursor is None:
            return found
    raise AssertionError("the pages do not end")


def test_when_the_time_is_up_it_says_how_far_it_looked_and_the_next_page_goes_on_there(monkeypatch) -> None:
    monkeypatch.setattr(request_search, "FIRST_STRETCH", 2)
    monkeypatch.setattr(request_search, "SEARCH_SECONDS", -1)
    oldest = a_request(at_ms=AT_MS, deployment="rare")
    for number in range(1, 8):
        a_request(at_ms=AT_MS + number)
    filters = RequestFilters(deployments=("rare",))
    first = list_requests(filters)

    assert (first.rows, first.is_partial) == ((), True)
    assert first.next_cursor is not None
    assert read_all(filters, NEWEST) == [oldest.id]


def test_it_reads_along_the_filter_that_reaches_furthest_back(monkeypatch) -> None:
    monkeypatch.setattr(request_search, "FIRST_STRETCH", 2)
    for number in range(20):
        a_request(at_ms=AT_MS + number, status="ok", key="busy" if number else "quiet")
    search = Search(AT, {"status": ("ok",), "key": ("quiet",)}, {})

    assert search._lane(None).column == "key"
    assert Search(AT, {"status": ("ok",)}, {})._lane(Place(AT_MS, "x")).column == "status"


def test_an_index_is_bounded_once_at_each_end_whatever_is_asked() -> None:
    """Of two lower bounds SQLite takes one for the index: the wider one would read the table to its end."""
    for number in range(3):
        a_request(at_ms=AT_MS + number)
    wanted = {
        "at_ms": Search(AT, {"key": ("ci",)}, {AT: (AT_MS - 9, AT_MS + 9)}),
        "id": Search(ID, {"key": ("ci",)}, {ID: ("01", "01g")}),
    }
    for column, search in wanted.items():
        end, after = ("0193", Place("0194")) if column == "id" else (AT_MS, Place(AT_MS + 5))
        with CaptureQueriesContext(connection) as queries:
            Lane(search, search.order).rows(after, end, 5)
        [sql] = [query["sql"] for query in queries.captured_queries]

        assert sql.count(f'."{column}" >= ') == sql.count(f'."{column}" < ') == 1
