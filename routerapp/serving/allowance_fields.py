"""Limits as people and the API give them: whole numbers and plain dollars, to the columns of Allowance; null takes a limit away."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from routerapp.engine.money import format_usd
from routerapp.models.access import Allowance
from routerapp.serving.amounts import optional_usd
from routerapp.serving.refusals import invalid

# Field -> the most it may be. Above these a limit is none.
WHOLE_NUMBERS: Mapping[str, int] = MappingProxyType(
    {"requests_per_minute": 1_000_000, "tokens_per_minute": 10_000_000_000, "max_parallel": 100_000}
)
# Field -> column.
AMOUNTS: Mapping[str, str] = MappingProxyType(
    {"daily_spend_usd": "daily_spend_nusd", "monthly_spend_usd": "monthly_spend_nusd"}
)
EXACT = "is_exact"
ALLOWANCE_INPUTS = (*WHOLE_NUMBERS, *AMOUNTS, EXACT)


def set_allowance(row: Allowance, fields: Mapping[str, Any]) -> None:
    """Sets those of the fields that are limits; raises Invalid naming the field, what was given and what is allowed."""
    for name, most in WHOLE_NUMBERS.items():
        if name in fields:
            setattr(row, name, _whole(name, fields[name], most))
    for name, column in AMOUNTS.items():
        if name in fields:
            setattr(row, column, optional_usd(fields[name], name))
    if EXACT in fields:
        row.is_exact = _flag(EXACT, fields[EXACT])


def allowance_values(row: Allowance) -> dict[str, Any]:
    """For the audit log, in the words of the API."""
    amounts = {name: getattr(row, column) for name, column in AMOUNTS.items()}
    return (
        {name: getattr(row, name) for name in WHOLE_NUMBERS}
        | {name: None if nusd is None else format_usd(nusd) for name, nusd in amounts.items()}
        | ({EXACT: True} if row.is_exact else {})
    )


def _flag(name: str, value: Any) -> bool:
    if value is not None and not isinstance(value, bool):
        raise invalid(name, "wrong_type", f"{str(value)[:40]!r} is neither true nor false.")
    return bool(value)


def _whole(name: str, value: Any, most: int) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise invalid(name, "out_of_range", f"{str(value)[:40]!r} is not a whole number from 1 to {most:,}.")
    return value
