"""How a request's cost came about, digit by digit: tokens × price per million, rounded once per attempt, then summed."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from routerapp.engine.money import NUSD_PER_USD, attempt_cost
from routerapp.engine.types import Price
from routerapp.models import AttemptRow, RoutedRequest

TOKENS_PER_PRICE = 1_000_000


@dataclass(frozen=True, slots=True)
class CostLine:
    """amount_usd has every digit: tokens × price ÷ 1,000,000 before rounding."""

    name: str
    tokens: int
    nusd_per_mtok: int
    amount_usd: str


@dataclass(frozen=True, slots=True)
class AttemptCost:
    """problem says why there is no cost, or why ours differs from what was recorded; empty when all is well."""

    attempt: AttemptRow
    lines: tuple[CostLine, ...]
    computed_nusd: int | None
    problem: str


@dataclass(frozen=True, slots=True)
class CostSheet:
    attempts: tuple[AttemptCost, ...]
    sum_nusd: int
    is_equal: bool


def cost_sheet(row: RoutedRequest, attempts: Sequence[AttemptRow]) -> CostSheet | None:
    """None when nothing was called. is_equal: the attempts' recorded costs add up to the request's."""
    if not attempts:
        return None
    priced = [one.cost_nusd for one in attempts if one.cost_nusd is not None]
    total = sum(priced)
    return CostSheet(tuple(map(_attempt_cost, attempts)), total, total == (row.cost_nusd or 0))


def _attempt_cost(attempt: AttemptRow) -> AttemptCost:
    if attempt.input_nusd_per_mtok is None or attempt.output_nusd_per_mtok is None:
        return AttemptCost(attempt, (), None, "unpriced: the deployment had no price at that moment")
    if not attempt.input_tokens and not attempt.output_tokens:
        return AttemptCost(attempt, (), attempt.cost_nusd, "no tokens were used")
    price = Price(
        attempt.input_nusd_per_mtok,
        attempt.output_nusd_per_mtok,
        attempt.cached_input_nusd_per_mtok,
        cache_write_nusd_per_mtok=attempt.cache_write_nusd_per_mtok,
    )
    parts = (attempt.cached_tokens or 0, attempt.cache_write_tokens or 0)
    used = (attempt.input_tokens or 0, attempt.output_tokens or 0, *parts)
    computed = attempt_cost(price, *used)
    differs = attempt.cost_nusd is not None and computed != attempt.cost_nusd
    return AttemptCost(attempt, _lines(price, *used), computed, "differs from what was recorded" if differs else "")


def _lines(
    price: Price, input_tokens: int, output_tokens: int, cached_tokens: int, cache_write_tokens: int
) -> tuple[CostLine, ...]:
    cached = min(cached_tokens, input_tokens)
    fresh, parts = input_tokens, []
    for name, tokens, each in (
        ("Cached input", cached, price.cached_input_nusd_per_mtok),
        ("Cache writes", min(cache_write_tokens, input_tokens - cached), price.cache_write_nusd_per_mtok),
    ):
        if tokens and each is not None:
            fresh -= tokens
            parts.append((name, tokens, each))
    parts.insert(0, ("Input", fresh, price.input_nusd_per_mtok))
    parts.append(("Output", output_tokens, price.output_nusd_per_mtok))
    return tuple(CostLine(name, tokens, each, _amount(tokens * each)) for name, tokens, each in parts)


def _amount(product: int) -> str:
    return f"{Decimal(product) / TOKENS_PER_PRICE / NUSD_PER_USD:f}"
