"""Amounts of money as people type them, in US dollars, to integer nano-dollars."""

from __future__ import annotations

from routerapp.engine.money import parse_usd
from routerapp.serving.refusals import invalid

# A price or cap above a million dollars is a slip of the keyboard; it also keeps sums far inside 64 bits.
MAX_NUSD = 1_000_000 * 10**9


def usd(text: str, path: str) -> int:
    """Nano-dollars; not negative, at most MAX_NUSD."""
    try:
        amount = parse_usd(text)
    except (ValueError, ArithmeticError, TypeError) as error:
        raise invalid(
            path, "bad_amount", f"{str(text)[:40]!r} is not an amount in US dollars, such as 2.50."
        ) from error
    if not 0 <= amount <= MAX_NUSD:
        raise invalid(path, "out_of_range", "An amount lies between 0 and 1,000,000 US dollars.")
    return amount


def optional_usd(text: str | None, path: str) -> int | None:
    """None for nothing given: unknown, not zero."""
    return None if text is None or text == "" else usd(text, path)
