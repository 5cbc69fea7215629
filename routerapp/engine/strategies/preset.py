"""A knob as a wish: what is to be reached on recent traffic, and the number that a job found for it. The engine reads only the number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routerapp.engine.section import Section

TARGET_KEYS = ("kind", "value")
# kind -> (lowest, highest, the value where none is written)
EQUAL, SHARE_OF_BEST, MAX_SHARE_DEAR, MAX_USD_PER_1000 = "equal", "share_of_best", "max_share_dear", "max_usd_per_1000"
ALLOWED: Mapping[str, tuple[float, float, float | None]] = {
    EQUAL: (1, 1, 1.0),
    SHARE_OF_BEST: (0, 1, 0.99),
    MAX_SHARE_DEAR: (0, 1, None),
    MAX_USD_PER_1000: (0, 1_000_000, None),
}


@dataclass(frozen=True, slots=True)
class Target:
    """kind: equal (quality of the best single model), share_of_best (0 to 1 of it), max_share_dear (0 to 1 of requests), max_usd_per_1000."""

    kind: str
    value: float


def read_target_of_preset(section: Section, kinds: tuple[str, ...]) -> Target | None:
    """The wish under `target`, if there is one."""
    if not section.has("target"):
        return None
    inner = Section(section.mapping("target"), section.at("target"), section.problems, TARGET_KEYS)
    kind = inner.text("kind")
    if kind not in kinds:
        inner.refuse("kind", "unknown_value" if kind else "missing", f"One of: {', '.join(kinds)}.")
        return None
    low, high, default = ALLOWED[kind]
    if default is None:
        inner.require("value")
    value = inner.number("value", default, low, high)
    return None if value is None else Target(kind, value)


def read_solved(section: Section, key: str, high: float) -> float | None:
    """The number that was solved for the wish, None while nobody has."""
    inner = Section(section.mapping("solved"), section.at("solved"), section.problems, (key,))
    if section.has("solved"):
        inner.require(key)
    return inner.number(key, None, 0, high)
