"""`capability`: by a weighted mean of the model's capability scores; where nobody gave one, of what outcomes taught."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain


def rank_capability(options: list[Option], weights: Mapping[str, float], moment: Moment) -> Ranking:
    """Terms sum to the score, 0 to 1. A model without a score on a weighed dimension gets nothing for it, and its detail says so."""
    total = sum(weights.values())
    taught = moment.evidence.capabilities
    for option in options:
        scores = option.model.scores
        learned: dict[str, float] = {}
        if taught:
            slug = option.model.slug
            known = {dimension: taught.get(f"{slug}|{dimension}") for dimension in weights if dimension not in scores}
            learned = {dimension: mean for dimension, mean in known.items() if mean is not None}
            scores = {**learned, **scores}
        terms = {dimension: weight / total * scores.get(dimension, 0.0) for dimension, weight in weights.items()}
        missing = [dimension for dimension, weight in weights.items() if weight and dimension not in scores]
        if missing:
            option.detail = {"unknown": missing}
        if learned:
            option.detail = {**option.detail, "learned": sorted(learned)}
        option.terms = terms
        option.score = sum(terms.values())
    return Ranking(certain(sorted(options, key=lambda option: (-(option.score or 0.0), option.slug))))


def _parse(section: Section) -> Mapping[str, float]:
    section.require("weights")
    weights = section.weights("weights")
    return {dimension: weights[dimension] for dimension in sorted(weights)}


CAPABILITY = StrategyKind(("weights",), _parse, rank_capability)
