"""The champion gate's verdict as pages show it: two halves, each with its finding, its sentence and the numbers behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard import evaluation_words as words

BETTER, WORSE, UNSURE, UNDECIDED = "better", "worse", "not sure", "not decided"
TONES = {BETTER: "ok", WORSE: "bad", UNSURE: "warn", UNDECIDED: ""}


@dataclass(frozen=True, slots=True)
class Half:
    """figures: title, value, interval."""

    title: str
    finding: str
    tone: str
    words: str
    figures: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class GateLines:
    """name: of the champion it was held against. halves: empty for a verdict of an older version, which has words alone."""

    name: str
    is_better: bool
    decides: str
    words: str
    halves: tuple[Half, ...]


def gate_lines(card: Mapping[str, Any]) -> GateLines | None:
    """None where it was held against nobody."""
    gate = card.get("gate") or {}
    if not gate.get("champion"):
        return None
    halves = (_held_back(gate["held_back"]), _traffic(gate["traffic"])) if "traffic" in gate else ()
    decides = (
        "The held-back prompts alone decide."
        if halves and halves[1].finding == UNDECIDED
        else "Both have to be better."
    )
    return GateLines(gate.get("name", ""), bool(gate["is_better"]), decides, gate.get("reason", ""), halves)


def _held_back(told: Mapping[str, Any]) -> Half:
    difference = None if told.get("refusal") else told.get("difference")
    return _half("Held-back prompts", difference, told["reason"])


def _traffic(told: Mapping[str, Any]) -> Half:
    figures = []
    for title, side in (("This one", "challenger"), ("In force then", "champion")):
        report = told.get(side)
        if report is not None:
            figures += [_figure(f"{title}, doubly robust", report["value"])]
            figures += [_figure(f"{title}, by predictions alone", report["direct"])]
    return _half("Recorded traffic", told.get("difference"), told["reason"], tuple(filter(None, figures)))


def _half(
    title: str, difference: Mapping[str, float] | None, reason: str, figures: tuple[tuple[str, str, str], ...] = ()
) -> Half:
    found = UNDECIDED
    if difference is not None:
        found = BETTER if difference["low"] > 0 else WORSE if difference["high"] < 0 else UNSURE
    return Half(title, found, TONES[found], reason, figures)


def _figure(title: str, figure: Mapping[str, float] | None) -> tuple[str, str, str] | None:
    return None if figure is None else (title, words.quality(figure["value"]), words.span(figure, words.quality))
