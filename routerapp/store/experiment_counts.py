"""What the arms of one experiment saw, counted from request rows and feedback: sums per unit in SQL, as integers, squared outside it.

Only the window of the experiment counts, and only its own origin: live, or sample for the invented experiment of the demo.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections

from routerapp.engine.money import usd_number
from routerapp.experiments.comparison import ArmCounts
from routerapp.experiments.intervals import Moments, moments_of
from routerapp.models import Status

SUCCEEDED = Status.OK.value
FAILED = (Status.UPSTREAM_ERROR.value, Status.TIMEOUT.value, Status.INTERRUPTED.value)

# Of one request: 1, was a model asked, does it say something, did it succeed, and cost and time of a success where they are known.
_MEASURES = (
    "1",
    "CASE WHEN attempts > 0 OR cache = 'hit' THEN 1 ELSE 0 END",
    "CASE WHEN status IN (%s, %s, %s, %s) THEN 1 ELSE 0 END",
    "CASE WHEN status = %s THEN 1 ELSE 0 END",
    "CASE WHEN status = %s AND cost_nusd IS NOT NULL THEN 1 ELSE 0 END",
    "CASE WHEN status = %s THEN COALESCE(cost_nusd, 0) ELSE 0 END",
    "CASE WHEN status = %s AND latency_ms IS NOT NULL THEN 1 ELSE 0 END",
    "CASE WHEN status = %s THEN COALESCE(latency_ms, 0) ELSE 0 END",
)
_MEASURED = (SUCCEEDED, *FAILED, *[SUCCEEDED] * 5)
# The index request_by_arm holds every column named here; the term without a parameter is what lets the planner take it.
_IN_WINDOW = "experiment = %s AND NOT (experiment = '') AND origin = %s AND at_ms >= %s AND at_ms < %s"
_PER_UNIT = f"""
SELECT arm, {", ".join(f"SUM({measure})" for measure in _MEASURES)} FROM routed_request
WHERE {_IN_WINDOW} AND unit <> '' GROUP BY arm, unit
"""
_PER_REQUEST = f"SELECT arm, {', '.join(_MEASURES)} FROM routed_request WHERE {_IN_WINDOW} AND unit = ''"
_JUDGED = """
SELECT r.arm, CASE WHEN r.unit = '' THEN r.id ELSE r.unit END, r.id, f.value
FROM feedback f JOIN routed_request r ON r.id = f.request_id
WHERE r.experiment = %s AND NOT (r.experiment = '') AND r.origin = %s AND r.at_ms >= %s AND r.at_ms < %s
  AND f.value IS NOT NULL
ORDER BY f.at_ms, f.id
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Which requests belong to the experiment. ends_at_ms is exclusive."""

    experiment: str
    starts_at_ms: int
    ends_at_ms: int
    origin: str = "live"

    @property
    def parameters(self) -> tuple[Any, ...]:
        return (self.experiment, self.origin, self.starts_at_ms, self.ends_at_ms)


@dataclass(frozen=True, slots=True)
class _Unit:
    """What one unit did, in the order of _MEASURES."""

    assigned: int
    exposed: int
    judged: int
    succeeded: int
    priced: int
    cost_nusd: int
    timed: int
    latency_ms: int


def count_arms(window: Window, weights: Mapping[str, float], using: str = "default") -> tuple[ArmCounts, ...]:
    """One entry per arm of weights, in its order; what an unknown arm saw is added under its own name at the end, with weight 0."""
    with connections[using].cursor() as cursor:
        seen: dict[str, list[_Unit]] = defaultdict(list)
        for query in (_PER_UNIT, _PER_REQUEST):
            cursor.execute(query, [*_MEASURED, *window.parameters])
            for arm, *numbers in cursor:
                seen[arm].append(_Unit(*map(int, numbers)))
        cursor.execute(_JUDGED, window.parameters)
        opinions = _opinions(cursor.fetchall())
    names = [*weights, *sorted(seen.keys() - weights.keys())]
    return tuple(_counts(name, weights.get(name, 0.0), seen[name], opinions[name]) for name in names)


def _counts(name: str, weight: float, units: Sequence[_Unit], feedback: Moments) -> ArmCounts:
    return ArmCounts(
        name=name,
        weight=weight,
        assigned=sum(unit.assigned for unit in units),
        exposed=sum(unit.exposed for unit in units),
        units=len(units),
        unpriced=sum(unit.succeeded - unit.priced for unit in units),
        success=moments_of((unit.judged, unit.succeeded) for unit in units if unit.judged),
        cost_usd=moments_of((unit.priced, usd_number(unit.cost_nusd) or 0.0) for unit in units if unit.priced),
        latency_ms=moments_of((unit.timed, unit.latency_ms) for unit in units if unit.timed),
        feedback=feedback,
    )


def _opinions(rows: Iterable[tuple[str, str, str, float]]) -> defaultdict[str, Moments]:
    """Arm -> feedback from 0 to 1, summed per unit. Of several judgements of one request the newest counts."""
    per_unit: dict[str, dict[str, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for arm, unit, request_id, value in rows:
        per_unit[arm][unit][request_id] = value
    found: defaultdict[str, Moments] = defaultdict(Moments)
    for arm, units in per_unit.items():
        found[arm] = moments_of((len(values), sum(values.values())) for values in units.values())
    return found
