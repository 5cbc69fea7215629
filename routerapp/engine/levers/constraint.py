"""One constraints document, whoever wrote it: its numbers, and what its lists could admit. Limits that are not there yet may be asked for too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from routerapp.engine.constraints import MAX_TTFT_MS, covers
from routerapp.engine.estimates import forecast_for, need_of, quote_for
from routerapp.engine.levers.edit import GONE, edited
from routerapp.engine.levers.lever import (
    DOWN,
    IN_FAVOUR,
    MONEY,
    ONE,
    PRICE,
    THOUSANDTH,
    UP,
    Grid,
    Handle,
    Lever,
    Number,
    Owner,
    Switch,
)
from routerapp.engine.money import MAX_NUSD, BadMoney, format_usd, parse_usd
from routerapp.engine.references import parse_target
from routerapp.engine.section import is_number
from routerapp.engine.situation import Situation

MAX_COST_NUSD = 1_000_000_000_000
LISTS = {"regions": "region", "providers": "provider", "models": "model", "deployments": "slug"}


@dataclass(frozen=True, slots=True)
class Holder:
    """A constraints document and how the situation looks with another one. place: what stands before the key's name."""

    document: Mapping[str, Any]
    apply: Callable[[Mapping[str, Any]], Situation]
    owner: Owner
    subject: str
    place: str = ""
    rule: str = ""
    rule_name: str = ""
    takes_new: bool = False

    def handle(self, key: str, unit: str = "") -> Handle:
        field = f"{self.place}{key}"
        return Handle(self.owner, "constraint", self.subject, field, unit, self.rule, self.rule_name, key)


@dataclass(frozen=True, slots=True)
class Limit:
    """How one number of a constraints document is read and written. tighter: the direction in which it admits less."""

    unit: str
    grid: Grid
    low: float
    high: float
    tighter: int
    is_money: bool = False

    def read(self, value: Any) -> Any:
        if not self.is_money:
            return value if is_number(value) else None
        try:
            return parse_usd(value)
        except BadMoney:
            return None


LIMITS = {
    "max_cost_usd": Limit("nusd", MONEY, 0, MAX_COST_NUSD, DOWN, True),
    "max_input_usd_per_mtok": Limit("nusd_per_mtok", PRICE, 0, MAX_NUSD // 2, DOWN, True),
    "max_output_usd_per_mtok": Limit("nusd_per_mtok", PRICE, 0, MAX_NUSD // 2, DOWN, True),
    "max_ttft_ms": Limit("ms", ONE, 1, MAX_TTFT_MS, DOWN),
    "min_quality": Limit("", THOUSANDTH, 0, 1, UP),
}


def constraint_levers(holder: Holder, situation: Situation, target: str) -> Iterator[Lever]:
    marks = target_values(situation, target)
    for key, limit in LIMITS.items():
        before = limit.read(holder.document.get(key))
        if before is not None or (holder.takes_new and key not in holder.document and marks[key] is not None):
            yield _number(holder, key, limit, before, marks[key])
    yield from _lists(holder, situation, target)


def target_values(situation: Situation, target: str) -> dict[str, float | None]:
    """What each limit would hold against the target: at its own value it is as tight as it can be without shutting the target out."""
    facts = situation.config.deployments[target]
    forecast = forecast_for(
        situation.config.models[facts.model],
        need_of(situation.inputs),
        situation.evidence,
        situation.config.task_dimensions,
    )
    quote = quote_for(facts, forecast, situation.state_of(target), situation.now_ms)
    return {
        "max_cost_usd": quote.estimate.cost_nusd,
        "max_input_usd_per_mtok": None if quote.price is None else quote.price.input_nusd_per_mtok,
        "max_output_usd_per_mtok": None if quote.price is None else quote.price.output_nusd_per_mtok,
        "max_ttft_ms": quote.estimate.ttft_ms,
        "min_quality": forecast.quality,
    }


def _number(holder: Holder, key: str, limit: Limit, before: Any, mark: float | None) -> Number:
    def apply(value: Any) -> Situation:
        said = format_usd(value) if limit.is_money else value
        return holder.apply(edited(holder.document, (key,), said))

    is_new = before is None
    return Number(
        holder.handle(key, limit.unit),
        before,
        apply,
        limit.grid,
        limit.low,
        limit.high,
        (limit.tighter,) if is_new else (UP, DOWN),
        () if mark is None else (mark,),
        is_wide=False,
        origin=limit.low if limit.tighter == UP else limit.high,
    )


def _lists(holder: Holder, situation: Situation, target: str) -> Iterator[Lever]:
    facts = situation.config.deployments[target]
    for key, name in LISTS.items():
        admitted, own = holder.document.get(key), getattr(facts, name)
        if isinstance(admitted, list | tuple) and own and own not in admitted:
            yield _list_switch(holder, key, admitted, [*admitted, own])
    groups = holder.document.get("residency")
    if isinstance(groups, list | tuple) and groups and isinstance(groups[0], str):
        for tag in facts.residency:
            yield _list_switch(holder, "residency", groups, [*groups, tag])
    excluded = holder.document.get("exclude")
    if isinstance(excluded, list | tuple):
        left = [
            text for text in excluded if (reference := parse_target(str(text))) is None or not covers(reference, facts)
        ]
        if len(left) == len(excluded) - 1:
            yield _list_switch(holder, "exclude", excluded, left)


def _list_switch(holder: Holder, key: str, before: Any, after: list[Any]) -> Switch:
    def apply(value: Any) -> Situation:
        return holder.apply(edited(holder.document, (key,), value or GONE))

    return Switch(holder.handle(key), tuple(before), tuple(after), apply, IN_FAVOUR)
