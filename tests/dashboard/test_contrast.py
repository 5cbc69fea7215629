"""WCAG 2.2 AA contrast of the tokens that are put on one another, in both themes, computed from the stylesheet itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TOKENS = (Path(__file__).resolve().parents[2] / "static/css/tokens.css").read_text()
COLORS = (
    dict(re.findall(r"(--[\w-]+): light-dark\((#\w+), (?:#\w+)\)", TOKENS)),
    dict(re.findall(r"(--[\w-]+): light-dark\(#\w+, (#\w+)\)", TOKENS)),
)
TEXT = ["--text", "--text-soft", "--text-muted", "--accent", "--bad", "--warn", "--ok", "--info"]
GROUNDS = ["--ground", "--surface", "--raised", "--hover"]
PAIRS = [
    *((text, ground) for text in TEXT for ground in GROUNDS),
    *((f"--{tone}", f"--{tone}-soft") for tone in ("ok", "warn", "bad", "info")),
    ("--text-soft", "--neutral-soft"),
    ("--text-soft", "--sunken"),
    ("--accent-strong", "--accent-soft"),
    ("--on-accent", "--accent"),
    ("--on-accent", "--accent-strong"),
]
MARKS = [("--line-strong", "--surface"), ("--focus", "--ground"), ("--focus", "--surface")] + [
    (f"--chart-{n}", "--surface") for n in range(1, 9)
]


def luminance(color: str) -> float:
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("least", "pairs"), [(4.5, PAIRS), (3.0, MARKS)], ids=["text", "marks"])
def test_what_must_be_told_apart_can_be(theme, least, pairs):
    colors = COLORS[theme]
    weak = {pair: round(found, 2) for pair in pairs if (found := contrast(colors[pair[0]], colors[pair[1]])) < least}

    assert weak == {}
