"""What an evaluation found, as one value that can be printed, kept as JSON and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from routerapp.learning.bootstrap import Figure

# name -> (heading, what it says). Shares and gains are fractions: 0.02 is 2 %.
FIGURES: dict[str, tuple[str, str]] = {
    "perf_gain": ("PerfGain", "quality at the best point against the best single model, relative"),
    "gain_over_zero": ("dAIQ", "AIQ above the zero router's, the hull of the single models"),
    "cost_save": ("CostSave", "cost saved at the quality of the best single model"),
    "cost_save_99": ("CostSave@99", "cost saved at 99 % of that quality"),
    "oracle_gap_closed": ("Gap closed", "share of the way from the best single model to the oracle, at the best point"),
    "apgr": ("APGR", "performance gap recovered, mean over all shares of strong calls"),
    "cpt50": ("CPT50", "share of strong calls that recovers 50 % of the gap"),
    "cpt80": ("CPT80", "share of strong calls that recovers 80 % of the gap"),
    "ece": ("ECE", "expected calibration error of the predicted quality"),
    "aiq": ("AIQ", "mean quality under the hull over the single models' range of cost"),
    "zero_aiq": ("AIQ zero", "the same of the zero router"),
    "oracle_aiq": ("AIQ oracle", "the same of the oracle"),
    "best_quality": ("Quality", "mean quality at the best point"),
}


@dataclass(frozen=True, slots=True)
class Single:
    """One model for every prompt. quality 0 to 1; cost_usd a call, None where it is not known."""

    model: str
    quality: Figure
    cost_usd: Figure | None


@dataclass(frozen=True, slots=True)
class Point:
    """One setting of the router. preference: λ in quality per USD; shares: model -> part of the prompts it got."""

    preference: float
    quality: Figure
    cost_usd: Figure | None
    shares: Mapping[str, float]
    on_hull: bool


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions between two edges: how many (share of all), what was predicted and what came, on average."""

    low: float
    high: float
    share: float
    predicted: float
    observed: float


@dataclass(frozen=True, slots=True)
class Report:
    """One router on one set of graded prompts. figures: by the names in FIGURES; what has no cost has no figure of cost.

    prompts that some model of the pool did not answer are left out and counted. hull, zero_hull: corners (cost in USD, quality).
    strong, weak: the pair that APGR and CPT are about. by_dataset: the same figures for each data set, where there are several.
    """

    prompts: int
    groups: int
    left_out: int
    draws: int
    models: tuple[str, ...]
    strong: str
    weak: str
    singles: tuple[Single, ...]
    oracle_quality: Figure
    random_quality: Figure
    points: tuple[Point, ...]
    hull: tuple[tuple[float, float], ...]
    zero_hull: tuple[tuple[float, float], ...]
    figures: Mapping[str, Figure]
    reliability: tuple[Bin, ...]
    by_dataset: Mapping[str, Mapping[str, Figure]] = field(default_factory=dict)

    @property
    def is_costed(self) -> bool:
        return bool(self.zero_hull)

    def as_json(self) -> dict[str, Any]:
        """Plain values only. Costs are USD a call."""
        return {
            "schema": 1,
            "prompts": self.prompts,
            "groups": self.groups,
            "left_out": self.left_out,
            "draws": self.draws,
            "models": list(self.models),
            "strong": self.strong,
            "weak": self.weak,
            "singles": [
                {"model": one.model, "quality": one.quality.as_json(), "cost_usd": _json(one.cost_usd)}
                for one in self.singles
            ],
            "oracle_quality": self.oracle_quality.as_json(),
            "random_quality": self.random_quality.as_json(),
            "points": [
                {
                    "preference": one.preference,
                    "quality": one.quality.as_json(),
                    "cost_usd": _json(one.cost_usd),
                    "shares": dict(one.shares),
                    "on_hull": one.on_hull,
                }
                for one in self.points
            ],
            "hull": [list(corner) for corner in self.hull],
            "zero_hull": [list(corner) for corner in self.zero_hull],
            "figures": _figures(self.figures),
            "reliability": [
                {
                    "low": one.low,
                    "high": one.high,
                    "share": one.share,
                    "predicted": one.predicted,
                    "observed": one.observed,
                }
                for one in self.reliability
            ],
            "by_dataset": {name: _figures(figures) for name, figures in self.by_dataset.items()},
        }


def _figures(figures: Mapping[str, Figure]) -> dict[str, Any]:
    return {name: figure.as_json() for name, figure in figures.items()}


def _json(figure: Figure | None) -> dict[str, float | None] | None:
    return None if figure is None else figure.as_json()
