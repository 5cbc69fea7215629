"""Money as integers: nano-dollars (_nusd) and nano-dollars per million tokens. Decimal appears only where text is read or printed."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from routerapp.engine.types import Price

NUSD_PER_USD = 1_000_000_000
TOKENS_PER_PRICE = 1_000_000
HALF_PRICE = TOKENS_PER_PRICE // 2
MAX_NUSD = 2**63 - 1


class BadMoney(ValueError):
    """A text or number that is no amount of dollars."""


def attempt_cost(
    price: Price, input_tokens: int, output_tokens: int, cached_tokens: int = 0, cache_write_tokens: int = 0
) -> int:
    """Cost of one upstream call in nusd, rounded once, half to even.

    cached_tokens and cache_write_tokens are parts of input_tokens, read from and written to the provider's cache; without a price of
    their own they cost what input costs.
    """
    total = input_tokens * price.input_nusd_per_mtok + output_tokens * price.output_nusd_per_mtok
    if cached_tokens and price.cached_input_nusd_per_mtok is not None:
        cached = min(cached_tokens, input_tokens)
        total += cached * (price.cached_input_nusd_per_mtok - price.input_nusd_per_mtok)
    if cache_write_tokens and price.cache_write_nusd_per_mtok is not None:
        written = min(cache_write_tokens, input_tokens - min(cached_tokens, input_tokens))
        total += written * (price.cache_write_nusd_per_mtok - price.input_nusd_per_mtok)
    return rounded(total)


def rounded(total: int) -> int:
    """Tokens times nano-dollars per million of them -> nusd, half to even."""
    whole, rest = divmod(total, TOKENS_PER_PRICE)
    if rest < HALF_PRICE:
        return whole
    return whole + 1 if rest > HALF_PRICE else whole + (whole & 1)


def price_at(prices: Sequence[Price], now_ms: int) -> Price | None:
    """The price valid at now_ms, or None (unpriced). prices are sorted by valid_from_ms."""
    if len(prices) == 1:
        return prices[0] if prices[0].valid_from_ms <= now_ms else None
    for price in reversed(prices):
        if price.valid_from_ms <= now_ms:
            return price
    return None


def parse_usd(value: Any) -> int:
    """Dollars written as text or as a JSON number -> nusd. Raises BadMoney on anything that is not a plain, exact, non-negative amount."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise BadMoney("An amount of dollars is a number such as 0.02.")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        raise BadMoney(f"{str(value)[:40]!r} is not an amount of dollars, such as 0.02.") from None
    if not amount.is_finite() or amount < 0:
        raise BadMoney("An amount of dollars is zero or more, and finite.")
    if amount > MAX_NUSD // NUSD_PER_USD:
        raise BadMoney(f"An amount of dollars is at most {MAX_NUSD // NUSD_PER_USD}.")
    nusd = amount * NUSD_PER_USD
    if nusd != nusd.to_integral_value():
        raise BadMoney("The smallest amount is one nano-dollar: at most nine digits after the point.")
    return int(nusd)


def format_usd(nusd: int) -> str:
    """nusd -> plain decimal dollars, two digits at least, no digit lost: 4100000 -> '0.0041'."""
    sign = "-" if nusd < 0 else ""
    whole, rest = divmod(abs(nusd), NUSD_PER_USD)
    return f"{sign}{whole}.{f'{rest:09d}'.rstrip('0').ljust(2, '0')}"


def usd_number(nusd: int | None) -> float | None:
    """Dollars as a JSON number, for answers only; unknown stays None. Never add these up."""
    return None if nusd is None else float(format_usd(nusd))
