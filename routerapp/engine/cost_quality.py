"""The knob between quality and cost, and λ: how much predicted quality one US dollar outweighs. A fixed map, the same for every pool.

Nothing in it looks at the candidates: a model that is added, removed or re-priced moves no other one's score.
"""

from __future__ import annotations

from math import log10

DECADES = 6.0
PER_USD = 1_000.0


def lambda_of(cost_quality: float) -> float:
    """λ in quality (0 to 1) per USD of one request, for a knob of 0 to 1: (10^(6·knob) − 1) / 1000.

    0 is quality only; at 0.5 a cent is worth one point of quality (0.01), at 1 a thousandth of a cent is. Nine digits, so that every
    machine has the same.
    """
    return float(f"{(10.0 ** (DECADES * cost_quality) - 1.0) / PER_USD:.9g}")


def cost_quality_of(lambda_per_usd: float) -> float:
    """The knob that means this λ, of zero or more; beyond its end 1."""
    return min(1.0, max(0.0, log10(lambda_per_usd * PER_USD + 1.0) / DECADES))
