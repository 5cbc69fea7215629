"""What a report is about (range, filters) and what it says, as frozen values. The queries are in overview.py and request_sums.py.

Money is integer nano-dollars; None is unknown; percentiles say how many samples they rest on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from routerapp.models import Granularity, Origin, Status
from routerapp.store.rollups import LENGTH_MS, period_start
from routerapp.store.sketches import Percentiles

MINUTES_UP_TO_MS = 3 * LENGTH_MS[Granularity.HOUR.value]
HOURS_UP_TO_MS = 14 * LENGTH_MS[Granularity.DAY.value]
MOST_POINTS = 2_000
# The denominator of success: what the caller or a rule ended says nothing about the models.
JUDGED = (Status.OK.value, Status.UPSTREAM_ERROR.value, Status.TIMEOUT.value, Status.INTERRUPTED.value)


@dataclass(frozen=True, slots=True)
class Range:
    """Half open: starts_at_ms <= t < ends_at_ms. finest is the finest granularity whose rollups are still kept at its start.

    granularity is that of a chart's points; sums are exact to the minute all the same (grains.py).
    """

    starts_at_ms: int
    ends_at_ms: int
    finest: str = Granularity.MINUTE.value

    def __post_init__(self) -> None:
        if self.starts_at_ms >= self.ends_at_ms:
            raise ValueError("a range must end after it starts")

    @property
    def length_ms(self) -> int:
        return self.ends_at_ms - self.starts_at_ms

    @property
    def granularity(self) -> str:
        if self.length_ms <= MINUTES_UP_TO_MS:
            wanted = Granularity.MINUTE.value
        else:
            wanted = Granularity.HOUR.value if self.length_ms <= HOURS_UP_TO_MS else Granularity.DAY.value
        return max(wanted, self.finest, key=LENGTH_MS.__getitem__)

    @property
    def first_period_ms(self) -> int:
        """The first point of a chart begins on the clock, though only what came since starts_at_ms counts in it."""
        return period_start(self.starts_at_ms, self.granularity)


@dataclass(frozen=True, slots=True)
class Filters:
    """Empty is no filter. policy, rule, key, team and task narrow what users saw; attempts know only models and origins."""

    origins: tuple[str, ...] = (Origin.LIVE.value,)
    policy: str = ""
    rule: str = ""
    key: str = ""
    team: str = ""
    task: str = ""
    language_model: str = ""

    def request_columns(self) -> dict[str, str]:
        names = ("policy", "rule", "key", "team", "task", "language_model")
        return {name: getattr(self, name) for name in names if getattr(self, name)}

    def attempt_columns(self) -> dict[str, str]:
        return {"language_model": self.language_model} if self.language_model else {}


LIVE_TRAFFIC = Filters()


def shown_origins(*, has_sample_data: bool) -> tuple[str, ...]:
    """Live traffic, and the sample's while the installation shows it."""
    return (Origin.LIVE.value, Origin.SAMPLE.value) if has_sample_data else (Origin.LIVE.value,)


@dataclass(frozen=True, slots=True)
class Success:
    """ok of judged; share is None when nothing was judged."""

    ok: int = 0
    judged: int = 0

    @property
    def share(self) -> float | None:
        return self.ok / self.judged if self.judged else None


@dataclass(frozen=True, slots=True)
class Totals:
    """What users saw. saved_nusd is against the dearest eligible candidate, over the baseline_n requests where both costs are known.

    cache_saved_nusd is what the exact cache's hits would have cost; they have no baseline, so the two savings add up. moved_n: sticky
    units that changed their deployment, and the prompt tokens they left in a cache.
    """

    requests: int = 0
    cost_nusd: int = 0
    unpriced_n: int = 0
    estimated_n: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    baseline_n: int = 0
    baseline_cost_nusd: int = 0
    baseline_actual_nusd: int = 0
    cache_hit_n: int = 0
    cache_saved_nusd: int = 0
    moved_n: int = 0
    lost_cache_tokens: int = 0
    success: Success = Success()
    by_status: Mapping[str, int] = field(default_factory=dict)
    latency: Percentiles = field(default_factory=Percentiles)
    ttft: Percentiles = field(default_factory=Percentiles)

    @property
    def saved_nusd(self) -> int:
        return self.baseline_cost_nusd - self.baseline_actual_nusd

    @property
    def saved_share(self) -> float | None:
        return self.saved_nusd / self.baseline_cost_nusd if self.baseline_cost_nusd else None


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One language model, from its attempts: what it did, whoever answered in the end. Errors are by error class."""

    language_model: str
    attempts: int
    cost_nusd: int
    unpriced_n: int
    estimated_n: int
    input_tokens: int
    output_tokens: int
    success: Success
    errors: Mapping[str, int]
    latency: Percentiles
    ttft: Percentiles


@dataclass(frozen=True, slots=True)
class Point:
    """One language model in one period, from its attempts."""

    starts_at_ms: int
    requests: int
    cost_nusd: int
    success: Success
    latency: Percentiles


@dataclass(frozen=True, slots=True)
class TotalPoint:
    """Everything users saw in one period."""

    starts_at_ms: int
    requests: int
    cost_nusd: int
    saved_nusd: int
    success: Success
    latency: Percentiles
    ttft: Percentiles
    cache_hit_n: int = 0
    cache_saved_nusd: int = 0


@dataclass(frozen=True, slots=True)
class RuleHits:
    policy: str
    policy_version: int
    rule: str
    requests: int
    cost_nusd: int
    success: Success


@dataclass(frozen=True, slots=True)
class OverviewReport:
    """starts_at_ms is the start of the first period; step_ms the length of a point. A model's periods without attempts are left out."""

    starts_at_ms: int
    ends_at_ms: int
    step_ms: int
    totals: Totals
    models: tuple[ModelRow, ...]
    over_time: tuple[TotalPoint, ...]
    by_model: Mapping[str, tuple[Point, ...]]
    rules: tuple[RuleHits, ...]

    @property
    def is_empty(self) -> bool:
        return self.totals.requests == 0
