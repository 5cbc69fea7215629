"""What benchmarks, predictors and their figures are called on pages; a presenter, so nothing here is worked out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.models import BenchmarkState, PredictorState

BENCHMARK_TONES = {BenchmarkState.IMPORTING: "info", BenchmarkState.READY: "ok", BenchmarkState.FAILED: "bad"}
PREDICTOR_TONES = {PredictorState.CANDIDATE: "info", PredictorState.LIVE: "ok", PredictorState.RETIRED: ""}
UNKNOWN = "unknown"


def percent(fraction: float | None, digits: int = 1) -> str:
    """0.0234 → 2.3 %; a minus is a minus sign."""
    return UNKNOWN if fraction is None else f"{100 * fraction:.{digits}f} %".replace("-", "−")


def quality(value: float | None, digits: int = 3) -> str:
    return UNKNOWN if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float | None, digits: int = 4) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:+.{digits}f}".replace("-", "−") if round(value, digits) else f"{0:.{digits}f}"


def per_thousand(cost_usd: float | None) -> str:
    """Dollars for a thousand calls: what one costs is too small to read."""
    if cost_usd is None:
        return UNKNOWN
    dollars = 1_000 * cost_usd
    return f"${dollars:,.2f}" if dollars >= 1 or not dollars else f"${dollars:#.3g}"


def span(figure: Mapping[str, Any] | None, show: Any) -> str:
    """A figure's interval in the words of `show`; empty where it has none."""
    if not figure or figure.get("low") is None or figure.get("high") is None:
        return ""
    return f"{show(figure['low'])} to {show(figure['high'])}"


def size(number: int) -> str:
    return f"{number / 2**20:.1f} MiB" if number >= 2**20 else f"{max(1, number // 2**10)} KiB"
