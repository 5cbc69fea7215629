"""The comparison as one SVG: four small bar charts, numbers beside the bars, readable on light and on dark pages."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

ORDER = ("signalbox", "portkey", "litellm")
PANELS = (
    ("CPU per request, µs", "cpu_us"),
    ("CPU per streamed chunk, µs", "cpu_chunk_us"),
    ("Added latency, p50, ms", "alone_added_p50_ms"),
    ("Memory of an open stream, KiB", "kib_per_open_stream"),
)
WIDTH, PANEL_HEIGHT, NAME_WIDTH, VALUE_WIDTH, BAR, STEP, TOP = 760, 142, 178, 110, 20, 32, 34
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2430; }
.title { font-weight: 600; } .value { font-variant-numeric: tabular-nums; }
.ours { fill: #0b62c4; } .theirs { fill: #8b93a1; } .axis { stroke: #c6cbd4; }
@media (prefers-color-scheme: dark) {
  text { fill: #e8eaee; } .ours { fill: #5aa9ff; } .theirs { fill: #7c8593; } .axis { stroke: #4a515e; }
}"""


def draw(comparison: dict[str, Any]) -> str:
    """Panels without any figure are left out."""
    subjects = comparison["subjects"]
    drawn = [(title, field) for title, field in PANELS if any(_value(subjects, name, field) for name in ORDER)]
    height = PANEL_HEIGHT * len(drawn) + 6
    panels = "".join(
        _panel(title, field, subjects, number * PANEL_HEIGHT) for number, (title, field) in enumerate(drawn)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">'
        f"<title>{escape(_summary(subjects, drawn))}</title><style>{STYLE}\n</style>{panels}</svg>\n"
    )


def _panel(title: str, field: str, subjects: dict[str, Any], top: int) -> str:
    values = {name: _value(subjects, name, field) for name in ORDER}
    most = max(value for value in values.values() if value is not None) or 1
    room = WIDTH - NAME_WIDTH - VALUE_WIDTH
    lines = [f'<text class="title" x="0" y="{top + 18}">{escape(title)}</text>']
    for place, (name, value) in enumerate(values.items()):
        y = top + TOP + place * STEP
        label = subjects.get(name, {}).get("label", name)
        lines.append(f'<text x="{NAME_WIDTH - 10}" y="{y + 15}" text-anchor="end">{escape(label.split(",")[0])}</text>')
        length = 0 if value is None else max(2, round(room * max(value, 0) / most))
        kind = "ours" if name == "signalbox" else "theirs"
        if value is not None:
            lines.append(f'<rect class="{kind}" x="{NAME_WIDTH}" y="{y}" width="{length}" height="{BAR}" rx="2"/>')
        shown = "not measured" if value is None else _number(value)
        lines.append(f'<text class="value" x="{NAME_WIDTH + length + 8}" y="{y + 15}">{shown}</text>')
    bottom = top + TOP + STEP * len(values) - (STEP - BAR)
    lines.append(f'<line class="axis" x1="{NAME_WIDTH}" y1="{top + TOP - 4}" x2="{NAME_WIDTH}" y2="{bottom + 4}"/>')
    return "".join(lines)


def _value(subjects: dict[str, Any], name: str, field: str) -> float | None:
    value = subjects.get(name, {}).get(field)
    return None if value is None else float(value)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}" if abs(value) >= 10 else f"{value:,.2f}"


def _summary(subjects: dict[str, Any], drawn: list[tuple[str, str]]) -> str:
    parts = []
    for title, field in drawn:
        values = ((subjects.get(name, {}).get("label", name), _value(subjects, name, field)) for name in ORDER)
        shown = ", ".join(f"{label} {_number(value)}" for label, value in values if value is not None)
        parts.append(f"{title}: {shown}")
    return ". ".join(parts)
