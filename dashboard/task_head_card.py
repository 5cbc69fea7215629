"""How good a task head was before and after, as lines of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.evaluation_words import percent


@dataclass(frozen=True, slots=True)
class HeadLine:
    """Shares as words, of so many prompts."""

    who: str
    right: str
    answered: str
    silent: str


@dataclass(frozen=True, slots=True)
class HeadLines:
    """of: what it was judged on, empty where nothing was."""

    of: str
    lines: tuple[HeadLine, ...]


def head_lines(card: Mapping[str, Any]) -> HeadLines:
    """Of the shipped head as it was measured; of a fitted one on the team's examples, each left out."""
    if card.get("shipped"):
        task = (card.get("measured") or {}).get("task") or {}
        found = [(who, task.get(name)) for who, name in (("signals alone", "signals alone"), ("this head", "trained"))]
        lines = tuple(
            HeadLine(who, percent(one["accuracy"]), percent(one["where it answers"]), percent(one["abstains"]))
            for who, one in found
            if one
        )
        prompts = (task.get("trained") or {}).get("prompts", 0)
        return HeadLines(f"{prompts} labelled prompts in eight languages" if lines else "", lines)
    figures = card.get("figures") or {}
    named = (("signals alone", "signals"), ("shipped head", "shipped"), ("this head", "fitted"))
    lines = tuple(
        HeadLine(who, percent(one["accuracy"]), percent(one["where_it_answers"]), percent(one["abstains"]))
        for who, one in ((who, figures.get(name)) for who, name in named)
        if one
    )
    return HeadLines(f"your {figures['prompts']} examples, each left out" if lines else "", lines)
