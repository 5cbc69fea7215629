"""Wishes in plain units solved on recent traffic: which λ, or which threshold, meets "as good as the best single model", "at most $1 per 1,000" …

A solved number is checked by routing the same prompts with it; what cannot be met is said, with the nearest that can.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from routerapp.engine.strategies.learned import MARGIN, MAX_LOSS

Floats = NDArray[np.float64]
Choices = NDArray[np.int64]

KINDS = ("equal", "share_of_best", "max_share_dear", "max_usd_per_1000")
STEPS = 60
SLACK = 1e-12
DIGITS = 9
# λ in quality per USD: 0, then ten to the decade from a ten-thousandth to a hundred million.
MARKS = (0.0, *(float(f"{10.0 ** (step / 10.0):.9g}") for step in range(-40, 81)))


@dataclass(frozen=True, slots=True)
class Gate:
    """The do-no-harm gate of `learned`: default is a column; margin and max_loss in quality. None for the default: no gate.

    certainty: (n,) of the prompts, 0 to 1, which gains are multiplied by; None: 1.
    """

    default: int | None = None
    margin: float = MARGIN
    max_loss: float = MAX_LOSS
    certainty: Floats | None = None


@dataclass(frozen=True, slots=True)
class Solved:
    """number: λ in quality per USD, or a threshold. What routing the prompts with it gives: mean quality, USD per 1,000, share dear.

    is_met: the wish holds. problem: why not, where it does not; the number is then the nearest that can be had.
    """

    number: float
    quality: float
    usd_per_1000: float
    share_dear: float
    is_met: bool
    problem: str = ""


def choose(quality: Floats, cost_usd: Floats, lambda_per_usd: float, gate: Gate) -> Choices:
    """(n,) columns: argmax of quality − λ · cost behind the gate, as the strategy `learned` decides. quality, cost_usd: (n, m)."""
    score = quality - lambda_per_usd * cost_usd
    if gate.default is None:
        return np.asarray(np.argmax(score, axis=1), np.int64)
    gain = score - score[:, [gate.default]]
    if gate.certainty is not None:
        gain = gain * gate.certainty[:, None]
    passes = (gain > gate.margin) & (quality[:, [gate.default]] - quality <= gate.max_loss)
    best = np.argmax(np.where(passes, score, -np.inf), axis=1)
    return np.where(passes.any(axis=1), best, gate.default)


def solve_lambda(quality: Floats, cost_usd: Floats, kind: str, value: float, gate: Gate | None = None) -> Solved:
    """The λ that meets a wish on these prompts: the one with the highest predicted quality for a limit, the cheapest for a quality.

    quality (n, m) in 0 to 1 and cost_usd (n, m): what was predicted. kind: one of KINDS; value: of share_of_best and max_share_dear 0 to 1,
    of max_usd_per_1000 in USD; equal takes none. The dear model is the one whose mean cost is highest. Bisection between the marks of a fixed
    logarithmic scale: cost never rises with λ, quality may where the gate opens. Raises ValueError for arrays that do not fit or hold no
    number, an unknown kind or a value out of range.
    """
    _check(quality, cost_usd, kind, value)
    gate = gate or Gate()
    dear = int(np.argmax(cost_usd.mean(axis=0)))

    def routed(number: float) -> Solved:
        return _routed(quality, cost_usd, number, dear, choose(quality, cost_usd, number, gate))

    if kind == "max_share_dear":
        words = f"at most {value:.3g} of the requests to the dearest model"
        return _smallest(routed, lambda one: one.share_dear <= value, words)
    if kind == "max_usd_per_1000":
        return _smallest(routed, lambda one: one.usd_per_1000 <= value, f"at most ${value:g} per 1,000 requests")
    floor = float(quality.mean(axis=0).max()) * (1.0 if kind == "equal" else value)
    return _largest(routed, lambda one: one.quality >= floor - SLACK, f"a quality of {floor:.4f}")


def _largest(routed: Callable[[float], Solved], holds: Callable[[Solved], bool], words: str) -> Solved:
    """The largest λ under which it holds; where it holds under none, the one of the highest quality."""
    marks = [routed(mark) for mark in MARKS]
    held = [place for place, one in enumerate(marks) if holds(one)]
    if not held:
        nearest = max(marks, key=lambda one: (one.quality, -one.number))
        return replace(
            nearest, is_met=False, problem=f"No λ gives {words}; the highest there is is {nearest.quality:.4f}."
        )
    place = held[-1]
    if place == len(marks) - 1:
        return marks[place]
    return _between(routed, holds, marks[place], marks[place + 1])


def _smallest(routed: Callable[[float], Solved], holds: Callable[[Solved], bool], words: str) -> Solved:
    """The smallest λ under which it holds; where it holds under none, the one of the lowest cost."""
    marks = [routed(mark) for mark in MARKS]
    held = [place for place, one in enumerate(marks) if holds(one)]
    if not held:
        nearest = min(marks, key=lambda one: (one.usd_per_1000, one.share_dear, one.number))
        had = f"the nearest is ${nearest.usd_per_1000:.4g} per 1,000 requests, {nearest.share_dear:.3g} of them to the dearest model"
        return replace(
            nearest, is_met=False, problem=f"No λ gives {words}: {had}. The gate keeps the default for the rest."
        )
    place = held[0]
    return marks[0] if place == 0 else _between(routed, holds, marks[place], marks[place - 1])


def _between(
    routed: Callable[[float], Solved], holds: Callable[[Solved], bool], inside: Solved, outside: Solved
) -> Solved:
    """By bisection the number nearest to outside under which it holds; inside it does."""
    for _ in range(STEPS):
        middle = routed(_rounded((inside.number + outside.number) / 2.0))
        if middle.number in (inside.number, outside.number):
            break
        inside, outside = (middle, outside) if holds(middle) else (inside, middle)
    return inside


def solve_threshold(chance: Floats, max_share_dear: float) -> Solved:
    """The threshold on the weak model's chance (n,) under which at most this share goes to the strong one: a quantile (Ong et al. 2024, 4.2).

    Raises ValueError for no prompts, what is no number, or a share outside 0 to 1. The quality in the answer is the mean chance of those
    that stay with the weak model; costs are not known here.
    """
    if chance.ndim != 1 or not len(chance) or not np.isfinite(chance).all():
        raise ValueError("chance: at least one prompt, one finite number each.")
    if not 0.0 <= max_share_dear <= 1.0:
        raise ValueError(f"max_share_dear: {max_share_dear:g} is no share from 0 to 1.")
    ordered = np.sort(chance)
    strong = int(np.floor(max_share_dear * len(ordered) + 1e-9))
    number = float(ordered[strong]) if strong < len(ordered) else float(np.nextafter(ordered[-1], 2.0))
    stays = chance >= number
    share = 1.0 - float(stays.mean())
    kept = float(chance[stays].mean()) if stays.any() else 0.0
    return Solved(number, kept, 0.0, share, share <= max_share_dear + 1e-9)


def _routed(quality: Floats, cost_usd: Floats, number: float, dear: int, chosen: Choices) -> Solved:
    rows = np.arange(len(chosen))
    return Solved(
        number,
        float(quality[rows, chosen].mean()),
        1_000.0 * float(cost_usd[rows, chosen].mean()),
        float((chosen == dear).mean()),
        True,
    )


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def _check(quality: Floats, cost_usd: Floats, kind: str, value: float) -> None:
    if quality.ndim != 2 or quality.shape != cost_usd.shape or not quality.size:
        raise ValueError(
            f"quality {quality.shape} and cost_usd {cost_usd.shape}: both (prompts, models), at least one of each."
        )
    if not (np.isfinite(quality).all() and np.isfinite(cost_usd).all()):
        raise ValueError(
            "quality and cost_usd: a number for every prompt and model; leave out what has no prediction or no price."
        )
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}: one of {', '.join(KINDS)}.")
    most = 1.0 if kind in ("share_of_best", "max_share_dear") else float("inf")
    if kind != "equal" and not 0.0 <= value <= most:
        raise ValueError(f"value {value:g} of {kind}: from 0 to {most:g}.")
