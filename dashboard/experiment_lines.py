"""An experiment's report as the lines of a table: per arm what it saw, and each metric with its interval and its difference to the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard import experiment_words as words
from dashboard.rule_cards import UseCard, use_card
from dashboard.templatetags.numbers import share
from routerapp.experiments.comparison import METRICS, ArmReport, Comparison
from routerapp.experiments.intervals import LEAST_UNITS
from routerapp.models import Arm


@dataclass(frozen=True, slots=True)
class MetricCell:
    """difference and verdict are empty for the control. note: why there is no interval."""

    title: str
    value: str
    span: str
    note: str
    difference: str = ""
    difference_span: str = ""
    verdict: str = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ArmLine:
    name: str
    is_control: bool
    share: str
    assigned: int
    exposed: int
    units: int
    unpriced: int
    cells: tuple[MetricCell, ...]


@dataclass(frozen=True, slots=True)
class ArmUse:
    """What an arm does. is_same: exactly what the control does."""

    name: str
    share: str
    is_control: bool
    use: UseCard
    is_same: bool = False


@dataclass(frozen=True, slots=True)
class RatioRow:
    name: str
    observed: int
    expected: str


def arm_lines(comparison: Comparison) -> list[ArmLine]:
    total = sum(arm.counts.weight for arm in comparison.arms)
    control = comparison.arms[0]
    return [_line(arm, total, arm is control) for arm in comparison.arms]


def verdict_lines(comparison: Comparison) -> list[str]:
    """One sentence per arm that has a share; none before anything was measured."""
    if not any(arm.counts.assigned for arm in comparison.arms):
        return []
    return [words.verdict_sentence(arm.counts.name, arm.lifts) for arm in comparison.arms[1:] if arm.counts.weight]


def too_few(comparison: Comparison) -> list[str]:
    """Arms of which nothing is claimed yet."""
    return [arm.counts.name for arm in comparison.arms if arm.counts.weight and arm.counts.units < LEAST_UNITS]


def ratio_rows(comparison: Comparison) -> list[RatioRow]:
    ratio = comparison.sample_ratio
    if ratio is None:
        return []
    return [
        RatioRow(arm.counts.name, seen, words.number_words(expected))
        for arm, seen, expected in zip(comparison.arms, ratio.observed, ratio.expected, strict=True)
    ]


def arm_shares(arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """(name, share) of rows, the control first."""
    total = sum(arm.weight for arm in arms)
    return [(arm.name, share(arm.weight / total) if total else "") for arm in arms]


def arm_uses(strategy: Mapping[str, Any]) -> list[ArmUse]:
    """From a split as it stands in a document."""
    arms: list[Mapping[str, Any]] = list(strategy.get("arms") or ())
    total = sum(float(arm.get("weight", 1)) for arm in arms)
    return [
        ArmUse(
            name=str(arm.get("name")),
            share=share(float(arm.get("weight", 1)) / total) if total else "",
            is_control=number == 0,
            use=use_card(arm.get("use")),
            is_same=number > 0 and arm.get("use") == arms[0].get("use"),
        )
        for number, arm in enumerate(arms)
    ]


def _line(arm: ArmReport, total: float, is_control: bool) -> ArmLine:
    counts = arm.counts
    return ArmLine(
        name=counts.name,
        is_control=is_control,
        share=share(counts.weight / total) if total else "",
        assigned=counts.assigned,
        exposed=counts.exposed,
        units=counts.units,
        unpriced=counts.unpriced,
        cells=tuple(_cell(metric, arm) for metric in METRICS),
    )


def _cell(metric: str, arm: ArmReport) -> MetricCell:
    found, told = arm.metrics[metric], words.METRIC_WORDS[metric]
    value = "none yet" if found.value is None else told.show(found.value)
    note = "" if found.value is None or found.is_known else f"too few: {found.n} of {LEAST_UNITS} needed"
    lift = arm.lifts.get(metric)
    if lift is None or lift.always_valid.value is None:
        return MetricCell(told.title, value, words.span_words(metric, found), note)
    is_known = lift.always_valid.is_known
    return MetricCell(
        title=told.title,
        value=value,
        span=words.span_words(metric, found),
        note=note,
        difference=words.signed(metric, lift.always_valid.value),
        difference_span=words.lift_span(metric, lift.always_valid),
        verdict=lift.verdict if is_known else "too early",
        tone=words.VERDICT_TONES.get(lift.verdict, ""),
    )
