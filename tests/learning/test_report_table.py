"""Figures are written as people read them: percent, intervals, "none" for what is never reached and "–" for what is no figure."""

import pytest

from routerapp.learning.report_table import shown, table_of


@pytest.mark.parametrize(
    ("name", "figure", "text"),
    [
        ("perf_gain", {"value": 0.0234, "low": -0.0004, "high": 0.041}, "2.3 [0.0 4.1]"),
        ("gain_over_zero", {"value": 0.02119, "low": 0.016, "high": 0.0271}, "0.0212 [0.0160 0.0271]"),
        ("cost_save", {"value": 0.38, "low": None, "high": 0.5}, "38 [none 50]"),
        ("cost_save_99", {"value": None, "low": None, "high": None}, "none"),
        ("apgr", {"value": 0.6, "low": None, "high": None}, "0.600"),
        ("ece", {"value": 0.0123, "low": 0.01, "high": 0.02}, "0.012"),
        ("ece", None, "–"),
    ],
)
def test_writes_a_figure(name: str, figure: dict[str, float | None] | None, text: str) -> None:
    assert shown(name, figure) == text


def test_a_table_has_the_columns_that_some_router_has_in_even_widths() -> None:
    rows = {"ours": {"apgr": {"value": 0.6, "low": None, "high": None}}, "random": {}}

    assert table_of(rows, "ours").splitlines() == [
        "| router   | APGR  |",
        "| -------- | ----- |",
        "| **ours** | 0.600 |",
        "| random   | –     |",
    ]
