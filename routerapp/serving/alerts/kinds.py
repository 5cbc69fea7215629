"""What each kind of rule watches, in which unit, within which limits, and about whom it may be asked. One entry a kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from routerapp.models import AlertKind
from routerapp.serving.drift_found import TRAINING, WEEK

MODEL, PROVIDER, POLICY, KEY, TEAM, END_USER = "model", "provider", "policy", "key", "team", "end_user"
LAG, BYTES, REFUSED, FULLNESS = "lag", "bytes", "refused", "fullness"
MOST_WINDOW_MINUTES = 1_440
MOST_LEAST_REQUESTS = 1_000_000


@dataclass(frozen=True, slots=True)
class Unit:
    """How a threshold is counted. is_share: 0 to 1, shown as percent."""

    name: str
    low: float
    high: float
    is_share: bool = False

    @property
    def allowed(self) -> str:
        if self.is_share:
            return (
                f"{self.low * 100:g} to {self.high * 100:g} percent, as a fraction from {self.low:g} to {self.high:g}"
            )
        return f"{self.low:,.0f} to {self.high:,.0f} {self.name}"


SHARE = Unit("percent", 0.001, 1.0, is_share=True)
# A budget can be overrun where limits were lowered, so more than all of it may be asked for.
BUDGET_SHARE = Unit("percent", 0.01, 2.0, is_share=True)
REQUESTS = Unit("requests", 1, 1_000_000_000)
CHALLENGERS = Unit("challengers", 1, 1)
SPOOL_UNITS: Mapping[str, Unit] = MappingProxyType(
    {
        LAG: Unit("seconds", 10, 86_400),
        BYTES: Unit("MiB", 1, 1_000_000),
        REFUSED: Unit("files", 1, 1_000_000),
        FULLNESS: Unit("percent", 1, 100),
    }
)


@dataclass(frozen=True, slots=True)
class Kind:
    """subjects: prefixes of what it may watch; is_each: without a subject it watches each one by itself, else all together.

    measures: the kind's subjects when they are words of its own; then one of them is required.
    """

    about: str
    unit: Unit
    default: float
    subjects: tuple[str, ...] = ()
    is_each: bool = False
    measures: tuple[str, ...] = ()
    counts_requests: bool = False

    def unit_of(self, subject: str) -> Unit:
        return SPOOL_UNITS.get(subject, self.unit) if self.measures else self.unit

    @property
    def allowed_subjects(self) -> str:
        if self.measures:
            return f"one of {', '.join(self.measures)}"
        if not self.subjects:
            return "empty"
        everything = "each of them" if self.is_each else "all traffic"
        return f"empty for {everything}, or one of " + ", ".join(f"{prefix}:<name>" for prefix in self.subjects)


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        AlertKind.BUDGET.value: Kind(
            "How much of a daily or monthly spend limit is used, the fuller of the two.",
            BUDGET_SHARE,
            0.8,
            (KEY, TEAM, END_USER),
            is_each=True,
        ),
        AlertKind.ERROR_SHARE.value: Kind(
            "Failed requests of those that could succeed, within the window.",
            SHARE,
            0.2,
            (MODEL, PROVIDER, POLICY, KEY, TEAM),
            counts_requests=True,
        ),
        AlertKind.PROVIDER_DOWN.value: Kind(
            "How many of a provider's deployments fail their health checks or are out by their breaker.",
            SHARE,
            1.0,
            (PROVIDER,),
            is_each=True,
        ),
        AlertKind.SPOOL.value: Kind(
            "The journal: how long its oldest record waits for the database, how much waits, what the database refused, or how full it is.",
            SPOOL_UNITS[LAG],
            300,
            measures=(LAG, BYTES, REFUSED, FULLNESS),
        ),
        AlertKind.UNPRICED.value: Kind(
            "Requests within the window that were answered by a model without a price: nobody knows what they cost.",
            REQUESTS,
            1,
            (MODEL, POLICY, KEY, TEAM),
        ),
        AlertKind.INPUT_DRIFT.value: Kind(
            "Share of requests that are of another kind than those of the week before, or than those the predictor in force was trained on.",
            SHARE,
            0.2,
            measures=(WEEK, TRAINING),
        ),
        AlertKind.SUCCESS_DRIFT.value: Kind(
            "By how much a model does worse than it did itself: attempts that go well, and how its answers are judged.",
            SHARE,
            0.05,
            (MODEL,),
            is_each=True,
        ),
        AlertKind.CHALLENGER.value: Kind(
            "A predictor made by the scheduled refit that waits for somebody to promote it or to set it aside.",
            CHALLENGERS,
            1,
            is_each=True,
        ),
    }
)
