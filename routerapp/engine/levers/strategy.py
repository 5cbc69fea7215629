"""The numbers and lists of one `use`'s strategy, as its document writes them; what is not written counts as its default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from routerapp.engine.constraints import covers
from routerapp.engine.levers.edit import Path, at, edited, written
from routerapp.engine.levers.lever import (
    DOWN,
    ONE,
    STATEMENT,
    THOUSANDTH,
    UP,
    Grid,
    Handle,
    Lever,
    Number,
    Owner,
    Switch,
)
from routerapp.engine.levers.visit import Visit
from routerapp.engine.references import parse_target
from routerapp.engine.section import is_number
from routerapp.engine.situation import Situation
from routerapp.engine.types import DeploymentFacts
from routerapp.engine.vocabulary import STRATEGY_BY_KIND

MOST_WEIGHT = 1_000_000
SHARED = ("weighted", "consistent_hash", "round_robin", "least_busy")
WHOLE = ("round_robin", "least_busy")
MICRO = Grid(1, 1_000_000)
SHARES = (
    "min_confidence",
    "explore_share",
    "cost_quality",
    "margin",
    "max_loss",
    "min_familiarity",
    "threshold",
)
# What a job solved, and what it was solved for, is nobody's to turn by hand.
SOLVED = ("target", "solved")


def strategy_levers(visit: Visit, use: Path, target: DeploymentFacts, first: str | None) -> Iterator[Lever]:
    path = (*use, "strategy")
    document = visit.at(path)
    kind = document.get("kind") if isinstance(document, Mapping) else None
    if kind is not None and isinstance(document, Mapping):
        whole = _with_defaults(document, str(kind), visit, target)
        yield from _numbers(visit, path, whole, str(kind), target, first)
        if kind == "contextual":
            yield from _targets(visit, path, document, target)
    share = visit.at((*use, "explore", "share"))
    if is_number(share):
        handle = _handle(visit, (*use, "explore", "share"))
        yield Number(handle, share, partial(visit.with_value, (*use, "explore", "share")), THOUSANDTH, 0, 0.5)


def _with_defaults(document: Mapping[str, Any], kind: str, visit: Visit, target: DeploymentFacts) -> dict[str, Any]:
    """Every number the strategy reads, also those that nobody wrote: a term or dimension without a weight weighs nothing."""
    known = STRATEGY_BY_KIND.get(kind)
    defaults = {one.name: one.default for one in known.parameters if one.default is not None} if known else {}
    whole = {**defaults, **document}
    if kind == "balanced":
        written_weights = document.get("weights") or defaults["weights"]
        whole["weights"] = {**dict.fromkeys(_choices("balanced"), 0), **written_weights}
        whole["ranges"] = {**defaults["ranges"], **(document.get("ranges") or {})}
    if kind == "capability":
        dimensions = sorted(visit.situation.config.models[target.model].scores)
        whole["weights"] = {**dict.fromkeys(dimensions, 0), **document.get("weights", {})}
    if kind in SHARED and document.get("weights"):
        names = document["weights"]
        has_own = any(_names(name, target) for name in names)
        whole["weights"] = names if has_own else {**names, f"deployment:{target.slug}": 0}
    return whole


def _choices(kind: str) -> tuple[str, ...]:
    return next(one.choices for one in STRATEGY_BY_KIND[kind].parameters if one.name == "weights")


def _numbers(
    visit: Visit, path: Path, whole: Mapping[str, Any], kind: str, target: DeploymentFacts, first: str | None
) -> Iterator[Lever]:
    rival = visit.situation.config.deployments.get(first or "")
    for inner, value in _leaves({name: part for name, part in whole.items() if name not in SOLVED}, ()):
        directions: tuple[int, ...] = (UP, DOWN)
        if kind in SHARED and inner[0] == "weights":
            directions = _shared_directions(str(inner[1]), target, rival)
        if directions:
            grid, low, high = _scale(kind, inner, value)
            apply = partial(_with_number, visit, path, whole, inner)
            unit = "ms" if "ttft_ms" in inner else "usd" if "cost_usd" in inner else ""
            handle = _handle(visit, (*path, *inner), unit, _name(whole, inner))
            is_monotone = len(directions) == 1 and kind != "least_busy"
            yield Number(handle, value, apply, grid, low, high, directions, is_monotone=is_monotone)


def _leaves(document: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Every number; of an experiment's arms only their weights, for what an arm uses is a use of its own."""
    if isinstance(document, Mapping):
        for key, value in document.items():
            if key != "use":
                yield from _leaves(value, (*path, key))
    elif isinstance(document, list | tuple):
        for place, value in enumerate(document):
            yield from _leaves(value, (*path, place))
    elif is_number(document):
        yield path, document


def _name(whole: Mapping[str, Any], inner: Path) -> str:
    """Of an arm or a route its own name, of a weight or a scale what it is of."""
    if inner[0] in ("arms", "routes"):
        return str(at(whole, (*inner[:2], "name")))
    return str(inner[1] if len(inner) > 1 else inner[0])


def _shared_directions(name: str, target: DeploymentFacts, rival: DeploymentFacts | None) -> tuple[int, ...]:
    if _names(name, target):
        return (UP,)
    return (DOWN,) if rival is not None and _names(name, rival) else ()


def _names(name: str, facts: DeploymentFacts) -> bool:
    reference = parse_target(name)
    return reference is not None and covers(reference, facts)


def _scale(kind: str, inner: Path, value: Any) -> tuple[Grid, float, float]:
    """(grid, lowest, highest) of one parameter."""
    name = str(inner[0])
    if name in SHARES:
        return THOUSANDTH, 0, 0.5 if kind == "bandit" else 1
    if name == "routes":
        return THOUSANDTH, -1, 1
    if name == "explore_below_samples":
        return ONE, 0, 1_000
    if name == "explore_below_answers":
        return ONE, 0, 100_000
    if name == "ranges":
        return (MICRO, MICRO.step, 1_000) if "cost_usd" in inner else (ONE, 1, 10_000_000)
    is_whole = isinstance(value, int) and (value >= 10 or kind in WHOLE)
    is_bounded = kind in ("balanced", "capability")
    return (ONE if is_whole else THOUSANDTH), 0, max(1_000 if is_bounded else MOST_WEIGHT, value)


def _with_number(visit: Visit, path: Path, whole: Mapping[str, Any], inner: Path, value: Any) -> Situation:
    """What is written stays as it is; a whole parameter is written out only where one of its parts was left to its default."""
    document = visit.at(path)
    name = inner[0]
    changed = edited(at(whole, (name,)), inner[1:], value)
    return visit.with_value(path, {**document, name: changed})


def _targets(visit: Visit, path: Path, document: Mapping[str, Any], target: DeploymentFacts) -> Iterator[Lever]:
    """The target written first for the prompt's task, or in the fallback."""
    own = f"deployment:{target.slug}"
    places: list[Path] = [("fallback",)]
    task = visit.situation.inputs.features.task
    if task in (document.get("targets") or {}):
        places.insert(0, ("targets", task))
    for place in places:
        before = list(visit.at((*path, *place)) or ())
        if before[:1] != [own]:
            after = (own, *(one for one in before if one != own))
            apply = partial(visit.with_value, (*path, *place))
            handle = _handle(visit, (*path, *place), name=str(place[-1]))
            yield Switch(handle, tuple(before), after, apply, STATEMENT)


def _handle(visit: Visit, path: Path, unit: str = "", name: str = "") -> Handle:
    return Handle(Owner.PEOPLE, "parameter", visit.policy.slug, written(path), unit, visit.rule, visit.rule_name, name)
