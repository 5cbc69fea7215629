"""What a calibration will cost before anything is asked: tokens × the price in force, for each candidate and the judge, as expected and at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from routerapp.engine.types import Price
from routerapp.models import Calibration
from routerapp.models import Price as PriceRow
from routerapp.serving.calibration.offered import OfferedPrompt
from routerapp.serving.calibration.questions import (
    Cost,
    Place,
    ceiling_of,
    cost_of,
    judges_cost,
    place_of,
    question,
)
from routerapp.store.config_document import unix_ms
from routerapp.store.snapshot import Snapshot

# A price is these columns of its row.
RATES = ("input_nusd_per_mtok", "output_nusd_per_mtok", "cached_input_nusd_per_mtok", "cache_write_nusd_per_mtok")
JUDGE = "judge"


def estimate_of(
    row: Calibration, left: Mapping[str, Sequence[OfferedPrompt]], snapshot: Snapshot, now: datetime
) -> dict[str, Any]:
    """left: per deployment the prompts it has not answered. Returns the calibration's estimate. Raises CannotBeAsked."""
    now_ms = unix_ms(now)
    judge = place_of(row.judge, snapshot, now_ms) if row.judge else None
    lines, judged = [], Cost()
    for slug in row.deployments:
        place = place_of(slug, snapshot, now_ms)
        chats = [question(one, place, row.max_output_tokens) for one in left[slug]]
        costs = [cost_of(chat, place, snapshot) for chat in chats]
        lines.append(_line(place, sum(costs, Cost())))
        if judge is not None:
            judges = [judges_cost(chat, cost.output_tokens, judge) for chat, cost in zip(chats, costs, strict=True)]
            judged += sum(judges, Cost())
    if judge is not None:
        lines.append(_line(judge, judged, JUDGE))
    most = sum(line["most_nusd"] for line in lines)
    return {
        "lines": lines,
        "expected_nusd": sum(line["expected_nusd"] for line in lines),
        "most_nusd": most,
        "ceiling_nusd": ceiling_of(row.spent_nusd + most),
        "calls": sum(line["calls"] for line in lines),
    }


def stands(row: Calibration, now: datetime) -> bool:
    """Whether the estimate's prices are those of now."""
    slugs = [line["deployment"] for line in row.estimate.get("lines", [])]
    prices = PriceRow.objects.filter(deployment__slug__in=slugs, valid_from__lte=now).order_by("valid_from")
    current = {one.deployment.slug: rates_of(one) for one in prices.select_related("deployment")}
    return all(current.get(line["deployment"]) == line["price"] for line in row.estimate["lines"])


def rates_of(price: Price | PriceRow) -> list[int | None]:
    return [getattr(price, name) for name in RATES]


def _line(place: Place, cost: Cost, role: str = "candidate") -> dict[str, Any]:
    return {
        "role": role,
        "deployment": place.slug,
        "language_model": place.model.slug,
        "price": rates_of(place.price),
        **asdict(cost),
    }
