"""What the catalogue says of the target and of the deployment that is first now: prices, scores, abilities, limits, switches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from routerapp.engine.levers.lever import (
    AGAINST,
    DOWN,
    IN_FAVOUR,
    ONE,
    PRICE,
    STATEMENT,
    THOUSANDTH,
    UP,
    Handle,
    Lever,
    Number,
    Owner,
    Switch,
)
from routerapp.engine.money import price_at
from routerapp.engine.situation import Situation
from routerapp.engine.types import DeploymentFacts, Price

HIGHEST_PRICE = 1_000_000_000_000
MOST_TOKENS = 100_000_000
MOST = 1_000_000
ABILITIES = ("has_tools", "has_vision", "has_json_schema", "has_streaming")
_PRICES = ("input_nusd_per_mtok", "output_nusd_per_mtok")


def catalogue_levers(
    situation: Situation, target: str, first: str | None, limits: Mapping[str, Any]
) -> Iterator[Lever]:
    """limits: the merged constraints of the decision, as a document. The target's own come first."""
    own = situation.config.deployments[target]
    yield from _switches(situation, own, limits)
    yield from _prices(situation, own, DOWN)
    yield from _model(situation, own, limits)
    yield from _scores(situation, own.model, UP)
    yield from _limits(situation, own, UP)
    if first is None or first == target:
        return
    rival = situation.config.deployments[first]
    yield from _prices(situation, rival, UP)
    if rival.model != own.model:
        yield from _scores(situation, rival.model, DOWN)
    yield from _limits(situation, rival, DOWN)


def removal_levers(situation: Situation, first: str | None) -> Iterator[Lever]:
    """Taking the present first out of service: it may choose the target, but says little about it."""
    if first is not None:
        rival = situation.config.deployments[first]
        yield _switch(situation, rival, "is_draining", True, AGAINST)
        yield _switch(situation, rival, "is_enabled", False, AGAINST)


def _switches(situation: Situation, own: DeploymentFacts, limits: Mapping[str, Any]) -> Iterator[Lever]:
    if not own.is_enabled:
        yield _switch(situation, own, "is_enabled", True, IN_FAVOUR)
    if own.is_draining:
        yield _switch(situation, own, "is_draining", False, IN_FAVOUR)
    for region in limits.get("regions", ()):
        if region != own.region:
            yield _switch(situation, own, "region", region, STATEMENT)
    for tag in _residency_tags(limits.get("residency", ())):
        if tag not in own.residency:
            yield _switch(situation, own, "residency", (*own.residency, tag), STATEMENT)


def _residency_tags(residency: Any) -> list[str]:
    """One group, or several."""
    return sorted({tag for group in residency for tag in ([group] if isinstance(group, str) else group)})


def _switch(situation: Situation, facts: DeploymentFacts, name: str, after: Any, size: float) -> Switch:
    handle = Handle(Owner.PEOPLE, "deployment", facts.slug, name)

    def apply(value: Any) -> Situation:
        return situation.with_deployment(facts.slug, **{name: value})

    return Switch(handle, getattr(facts, name), after, apply, size)


def _prices(situation: Situation, facts: DeploymentFacts, direction: int) -> Iterator[Lever]:
    price = price_at(facts.prices, situation.now_ms)
    if price is None:
        if direction == DOWN:
            yield _first_price(situation, facts)
        return
    for name in _PRICES:

        def apply(value: int, name: str = name) -> Situation:
            rates: dict[str, Any] = {name: value}
            changed = replace(price, **rates)
            prices = tuple(changed if one is price else one for one in facts.prices)
            return situation.with_deployment(facts.slug, prices=prices)

        yield Number(
            Handle(Owner.PEOPLE, "price", facts.slug, name, "nusd_per_mtok"),
            getattr(price, name),
            apply,
            PRICE,
            0,
            HIGHEST_PRICE,
            (direction,),
            is_monotone=True,
        )


def _first_price(situation: Situation, facts: DeploymentFacts) -> Number:
    """An unpriced deployment is out under any ceiling: the highest price, the same in and out, that would do."""

    def apply(value: int) -> Situation:
        price = Price(value, value, valid_from_ms=situation.now_ms)
        return situation.with_deployment(facts.slug, prices=(price, *facts.prices))

    handle = Handle(Owner.PEOPLE, "price", facts.slug, "both", "nusd_per_mtok")
    return Number(handle, None, apply, PRICE, 0, HIGHEST_PRICE, (DOWN,), is_monotone=True, origin=HIGHEST_PRICE)


def _model(situation: Situation, own: DeploymentFacts, limits: Mapping[str, Any]) -> Iterator[Lever]:
    model = situation.config.models[own.model]
    for name in ABILITIES:
        if not getattr(model, name):
            handle = Handle(Owner.PEOPLE, "model", model.slug, name)
            yield Switch(handle, False, True, partial(_with_model, situation, model.slug, name), STATEMENT)
    for name in ("context_window", "max_output_tokens"):
        before = getattr(model, name)
        if before is not None:
            handle = Handle(Owner.PEOPLE, "model", model.slug, name, "tokens")
            apply = partial(_with_model, situation, model.slug, name)
            yield Number(handle, before, apply, ONE, 1, MOST_TOKENS, (UP,), is_monotone=True)


def _with_model(situation: Situation, slug: str, name: str, value: Any) -> Situation:
    return situation.with_model(slug, **{name: value})


def _scores(situation: Situation, slug: str, direction: int) -> Iterator[Lever]:
    """Of the present first only scores it has; of the target also those it has not: from 0 up, the least that would do."""
    scores = situation.config.models[slug].scores
    known = set(scores)
    if direction == UP:
        known |= set(situation.config.dimensions) | set(situation.config.task_dimensions.values()) | {"accuracy"}
    for dimension in sorted(known):
        before = scores.get(dimension)

        def apply(value: float, dimension: str = dimension) -> Situation:
            return situation.with_model(slug, scores={**scores, dimension: value})

        yield Number(
            Handle(Owner.PEOPLE, "score", slug, dimension),
            before,
            apply,
            THOUSANDTH,
            0,
            1,
            (direction,),
            is_monotone=True,
            origin=0,
        )


def _limits(situation: Situation, facts: DeploymentFacts, direction: int) -> Iterator[Lever]:
    """Weight and capacity. A rate limit moves what is left of it as well: what was used stays used."""
    names = (("weight", 0), ("max_in_flight", 1), ("requests_per_minute", 1), ("tokens_per_minute", 1))
    for name, low in names:
        before = getattr(facts, name)
        if before is None:
            continue

        def apply(value: int, name: str = name, before: int = before) -> Situation:
            changed = situation.with_deployment(facts.slug, **{name: value})
            left = {"requests_per_minute": "requests_left", "tokens_per_minute": "tokens_left"}.get(name)
            now = None if left is None else getattr(situation.state_of(facts.slug), left)
            if left is None or now is None:
                return changed
            return changed.with_state(facts.slug, **{left: max(0, now + value - before)})

        handle = Handle(Owner.PEOPLE, "deployment", facts.slug, name, "count")
        most = MOST_TOKENS if name == "tokens_per_minute" else MOST
        # Less of the present first can put a third in its place, as in a draw of two.
        is_monotone = direction == UP or name not in ("weight", "max_in_flight")
        yield Number(handle, before, apply, ONE, low, max(most, before), (direction,), is_monotone=is_monotone)
