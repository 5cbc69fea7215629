from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.engine.money import BadMoney, attempt_cost, format_usd, parse_usd, price_at
from routerapp.engine.types import Price

TOKENS = st.integers(0, 2_000_000)
RATE = st.integers(0, 10**12)


@given(TOKENS, TOKENS, TOKENS, RATE, RATE, RATE)
def test_rounds_once_half_to_even(tokens_in, tokens_out, cached, rate_in, rate_out, rate_cached):
    cost = attempt_cost(Price(rate_in, rate_out, rate_cached), tokens_in, tokens_out, cached)

    cached = min(cached, tokens_in)
    exact = Decimal((tokens_in - cached) * rate_in + cached * rate_cached + tokens_out * rate_out) / 1_000_000
    assert cost == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


@pytest.mark.parametrize(("tokens", "cost"), [(1, 0), (3, 2), (2, 1)])
def test_half_a_nano_dollar_goes_to_the_even_side(tokens, cost):
    assert attempt_cost(Price(500_000, 0), tokens, 0) == cost


def test_cached_input_without_a_price_costs_what_input_costs():
    assert attempt_cost(Price(10**9, 0), 100, 0, 50) == attempt_cost(Price(10**9, 0), 100, 0)


@given(TOKENS, TOKENS, TOKENS, RATE, RATE, RATE)
def test_what_is_written_to_a_cache_has_a_rate_of_its_own(tokens_in, cached, written, rate_in, rate_cached, rate_write):
    price = Price(rate_in, 0, rate_cached, cache_write_nusd_per_mtok=rate_write)
    cost = attempt_cost(price, tokens_in, 0, cached, written)

    cached = min(cached, tokens_in)
    written = min(written, tokens_in - cached)
    fresh = tokens_in - cached - written
    exact = Decimal(fresh * rate_in + cached * rate_cached + written * rate_write) / 1_000_000
    assert cost == int(exact.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def test_cache_writes_without_a_price_cost_what_input_costs():
    assert attempt_cost(Price(10**9, 0, 10**8), 100, 0, 20, 50) == attempt_cost(Price(10**9, 0, 10**8), 100, 0, 20)


@given(st.integers(0, 2**62))
def test_text_and_nano_dollars_are_two_forms_of_one_amount(nusd):
    assert parse_usd(format_usd(nusd)) == nusd


@pytest.mark.parametrize(
    ("nusd", "text"), [(4_100_000, "0.0041"), (12 * 10**9, "12.00"), (1, "0.000000001"), (-5 * 10**8, "-0.50")]
)
def test_prints_plain_decimals(nusd, text):
    assert format_usd(nusd) == text


@pytest.mark.parametrize("value", ["", "abc", "NaN", "Infinity", "-1", -0.01, True, None, [], "0.0000000001", "1e30"])
def test_refuses_what_is_no_amount(value):
    with pytest.raises(BadMoney):
        parse_usd(value)


@pytest.mark.parametrize("value", [0.02, "0.02", " 0.02 ", "2e-2", Decimal("0.02")])
def test_reads_numbers_as_they_are_written(value):
    assert parse_usd(value) == 20_000_000


def test_the_price_is_the_last_that_has_begun():
    first, second = Price(1, 1, valid_from_ms=100), Price(2, 2, valid_from_ms=200)

    assert price_at((first, second), 99) is None
    assert price_at((first, second), 199) is first
    assert price_at((first, second), 200) is second
    assert price_at((first,), 99) is None
    assert price_at((), 99) is None
