"""What is held before a call is never less than what the call can cost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from routerapp.engine.money import attempt_cost
from routerapp.engine.types import Price
from routerapp.engine.worst_case import WorstCase

TOKENS = st.integers(0, 1_000_000)
RATE = st.integers(0, 10**11)
MAYBE = st.none() | RATE


@given(TOKENS, TOKENS, TOKENS, TOKENS, RATE, RATE, MAYBE, MAYBE)
def test_however_much_is_read_from_or_written_to_a_cache(used, out, cached, written, rate, out_rate, read, write):
    price = Price(rate, out_rate, read, cache_write_nusd_per_mtok=write)
    most = WorstCase(1_000_000, 1_000_000, None).cost(price)

    assert attempt_cost(price, used, out, cached, written) <= most
