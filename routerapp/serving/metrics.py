"""Counters and histograms of one worker for /metrics. Low cardinality: names from configuration, closed sets of codes, never a caller's text.

Keys and teams become labels only where the operator listed them (SIGNALBOX_METRICS_LABELS); users never.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from routerapp.engine.types import CallerFacts
from routerapp.serving.tally import Histogram, Histograms, Tally
from routerapp.store.records import AttemptEnd, End

LATENCY_BOUNDS_MS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000)
TTFT_BOUNDS_MS = (25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000)
OVERHEAD_BOUNDS_US = (100, 200, 500, 1_000, 2_000, 5_000, 10_000, 50_000, 100_000)
LAG_BOUNDS_US = (1_000, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000)
LIVE = "live"


@dataclass(frozen=True, slots=True)
class Standing:
    """What only the database and the disk know, read now and then. spool_lag_seconds: age of the oldest record that waits; 0 when none does."""

    open_incidents: int
    spool_waiting_bytes: int
    spool_lag_seconds: float


@dataclass(slots=True)
class Metrics:
    """caller_labels: which of key and team the operator wants to see."""

    caller_labels: tuple[str, ...] = ()
    requests: Tally = field(default_factory=Tally)  # origin, policy, status, http class
    errors: Tally = field(default_factory=Tally)  # code of a recorded request that got no whole answer
    turned_away: Tally = field(default_factory=Tally)  # code of one that was not recorded
    budget_refusals: int = 0
    records_lost: int = 0
    unrecorded: int = 0
    attempts: Tally = field(default_factory=Tally)  # deployment, error class
    retries: Tally = field(default_factory=Tally)  # deployment
    fallbacks: Tally = field(default_factory=Tally)  # deployment
    hedges: Tally = field(default_factory=Tally)  # deployment, result
    tokens: Tally = field(default_factory=Tally)  # deployment, kind
    cost_nusd: Tally = field(default_factory=Tally)  # deployment
    cache: Tally = field(default_factory=Tally)  # result
    saved_nusd: int = 0
    caller_requests: Tally = field(default_factory=Tally)  # the allowed labels, status
    caller_cost_nusd: Tally = field(default_factory=Tally)  # the allowed labels
    latency_ms: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS_MS))
    overhead_us: Histogram = field(default_factory=lambda: Histogram(OVERHEAD_BOUNDS_US))
    attempt_ms: Histograms = field(default_factory=lambda: Histograms(LATENCY_BOUNDS_MS))
    ttft_ms: Histograms = field(default_factory=lambda: Histograms(TTFT_BOUNDS_MS))
    loop_lag_us: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))
    standing: Standing | None = None

    def request_ended(self, origin: str, policy: str, end: End, caller: CallerFacts) -> None:
        """Durations are of live requests alone."""
        self.requests.add(origin, policy, end.status, f"{end.http_status // 100}xx")
        if end.error_code:
            self.errors.add(end.error_code)
        if end.status == "refused_budget":
            self.budget_refusals += 1
        if end.cache:
            self.cache.add(end.cache)
        self.saved_nusd += end.saved_nusd or 0
        if self.caller_labels:
            names = self._names_of(caller)
            self.caller_requests.add(*names, end.status)
            if end.cost_nusd:
                self.caller_cost_nusd.add(*names, by=end.cost_nusd)
        if origin == LIVE:
            self.latency_ms.observe(end.latency_ms or 0)
            self.overhead_us.observe(end.overhead_us or 0)

    def attempt_ended(self, attempt: AttemptEnd) -> None:
        """Tokens and money count whoever asked: they are paid for."""
        deployment = attempt.deployment
        self.attempts.add(deployment, attempt.error_class or "none")
        self.attempt_ms.observe(deployment, attempt.latency_ms)
        if attempt.ttft_ms is not None:
            self.ttft_ms.observe(deployment, attempt.ttft_ms)
        if attempt.retry:
            self.retries.add(deployment)
        elif attempt.role == "fallback":
            self.fallbacks.add(deployment)
        elif attempt.role == "hedge":
            self.hedges.add(deployment, "won" if attempt.status == "ok" else "lost")
        for kind, count in (
            ("input", attempt.input_tokens),
            ("output", attempt.output_tokens),
            ("cached_input", attempt.cached_tokens),
            ("cache_write", attempt.cache_write_tokens),
        ):
            if count:
                self.tokens.add(deployment, kind, by=count)
        if attempt.cost_nusd:
            self.cost_nusd.add(deployment, by=attempt.cost_nusd)

    def refused(self, code: str) -> None:
        """A request turned away before it was known well enough to be recorded: bad key, oversize."""
        self.turned_away.add(code)

    def request_unrecorded(self) -> None:
        """There was no room for any of its records: it was refused or, where that was asked for, served all the same."""
        self.unrecorded += 1

    def record_lost(self) -> None:
        """There was no room on the disk for a record."""
        self.records_lost += 1

    def _names_of(self, caller: CallerFacts) -> tuple[str, ...]:
        values = {"key": caller.slug, "team": caller.team}
        return tuple(values[label] for label in self.caller_labels)
