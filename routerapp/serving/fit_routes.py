"""Thresholds of semantic routes from their examples, with what they get right: asked by the editor, nothing is saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan

MOST_EXAMPLES = 2_000


class CannotFit(ValueError):
    """The message says what is missing."""


@dataclass(frozen=True, slots=True)
class FittedRoute:
    """recall: share of its own examples that come to the route, false_share: of the others'. is_judged: there were enough to say so."""

    threshold: float
    recall: float
    false_share: float
    is_judged: bool


@dataclass(frozen=True, slots=True)
class FittedRoutes:
    """words: how many of all examples come to their own route, each left out once."""

    routes: Mapping[str, FittedRoute]
    words: str


def fit_routes(examples: Mapping[str, tuple[str, ...]]) -> FittedRoutes:
    """name → example texts. Raises CannotFit for nothing to go by, too much of it, or without the files of the word vectors."""
    if len(examples) < 2:
        raise CannotFit("Two routes with examples are needed to tell them apart.")
    if sum(map(len, examples.values())) > MOST_EXAMPLES or not all(
        isinstance(text, str) for texts in examples.values() for text in texts
    ):
        raise CannotFit(f"At most {MOST_EXAMPLES:,} examples, each of them text.")
    # Word vectors are loaded by whoever presses the button, not by every page.
    from routerapp.learning.semantic_routes import fit_thresholds, share_routed_right
    from routerapp.learning.vectors import VectorsMissing
    from routerapp.serving.prompt_predictor import vectors_of

    try:
        vectors = {name: vectors_of(texts) for name, texts in examples.items()}
    except VectorsMissing as error:
        raise CannotFit(str(error)) from None
    fits = fit_thresholds(vectors)
    right = share_routed_right(vectors, {name: fit.threshold for name, fit in fits.items()})
    routes = {
        name: FittedRoute(fit.threshold, fit.recall, fit.false_share, not isnan(fit.recall))
        for name, fit in fits.items()
    }
    words = "" if isnan(right) else f"Of all examples, each left out once, {right:.0%} come to their own route."
    return FittedRoutes(routes, words)
