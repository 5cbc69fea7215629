"""Counting under labels without ever growing past a bound: what comes after that is counted together as "other"."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

OTHER = "other"
MOST_SERIES = 2_000
MOST_HISTOGRAMS = 200
Labels = tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """A sum per tuple of label values. All are names from configuration or codes; the bound is the last line of defence."""

    sums: dict[Labels, int] = field(default_factory=dict)
    most: int = MOST_SERIES

    def add(self, *labels: str, by: int = 1) -> None:
        if labels not in self.sums and len(self.sums) >= self.most:
            labels = (OTHER,) * len(labels)
        self.sums[labels] = self.sums.get(labels, 0) + by

    def __iter__(self) -> Iterator[tuple[Labels, int]]:
        return iter(sorted(self.sums.items()))

    @property
    def total(self) -> int:
        return sum(self.sums.values())


@dataclass(slots=True)
class Histogram:
    """counts[i] are values in (bounds[i-1], bounds[i]]; the last one is everything above."""

    bounds: tuple[int, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Histograms:
    """One histogram per label value."""

    bounds: tuple[int, ...]
    by_label: dict[str, Histogram] = field(default_factory=dict)
    most: int = MOST_HISTOGRAMS

    def observe(self, label: str, value: float) -> None:
        found = self.by_label.get(label)
        if found is None:
            if len(self.by_label) >= self.most:
                label = OTHER
            found = self.by_label.setdefault(label, Histogram(self.bounds))
        found.observe(value)

    def __iter__(self) -> Iterator[tuple[str, Histogram]]:
        return iter(sorted(self.by_label.items()))
