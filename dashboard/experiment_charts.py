"""An experiment's charts: per metric a dot with its 95 % interval for each arm, the finding in words, the numbers as table and CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard import experiment_words as words
from dashboard import figures
from dashboard.charts import Chart
from routerapp.experiments.comparison import COST_USD, FEEDBACK, LATENCY_MS, METRICS, SUCCESS, ArmReport, Comparison
from routerapp.experiments.intervals import Interval

# How a value becomes a length on the axis, and what stands at its ticks.
SCALES: Mapping[str, float] = {SUCCESS: 100, FEEDBACK: 100, COST_USD: 1, LATENCY_MS: 0.001}
AXES: Mapping[str, Mapping[str, Any]] = {
    SUCCESS: {"ticksuffix": " %"},
    FEEDBACK: {"ticksuffix": " %"},
    COST_USD: {"tickprefix": "$", "exponentformat": "none"},
    LATENCY_MS: {"ticksuffix": " s"},
}
# More arms than these would make the finding a list; the table has them all.
TOLD = 4
COLUMNS = ("Arm", "Value", "95 % interval", "Units", "Difference", "Valid at any time", "Verdict")
_CSV_VALUE = ("arm", "value", "low", "high", "units")
_CSV_LIFT = ("difference", "difference_low", "difference_high", "always_valid_low", "always_valid_high", "verdict")
CSV_COLUMNS = (*_CSV_VALUE, *_CSV_LIFT)


def metric_charts(comparison: Comparison) -> list[tuple[Chart, str]]:
    """(chart, metric), only of what was measured at all: nobody needs an empty feedback chart."""
    return [
        (metric_chart(comparison, metric), metric)
        for metric in METRICS
        if any(arm.metrics[metric].value is not None for arm in comparison.arms)
    ]


def metric_chart(comparison: Comparison, metric: str) -> Chart:
    told = words.METRIC_WORDS[metric]
    arms = [arm for arm in comparison.arms if arm.metrics[metric].value is not None]
    return Chart(
        id=f"arm-{metric.replace('_', '-')}",
        title=told.title,
        unit=f"{told.unit}, per arm",
        finding=_finding(comparison, metric),
        figure=_figure(arms, metric),
        columns=COLUMNS,
        rows=tuple(_row(arm, metric) for arm in arms),
        csv_rows=tuple(_csv_row(arm, metric) for arm in comparison.arms),
        csv_columns=CSV_COLUMNS,
    )


def _figure(arms: list[ArmReport], metric: str) -> figures.Figure:
    scale = SCALES[metric]
    found = [arm.metrics[metric] for arm in arms]
    values = [scale * (one.value or 0.0) for one in found]
    lows = [value if one.low is None else scale * one.low for one, value in zip(found, values, strict=True)]
    highs = [value if one.high is None else scale * one.high for one, value in zip(found, values, strict=True)]
    texts = [_value_and_span(metric, one) for one in found]
    names = [arm.counts.name for arm in arms]
    return figures.dots_with_interval(names, values, lows, highs, AXES[metric], texts)


def _finding(comparison: Comparison, metric: str) -> str:
    control, *others = comparison.arms
    told = [words.lift_sentence(arm.counts.name, control.counts.name, arm.lifts[metric]) for arm in others]
    rest = f" {len(told) - TOLD} more in the table." if len(told) > TOLD else ""
    return " ".join(told[:TOLD]) + rest


def _value_and_span(metric: str, found: Interval) -> str:
    value = words.METRIC_WORDS[metric].show(found.value or 0.0)
    span = words.span_words(metric, found)
    return f"{value} ({span})" if span else value


def _row(arm: ArmReport, metric: str) -> tuple[Any, ...]:
    found, lift = arm.metrics[metric], arm.lifts.get(metric)
    value = words.METRIC_WORDS[metric].show(found.value or 0.0)
    line = (arm.counts.name, value, words.span_words(metric, found) or "too few", f"{found.n:,}")
    if lift is None:
        return (*line, "control", "", "")
    difference = lift.always_valid
    told = "" if difference.value is None else words.signed(metric, difference.value)
    return (*line, told, words.lift_span(metric, difference) or "too few", lift.verdict)


def _csv_row(arm: ArmReport, metric: str) -> tuple[Any, ...]:
    found, lift = arm.metrics[metric], arm.lifts.get(metric)
    line = (arm.counts.name, found.value, found.low, found.high, found.n)
    if lift is None:
        return (*line, None, None, None, None, None, "")
    single, always = lift.difference, lift.always_valid
    return (*line, single.value, single.low, single.high, always.low, always.high, lift.verdict)
