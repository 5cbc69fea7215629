"""Counters and histograms of one worker for /metrics and the heartbeat. Low cardinality: names from configuration, closed sets of codes."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

LATENCY_BOUNDS_MS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000)
OVERHEAD_BOUNDS_US = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000)


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
class Metrics:
    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    attempts: Counter[tuple[str, str]] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    latency_ms: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS_MS))
    overhead_us: Histogram = field(default_factory=lambda: Histogram(OVERHEAD_BOUNDS_US))
    cost_nusd: Counter[str] = field(default_factory=Counter)

    def request_ended(
        self, origin: str, status: str, deployment: str, latency_ms: int, overhead_us: int, cost_nusd: int | None
    ) -> None:
        self.requests[origin, status] += 1
        if origin != "live":
            return
        self.latency_ms.observe(latency_ms)
        self.overhead_us.observe(overhead_us)
        if cost_nusd:
            self.cost_nusd[deployment] += cost_nusd

    def attempt_ended(self, deployment: str, error_class: str) -> None:
        self.attempts[deployment, error_class or "none"] += 1

    def refused(self, code: str) -> None:
        """A request turned away before it was known well enough to be recorded: bad key, oversize."""
        self.refusals[code] += 1
