"""Lists of requests by time and cost: numbers beyond 32 bits are compared as they are."""

import pytest

from routerapp.store.requests import DEAREST, RequestFilters, list_requests
from tests.factories import a_request

pytestmark = pytest.mark.django_db


def ids(filters: RequestFilters, sort: str = "newest") -> list[str]:
    return [row.id for row in list_requests(filters, sort).rows]


def test_the_dearest_of_a_time_are_those_with_a_cost() -> None:
    cheap, unpriced, dear = a_request(cost_nusd=5), a_request(cost_nusd=None), a_request(cost_nusd=2**40)
    everything = RequestFilters(from_ms=cheap.at_ms, to_ms=dear.at_ms + 1)

    assert ids(everything, DEAREST) == [dear.id, cheap.id]
    assert ids(everything) == [dear.id, unpriced.id, cheap.id]


def test_bounds_of_time_and_cost_hold_together_with_other_filters() -> None:
    rows = [a_request(status=status, cost_nusd=cost) for status in ("ok", "timeout") for cost in (2**33, 2**34, 2**35)]
    filters = RequestFilters(
        statuses=("ok",), from_ms=rows[0].at_ms, to_ms=rows[2].at_ms, min_cost_nusd=2**33 + 1, max_cost_nusd=2**35
    )

    assert ids(filters) == ids(filters, DEAREST) == [rows[1].id]
