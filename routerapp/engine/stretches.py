"""Neighbouring rules that begin by asking the same field for a value are looked up together: a decision's cost grows with the rules that
could match, not with those that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from routerapp.engine.types import TraceStep
from routerapp.engine.vocabulary import field_of

if TYPE_CHECKING:
    from routerapp.engine.policy import Rule

_KINDS = frozenset({"text", "choice", "bool"})


@dataclass(frozen=True, slots=True)
class Stretch:
    """field: what the first conjunct of each rule asks for; None where there is nothing to look up, and each is looked at.

    by_value: a field's value -> places of the rules whose first conjunct holds for it, in order. missed: what the trace says of each
    rule whose first conjunct does not hold.
    """

    rules: tuple[Rule, ...]
    field: str | None
    by_value: Mapping[Any, tuple[int, ...]]
    everywhere: tuple[int, ...]
    missed: tuple[TraceStep, ...]


def stretches_of(rules: Sequence[Rule]) -> tuple[Stretch, ...]:
    """All rules, in their order."""
    return tuple(_stretches(rules))


def _stretches(rules: Sequence[Rule]) -> Iterator[Stretch]:
    for name, group in groupby(rules, key=_first_field):
        found = tuple(group)
        everywhere = tuple(range(len(found)))
        if name is None:
            yield Stretch(found, None, {}, everywhere, ())
            continue
        by_value: dict[Any, list[int]] = {}
        for place, rule in enumerate(found):
            for value in dict.fromkeys(_wanted(rule)):
                by_value.setdefault(value, []).append(place)
        index = {value: tuple(places) for value, places in by_value.items()}
        yield Stretch(found, name, index, everywhere, tuple(rule.checks[0][1] for rule in found))


def _first_leaf(rule: Rule) -> Mapping[str, Any] | None:
    if rule.when is None or not rule.is_enabled:
        return None
    document = rule.when.document
    first = document["all"][0] if "all" in document else document
    return first if "field" in first else None


def _first_field(rule: Rule) -> str | None:
    leaf = _first_leaf(rule)
    if leaf is None or leaf["op"] not in ("eq", "in"):
        return None
    found = field_of(leaf["field"])
    if found is None or found.is_content or found.is_family or found.kind not in _KINDS:
        return None
    return found.name


def _wanted(rule: Rule) -> tuple[Any, ...]:
    leaf = _first_leaf(rule)
    assert leaf is not None
    return tuple(leaf["value"]) if leaf["op"] == "in" else (leaf["value"],)
