"""One thing that could be set otherwise: a number on a grid of steps, or a switch with one other position; and how large a change of it is.

A lever makes the changed situation; whether that changes the decision is for decide() to say, never for a lever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from fractions import Fraction
from math import ceil, floor
from typing import Any

from routerapp.engine.situation import Situation

Apply = Callable[[Any], Situation]
UP, DOWN = 1, -1
BOTH = (UP, DOWN)
# A limit or a value where there was none counts like doubling or halving a number.
NEW_VALUE_SIZE = 1.0


class Owner(IntEnum):
    """Who can set it."""

    PEOPLE = 0
    CALLER = 1
    NOBODY = 2


@dataclass(frozen=True, slots=True)
class Handle:
    """Where a lever stands. kind: price, score, deployment, model, constraint, parameter, pool, condition, rule, key, budget, request or live.

    subject: slug of what it belongs to. field: its name there; in a policy the path in the document, and rule the rule's id. name: what
    people know it by where the field does not say it: the field of a condition, an arm, a rule.
    """

    owner: Owner
    kind: str
    subject: str
    field: str
    unit: str = ""
    rule: str = ""
    rule_name: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """The values a number may take: whole multiples of units/per."""

    units: int = 1
    per: int = 1

    @property
    def step(self) -> int | float:
        return self.value(1)

    def value(self, place: int) -> int | float:
        return place * self.units if self.per == 1 else place * self.units / self.per

    def at_most(self, value: float) -> int:
        """Place of the largest multiple that is not above the value; of one of those that no float tells apart."""
        place = floor(Fraction(value) * self.per / self.units)
        return place + 1 if self.value(place + 1) <= value else place

    def at_least(self, value: float) -> int:
        place = ceil(Fraction(value) * self.per / self.units)
        return place - 1 if self.value(place - 1) >= value else place


# What one step is, and below which amount a change counts as if the number were that large: near zero, ratios say nothing.
ONE = Grid()
THOUSANDTH = Grid(1, 1_000)
PRICE = Grid(100_000)
MONEY = Grid(100)
FLOORS = {"nusd_per_mtok": 10_000_000.0, "nusd": 10_000.0, "tokens": 100.0, "ms": 50.0, "count": 1.0, "usd": 0.00001}
PLAIN_FLOOR = 0.1


@dataclass(frozen=True, slots=True)
class Number:
    """before None: there is none yet, and the search begins at origin. low, high: the first and last allowed value.

    directions: where it may go. landmarks: values at which something can change. is_monotone: once the target is chosen, going on
    keeps it chosen, so that the far end tells whether there is anything to find. is_wide: look between landmarks too.
    """

    handle: Handle
    before: Any
    apply: Apply
    grid: Grid
    low: float
    high: float
    directions: tuple[int, ...] = BOTH
    landmarks: tuple[float, ...] = ()
    is_monotone: bool = False
    is_wide: bool = True
    origin: float | None = None

    @property
    def floor(self) -> float:
        return FLOORS.get(self.handle.unit, PLAIN_FLOOR)

    def size(self, after: float) -> float:
        """By how much the larger exceeds the smaller: halving and doubling are both 1."""
        if self.before is None:
            return NEW_VALUE_SIZE
        smaller = max(min(abs(after), abs(self.before)), self.floor)
        return float(abs(after - self.before) / smaller)

    def edge(self, direction: int, size: float) -> float:
        """The value at which a change reaches this size."""
        start = abs(self.before)
        if direction == UP:
            return float(start + size * max(start, self.floor))
        shrunk = start / (1 + size)
        return float(shrunk if shrunk >= self.floor else start - size * self.floor)


@dataclass(frozen=True, slots=True)
class Switch:
    """One other position, with a fixed size."""

    handle: Handle
    before: Any
    after: Any
    apply: Apply
    size: float


Lever = Number | Switch
# Sizes of switches: a word in the target's favour; a statement about the model or an entry in a list; taking the present first out.
IN_FAVOUR, STATEMENT, AGAINST = 1.0, 2.0, 4.0
