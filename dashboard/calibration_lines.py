"""A calibration as its pages show it: what it will cost, how good each model was, where it stands. Nothing is worked out here but widths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard import evaluation_words as words
from routerapp.engine.money import usd_number
from routerapp.models import Calibration, CalibrationState
from routerapp.serving.calibration.calibrations import state_of
from routerapp.serving.calibration.levels import Level

TONES = {
    CalibrationState.CHOOSING: "info",
    CalibrationState.ESTIMATED: "warn",
    CalibrationState.RUNNING: "info",
    CalibrationState.STOPPED: "bad",
    CalibrationState.GRADING: "warn",
    CalibrationState.FINISHING: "info",
    CalibrationState.DONE: "ok",
}


@dataclass(frozen=True, slots=True)
class LevelLine:
    """left, width, at: of the interval's bar, in hundredths."""

    level: Level
    value: str
    span: str
    left: float
    width: float
    at: float
    cost: str


@dataclass(frozen=True, slots=True)
class CostLine:
    line: Mapping[str, Any]
    is_judge: bool


def calibration_list(most: int = 20) -> list[dict[str, Any]]:
    """The newest, as the evaluation page lists them."""
    rows = Calibration.objects.defer("offered", "estimate").select_related("job").order_by("-pk")[:most]
    states = [(row, CalibrationState(state_of(row))) for row in rows]
    return [{"row": row, "state": state.label.lower(), "tone": TONES[state]} for row, state in states]


def level_lines(levels: Sequence[Level]) -> list[LevelLine]:
    return [_line(level) for level in levels]


def cost_lines(row: Calibration) -> list[CostLine]:
    return [CostLine(line, line["role"] == "judge") for line in row.estimate.get("lines", [])]


def _line(level: Level) -> LevelLine:
    low, high, at = (level.low or 0.0), (level.high or 0.0), (level.value or 0.0)
    has_interval = level.low is not None
    return LevelLine(
        level,
        words.quality(level.value),
        f"{words.quality(level.low)} to {words.quality(level.high)}" if has_interval else "",
        round(100 * low, 2),
        round(100 * (high - low), 2),
        round(min(99.0, 100 * at), 2),
        words.per_thousand(usd_number(level.mean_cost_nusd)),
    )
