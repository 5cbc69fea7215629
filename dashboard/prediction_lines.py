"""What was predicted for one prompt and what the gate made of it, as pages show it: from the recorded decision alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.presenters import words_for
from routerapp.engine.types import Decision, TraceStep
from routerapp.engine.verdicts import Verdict

_SPOKEN = {
    Verdict.GATE_OPENED,
    Verdict.GATE_HELD,
    Verdict.DEFAULT_IS_BEST,
    Verdict.DEFAULT_NOT_ELIGIBLE,
    Verdict.UNFAMILIAR_PROMPT,
    Verdict.NOT_PREDICTED,
    Verdict.WEAK_GOOD_ENOUGH,
    Verdict.WEAK_NOT_GOOD_ENOUGH,
    Verdict.ROUTE_MATCHED,
    Verdict.ROUTE_ABSTAINED,
}
_HELD_BY = {
    "margin": "its gain is within the margin",
    "max_loss": "it would cost too much quality",
    "standard_error": "its gain is within its own standard error",
}
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class PredictedLine:
    """One candidate. left and width: the 95 % interval in percent of the scale from 0 to 1; at: the prediction itself."""

    deployment: str
    is_chosen: bool
    quality: float
    low: float
    high: float
    left: float
    width: float
    at: float
    cost_nusd: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Shares:
    """name → share, as parts of a sentence or rows of a small table."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class PredictionPanel:
    """words: what the gate did. tasks: the likeliest with their posterior. cluster: how each model did in the nearest one."""

    words: str
    facts: tuple[str, ...]
    lines: tuple[PredictedLine, ...]
    tasks: tuple[Shares, ...]
    cluster: int | None
    cluster_lines: tuple[Shares, ...]
    routes: tuple[Shares, ...]
    predictor: str


def prediction_panel(decision: Decision) -> PredictionPanel | None:
    """None where the deciding strategy reads no predictions."""
    step = next((one for one in decision.trace if one.stage == "strategy" and one.verdict in _SPOKEN), None)
    if step is None:
        return None
    because = step.because
    cluster = because.get("cluster")
    return PredictionPanel(
        words_for(step.verdict),
        tuple(_facts(step)),
        tuple(_lines(decision, str(because.get("default", "")))),
        _shares(because.get("tasks")),
        cluster if isinstance(cluster, int) else None,
        _shares(because.get("cluster_quality")),
        _shares(because.get("routes")),
        str(because.get("predictor", ""))[:12],
    )


def _facts(step: TraceStep) -> list[str]:
    because = step.because
    found = []
    if step.verdict is Verdict.GATE_HELD:
        why = _HELD_BY.get(str(because.get("held_by")), "")
        found.append(
            f"{because.get('best')} scored highest, but {why}" if why else f"{because.get('best')} scored highest"
        )
    if isinstance(because.get("gain"), int | float):
        found.append(f"gain over the default {because['gain']:+.4f}, margin {because.get('margin')}")
    if isinstance(because.get("lambda_per_usd"), int | float):
        found.append(f"one USD of a request outweighs {because['lambda_per_usd']:g} of quality")
    if "predicted" in because:
        found.append(f"predicted {because['predicted']}, threshold {because.get('threshold')}")
    if "similarity" in because:
        found.append(f"similarity {because['similarity']} to {step.subject}, threshold {because.get('threshold')}")
    if isinstance(because.get("familiarity"), int | float):
        found.append(f"familiarity {because['familiarity']:.0%}")
    if isinstance(because.get("difficulty"), int | float):
        found.append(f"mean quality of all models {because['difficulty']:.2f}")
    return found


def _lines(decision: Decision, default: str) -> list[PredictedLine]:
    first = decision.plan[0].deployment if decision.plan else ""
    found = []
    for one in decision.candidates:
        detail = one.detail
        if not isinstance(detail.get("predicted_quality"), int | float):
            continue
        quality, low, high = detail["predicted_quality"], detail["quality_low"], detail["quality_high"]
        note = "the default" if one.deployment == default else _HELD_BY.get(str(detail.get("held_by", "")), "")
        found.append(
            PredictedLine(
                one.deployment,
                one.deployment == first,
                quality,
                low,
                high,
                round(low * _PERCENT, 2),
                round(max(high - low, 0.004) * _PERCENT, 2),
                round(quality * _PERCENT, 2),
                one.estimate.cost_nusd,
                note,
            )
        )
    return sorted(found, key=lambda line: (-line.quality, line.deployment))


def _shares(value: Any) -> tuple[Shares, ...]:
    given = value if isinstance(value, Mapping) else {}
    pairs = [(str(name), share) for name, share in given.items() if isinstance(share, int | float)]
    return tuple(Shares(name, share) for name, share in sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
