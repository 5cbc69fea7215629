"""The figures of a router from its curve: one array of B bootstrap draws for each, the first being the figure itself.

Sources: AIQ and zero router: RouterBench (arXiv:2403.12031), section 3. PerfGain, CostSave: LLMRouterBench (arXiv:2601.07206).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routerapp.learning.curves import Curve
from routerapp.learning.hull import Hull, hull_of
from routerapp.learning.outcomes import Floats


@dataclass(frozen=True, slots=True)
class Singles:
    """The single models and the oracle under each draw: quality and cost in USD of the m models, (B, m); the oracle's quality, (B,)."""

    quality: Floats
    cost: Floats
    oracle: Floats

    @property
    def best(self) -> Floats:
        return np.asarray(self.quality.max(axis=1))

    def cost_of_best(self) -> Floats:
        return np.asarray(self.cost[np.arange(len(self.cost)), self.quality.argmax(axis=1)])

    def hull(self) -> Hull:
        """The zero router: any mix of single models."""
        return hull_of(self.cost, self.quality)

    def aiq(self, hull: Hull) -> Floats:
        """Mean quality under a hull over the single models' range of cost, (B,); NaN where they all cost the same."""
        low, high = self.cost.min(axis=1), self.cost.max(axis=1)
        area = hull.area(low, high)
        return np.asarray(np.divide(area, high - low, out=np.full_like(area, np.nan), where=high > low))


def singles_of(quality: Floats, cost_usd: Floats, weights: Floats) -> Singles:
    """From true quality and cost, (n, m), and weights (B, n)."""
    return Singles(weights @ quality, weights @ cost_usd, weights @ quality.max(axis=1))


def hull_of_curve(curve: Curve, singles: Singles) -> Hull:
    """A router's hull. Any router can be set to "always the cheapest model", so that point belongs to each."""
    rows, cheapest = np.arange(len(curve.cost)), singles.cost.argmin(axis=1)
    cost = np.column_stack([singles.cost[rows, cheapest], curve.cost])
    quality = np.column_stack([singles.quality[rows, cheapest], curve.quality])
    return hull_of(cost, quality)


def figures_of_quality(curve: Curve, singles: Singles) -> dict[str, Floats]:
    """At the router's best point: what needs no cost."""
    best = curve.quality.max(axis=1)
    room = singles.oracle - singles.best
    return {
        "best_quality": best,
        "perf_gain": np.divide(best - singles.best, singles.best, out=np.zeros_like(best), where=singles.best > 0),
        "oracle_gap_closed": np.divide(best - singles.best, room, out=np.full_like(best, np.nan), where=room > 1e-12),
    }


def figures_of_cost(curve: Curve, singles: Singles) -> dict[str, Floats]:
    """AIQ, its gain over the zero router, and cost saved at equal and at 99 % quality; NaN where that quality is never reached."""
    hull = hull_of_curve(curve, singles)
    aiq, zero = singles.aiq(hull), singles.aiq(singles.hull())
    dear = singles.cost_of_best()
    saved = {
        name: 1 - np.divide(hull.cost_at(share * singles.best), dear, out=np.full_like(dear, np.nan), where=dear > 0)
        for name, share in (("cost_save", 1.0), ("cost_save_99", 0.99))
    }
    return {"aiq": aiq, "zero_aiq": zero, "gain_over_zero": aiq - zero, **saved}
