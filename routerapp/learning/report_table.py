"""Figures of several routers side by side as people read them: a Markdown table, aligned, so that it also reads well on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from routerapp.learning.report import FIGURES

# A figure as JSON: value, low, high.
Shown = Mapping[str, float | None]

COLUMNS = (
    "perf_gain",
    "gain_over_zero",
    "cost_save",
    "cost_save_99",
    "oracle_gap_closed",
    "apgr",
    "cpt50",
    "cpt80",
    "ece",
)
IN_PERCENT = {"perf_gain", "cost_save", "cost_save_99", "oracle_gap_closed", "cpt50", "cpt80"}
WITH_INTERVAL = {"perf_gain", "gain_over_zero", "apgr", "cost_save"}


def table_of(rows: Mapping[str, Mapping[str, Shown]], strong: str = "") -> str:
    """A line for each router; only columns that one of them has. "–": not a figure of this router; "none": never reached."""
    columns = [name for name in COLUMNS if any(name in row for row in rows.values())]
    head = ["router", *(FIGURES[name][0] + (" %" if name in IN_PERCENT else "") for name in columns)]
    body = [
        [f"**{name}**" if name == strong else name, *(shown(key, row.get(key)) for key in columns)]
        for name, row in rows.items()
    ]
    return aligned([head, *body])


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first line is the head; columns are as wide as their widest cell."""
    widths = [max(len(line[at]) for line in lines) for at in range(len(lines[0]))]
    rule = ["-" * width for width in widths]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in [lines[0], rule, *lines[1:]]
    )


def shown(name: str, figure: Shown | None) -> str:
    """One figure: percent or three to four digits, with its interval where that is told."""
    if figure is None:
        return "–"
    if figure["value"] is None:
        return "none"
    write = writer(name)
    text = write(figure["value"])
    if name in WITH_INTERVAL and figure["high"] is not None:
        low = "none" if figure["low"] is None else write(figure["low"])
        text += f" [{low} {write(figure['high'])}]"
    return text


def writer(name: str) -> Callable[[float], str]:
    """How this figure's numbers are written."""
    if name in IN_PERCENT:
        digits = 1 if name == "perf_gain" else 0
        return lambda value: f"{round(100 * value, digits) + 0.0:.{digits}f}"
    digits = 4 if name == "gain_over_zero" else 3
    return lambda value: f"{round(value, digits) + 0.0:.{digits}f}"
