"""A model card as a page shows it: figures with intervals, the reliability of its promises, what it was made of, where it is weak."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard import evaluation_words as words
from dashboard.charts import Chart
from dashboard.evaluation_charts import left_out_chart, reliability_chart

Show = Callable[[float | None], str]
MOST_SPOTS = 12


def _points(value: float | None) -> str:
    return words.signed(value)


def _whole_percent(value: float | None) -> str:
    return words.percent(value, 0)


HEAD_NAMES: Mapping[str, str] = {
    "words": "Word vectors and form",
    "topics": "Topics (n-grams)",
    "all": "Both together",
    "ngrams": "All n-grams",
    "clusters": "The nearest cluster",
    "labels": "The likely task",
}


# figure -> (title, what it says, how it is written)
FIGURES: Mapping[str, tuple[str, str, Show]] = {
    "perf_gain": ("Quality gained", "at its best point, against the best single model", words.percent),
    "cost_save": ("Cost saved", "at the quality of the best single model", _whole_percent),
    "cost_save_99": ("Cost saved at 99 %", "of that quality", _whole_percent),
    "gain_over_zero": ("dAIQ", "mean quality over all budgets, above mixing single models", _points),
    "oracle_gap_closed": ("Gap closed", "of the way from the best single model to the oracle", words.percent),
    "apgr": ("APGR", "performance gap recovered, mean over all shares of strong calls; chance is 0.5", words.quality),
    "ece": ("Calibration error", "predicted against observed quality, mean difference", words.quality),
}


@dataclass(frozen=True, slots=True)
class FigureLine:
    """One figure: its interval in words is empty where it has none."""

    id: str
    title: str
    meaning: str
    value: str
    span: str


@dataclass(frozen=True, slots=True)
class CardPage:
    """Everything the template shows of a card."""

    figures: tuple[FigureLine, ...]
    gated: tuple[FigureLine, ...]
    charts: tuple[Chart, ...]
    weak_spots: tuple[Mapping[str, Any], ...]
    left_out: tuple[Mapping[str, Any], ...]
    document: Mapping[str, Any]
    parts: tuple[Mapping[str, Any], ...] = ()


def card_of(card: Mapping[str, Any]) -> CardPage:
    left_out = card.get("left_out") or []
    charts = [reliability_chart(card["reliability"])] if card.get("reliability") else []
    if left_out:
        charts.append(left_out_chart(left_out))
    return CardPage(
        figures=figure_lines(card.get("figures", {})),
        gated=figure_lines(card.get("gated", {})),
        charts=tuple(charts),
        weak_spots=tuple(_spot(spot) for spot in card.get("weak_spots", [])[:MOST_SPOTS]),
        left_out=tuple(left_out),
        document=card,
        parts=_parts(card.get("training", {})),
    )


def figure_lines(figures: Mapping[str, Any]) -> tuple[FigureLine, ...]:
    """The figures that exist, in the order of FIGURES."""
    return tuple(
        FigureLine(name, title, meaning, show(figures[name]["value"]), words.span(figures[name], show))
        for name, (title, meaning, show) in FIGURES.items()
        if name in figures
    )


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Two cards side by side; says where their figures cannot be held against each other."""
    lines = []
    for name, (title, meaning, show) in FIGURES.items():
        pair = [card.get("figures", {}).get(name) for card in (first, second)]
        if any(pair):
            cells = [(show(one["value"]), words.span(one, show)) if one else ("–", "") for one in pair]
            lines.append({"title": title, "meaning": meaning, "cells": cells})
    facts = [
        ("Trained on", [", ".join(one["name"] for one in card.get("benchmarks", [])) for card in (first, second)]),
        ("Prompts trained on", [f"{card.get('prompts', {}).get('trained_on', 0):,}" for card in (first, second)]),
        ("Prompts measured", [f"{card.get('prompts', {}).get('measured', 0):,}" for card in (first, second)]),
        ("Pool", [", ".join(card.get("pool", [])) for card in (first, second)]),
        ("Default", [card.get("default", "") for card in (first, second)]),
    ]
    is_same_data = _data(first) == _data(second)
    return {"lines": lines, "facts": facts, "is_same_data": is_same_data}


def _data(card: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return sorted(one["sha256"] for one in card.get("benchmarks", [])), sorted(card.get("pool", []))


def _spot(spot: Mapping[str, Any]) -> dict[str, Any]:
    gain = spot["gain"]
    value = gain["value"] or 0.0
    is_clear = gain.get("high") is not None and gain["high"] < 0
    return {
        "label": spot["label"] or "no label",
        "prompts": spot["prompts"],
        "gain": words.signed(value, 3),
        "span": words.span(gain, lambda number: words.signed(number, 3)),
        "verdict": "worse" if is_clear else "better" if (gain.get("low") or 0.0) > 0 else "undecided",
        "tone": "bad" if is_clear else "ok" if (gain.get("low") or 0.0) > 0 else "",
    }


def _parts(training: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    """Each head of the relative part: its weight in the stack, and how much of the difference between models it explains by itself."""
    heads: Mapping[str, Mapping[str, float]] = training.get("heads", {})
    most = max((abs(head["weight"]) for head in heads.values()), default=0.0) or 1.0
    return tuple(
        {
            "name": HEAD_NAMES.get(name, name),
            "weight": words.quality(head["weight"], 2),
            "width": round(100 * abs(head["weight"]) / most, 1),
            "explained": words.percent(head["explained"]),
        }
        for name, head in heads.items()
    )
