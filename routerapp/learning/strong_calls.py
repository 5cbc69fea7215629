"""Two models, one strong and dear, one weak and cheap: how much of the gap is recovered for each share of calls to the strong one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routerapp.learning.outcomes import Floats


@dataclass(frozen=True, slots=True)
class GapCurve:
    """Share of strong calls and performance gap recovered, (B, K) each, from no strong call to all."""

    share: Floats
    recovered: Floats

    def area(self) -> Floats:
        """APGR, (B,): mean of the gap recovered over all shares; chance is 0.5. Ong et al., RouteLLM (arXiv:2406.18665), section 4.2."""
        return np.asarray(np.trapezoid(self.recovered, self.share, axis=1))

    def share_needed(self, wanted: float) -> Floats:
        """CPT(wanted), (B,): the least share of strong calls that recovers this part of the gap (same source); NaN without a gap."""
        rows = np.arange(len(self.share))
        after = np.argmax(self.recovered >= wanted - 1e-12, axis=1)
        before = np.maximum(after - 1, 0)
        rise = self.recovered[rows, after] - self.recovered[rows, before]
        part = np.divide(wanted - self.recovered[rows, before], rise, out=np.zeros(len(rows)), where=rise > 0)
        needed = self.share[rows, before] + part * (self.share[rows, after] - self.share[rows, before])
        return np.where(np.isnan(self.recovered[:, -1]), np.nan, needed)


def gap_curve(preferred: Floats, strong: Floats, weak: Floats, weights: Floats) -> GapCurve:
    """The prompts go to the strong model in order of `preferred` (n,), highest first; equal ones in a mixed order (a straight line).

    strong, weak: true quality of the two, (n,); weights (B, n). Where the strong model is no better, the gap recovered is NaN.
    """
    order = np.argsort(-preferred, kind="stable")
    ranked = preferred[order]
    last_of_equals = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    share = np.cumsum(weights[:, order], axis=1)[:, last_of_equals]
    gained = np.cumsum(weights[:, order] * (strong - weak)[order], axis=1)[:, last_of_equals]
    gap = gained[:, -1:]
    recovered = np.divide(gained, gap, out=np.full_like(gained, np.nan), where=gap > 0)
    start = np.zeros((len(weights), 1))
    return GapCurve(np.hstack([start, share]), np.hstack([start, recovered]))
