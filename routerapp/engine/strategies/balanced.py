"""`balanced`: weighted sum of quality, cost, latency and reliability. Every term is scaled by fixed ranges, cost and latency
logarithmically, never by the other candidates: removing a loser cannot change the winner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import product
from math import log
from operator import attrgetter
from typing import Any

from routerapp.engine.money import NUSD_PER_USD
from routerapp.engine.section import Section, is_number
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.vocabulary import STRATEGY_BY_KIND

TERMS = ("quality", "cost", "latency", "reliability")
_DEFAULTS = {parameter.name: parameter.default for parameter in STRATEGY_BY_KIND["balanced"].parameters}
# what a term counts where nothing is known: the middle for quality and latency, the worst for an unpriced deployment
UNKNOWN_QUALITY = 0.5
UNKNOWN_LATENCY = 0.5
UNKNOWN_RELIABILITY = 0.95


@dataclass(frozen=True, slots=True)
class Scale:
    """A logarithmic scale: best (and below) is 1, worst (and above) is 0."""

    best: float
    log_worst: float
    per_log: float

    @classmethod
    def between(cls, best: float, worst: float) -> Scale:
        return cls(best, log(worst), 1.0 / (log(worst) - log(best)))

    def place(self, value: float) -> float:
        if value <= self.best:
            return 1.0
        placed = (self.log_worst - log(value)) * self.per_log
        return placed if placed > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Balanced:
    """Weights sum to one."""

    quality: float
    cost: float
    latency: float
    reliability: float
    cost_scale: Scale
    latency_scale: Scale


def balanced(weights: dict[str, float], cost_usd: tuple[float, float], ttft_ms: tuple[float, float]) -> Balanced:
    cost_scale = Scale.between(cost_usd[0] * NUSD_PER_USD, cost_usd[1] * NUSD_PER_USD)
    return Balanced(**_shares(weights), cost_scale=cost_scale, latency_scale=Scale.between(*ttft_ms))


def reweighted(parameters: Balanced, weights: Mapping[str, float]) -> Balanced:
    """The same scales under a caller's weights, at least one of which is above zero."""
    return replace(parameters, **_shares(weights))


def _shares(weights: Mapping[str, float]) -> dict[str, Any]:
    total = sum(weights.get(term, 0.0) for term in TERMS)
    return {term: weights.get(term, 0.0) / total for term in TERMS}


def rank_balanced(options: list[Option], parameters: Balanced, moment: Moment) -> Ranking:
    """Terms are already weighted; they sum to the score. Assumed terms are named in the candidate's detail."""
    quality_weight, cost_weight = parameters.quality, parameters.cost
    latency_weight, reliability_weight = parameters.latency, parameters.reliability
    place_cost, place_latency = parameters.cost_scale.place, parameters.latency_scale.place
    for option in options:
        quality, cost_nusd, ttft_ms = option.quality, option.cost_nusd, option.ttft_ms
        success = option.live.success_ewma
        if quality is None or cost_nusd is None or ttft_ms is None or success is None:
            option.detail = _ASSUMED[quality is None, cost_nusd is None, ttft_ms is None, success is None]
        if option.is_quality_learned:
            option.detail = {**option.detail, "learned": ["quality"]}
        quality_term = quality_weight * (UNKNOWN_QUALITY if quality is None else quality)
        cost_term = 0.0 if cost_nusd is None else cost_weight * place_cost(cost_nusd)
        latency_term = latency_weight * (UNKNOWN_LATENCY if ttft_ms is None else place_latency(ttft_ms))
        reliability_term = reliability_weight * (UNKNOWN_RELIABILITY if success is None else success)
        option.terms = {
            "quality": quality_term,
            "cost": cost_term,
            "latency": latency_term,
            "reliability": reliability_term,
        }
        option.score = quality_term + cost_term + latency_term + reliability_term
    # By score, equal ones by slug: the second pass keeps the order of the first.
    return Ranking(certain(sorted(sorted(options, key=_slug), key=_score, reverse=True)))


_slug = attrgetter("slug")
_score = attrgetter("score")


# which terms are unknown -> the detail that names them; never changed, so all candidates share them
_ASSUMED: dict[tuple[bool, ...], Mapping[str, Any]] = {
    unknown: {"assumed": [term for term, is_unknown in zip(TERMS, unknown, strict=True) if is_unknown]}
    for unknown in product((False, True), repeat=len(TERMS))
}


def _parse(section: Section) -> Balanced:
    weights = section.weights("weights") or dict(_DEFAULTS["weights"])
    for term in weights:
        if term not in TERMS:
            section.refuse(f"weights.{term}", "unknown_key", f"Terms are {', '.join(TERMS)}.")
            return balanced(_DEFAULTS["weights"], *_ranges(section))
    return balanced(weights, *_ranges(section))


def _ranges(section: Section) -> tuple[tuple[float, float], tuple[float, float]]:
    defaults = _DEFAULTS["ranges"]
    ranges = Section(section.mapping("ranges"), section.at("ranges"), section.problems, tuple(defaults))
    found: list[tuple[float, float]] = []
    for name, (low, high) in defaults.items():
        pair = ranges.document.get(name, (low, high))
        if not _is_range(pair):
            ranges.refuse(name, "wrong_type", "A range is [best, worst], both above zero, best below worst.")
            pair = (low, high)
        found.append((float(pair[0]), float(pair[1])))
    return found[0], found[1]


def _is_range(pair: object) -> bool:
    if not isinstance(pair, list | tuple) or len(pair) != 2 or not all(map(is_number, pair)):
        return False
    return bool(0 < pair[0] < pair[1])


BALANCED = StrategyKind(("weights", "ranges"), _parse, rank_balanced)
