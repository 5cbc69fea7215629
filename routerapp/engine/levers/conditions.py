"""Numeric thresholds of the rules that were looked at: where a rule could have begun, or ceased, to match."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from routerapp.engine.levers.edit import Path, written
from routerapp.engine.levers.lever import ONE, THOUSANDTH, Handle, Lever, Number, Owner
from routerapp.engine.levers.visit import Visit
from routerapp.engine.matching import readings_for
from routerapp.engine.policy import Rule
from routerapp.engine.section import is_number

ORDERED_OPERATORS = ("gt", "gte", "lt", "lte", "between")
FRACTIONS = ("task_confidence", "complexity")
_UNITS = {"prompt_tokens": "tokens", "max_tokens": "tokens", "turns": "count", "hour": "count"}


def threshold_levers(visit: Visit) -> Iterator[Lever]:
    """Of enabled rules up to the one that matched; of all of them where the default was used."""
    readings = readings_for(visit.policy, visit.situation.inputs, visit.situation.now_ms)
    last = len(visit.policy.rules) if visit.matched is None else visit.matched + 1
    for place, rule in enumerate(visit.policy.rules[:last]):
        if not rule.is_enabled or rule.when is None:
            continue
        for path, field in _leaves(rule.when.document, ("rules", place, "when")):
            found = readings.get(field)
            if found is not None and is_number(found):
                yield from _thresholds(visit, path, field, found, rule)


def _leaves(document: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """(path of the value, field) of every leaf that compares by order."""
    if not isinstance(document, Mapping):
        return
    for branch in ("all", "any"):
        for place, part in enumerate(document.get(branch) or ()):
            yield from _leaves(part, (*path, branch, place))
    if "not" in document:
        yield from _leaves(document["not"], (*path, "not"))
    if document.get("op") in ORDERED_OPERATORS:
        yield (*path, "value"), str(document["field"])


def _thresholds(visit: Visit, path: Path, field: str, found: float, rule: Rule) -> Iterator[Lever]:
    """landmarks: what the request has; one step beside it the comparison turns."""
    value = visit.at(path)
    if isinstance(value, list | tuple):
        for end in range(len(value)):
            yield from _thresholds(visit, (*path, end), field, found, rule)
        return
    is_fraction = field in FRACTIONS
    grid = THOUSANDTH if is_fraction else ONE
    yield Number(
        Handle(
            Owner.PEOPLE,
            "condition",
            visit.policy.slug,
            written(path),
            _UNITS.get(field, ""),
            rule.id,
            rule.name,
            field,
        ),
        value,
        partial(visit.with_value, path),
        grid,
        0,
        max(value, found, 1) + grid.step,
        landmarks=(found,),
        is_wide=False,
    )
