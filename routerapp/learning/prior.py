"""The shipped prior: a predictor of three tiers of models, for installations that have graded nothing yet.

It was trained on public outcomes (docs/prior-card.md) in which every model stands for its tier: the strongest third of its set, the middle
third or the weakest. Spread over a catalogue whose models have been given tiers, it is a predictor like any other, and only a beginning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import artefact
from routerapp.learning.fitted import Fitted
from routerapp.learning.newcomers import taken
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.predictor import Predictor

LABELS = ("prompt_ids", "prompts", "groups", "datasets", "tasks", "categories")
TIERS = ("weak", "middle", "strong")
FILE = Path(__file__).with_name("prior.safetensors")
ADDRESS_FILE = Path(__file__).with_name("prior.sha256")
# Of the models of one tier nobody knows here which is better; what separates two of them is less than half of what separates tiers.
WITHIN_TIER_SD = 0.08


class UnknownTier(ValueError):
    """A model was given a tier that is none: the message names both."""


def load_prior() -> Predictor:
    """The predictor of the tiers. Raises artefact.BadArtefact where the file is not the one that was shipped."""
    return artefact.load(FILE, ADDRESS_FILE.read_text().strip())


def tier_outcomes(sets: Sequence[Outcomes]) -> Outcomes:
    """Sets of outcomes over different models as one over the three tiers: means over the models of a tier, cost unknown."""
    tiered = [_tiered(one) for one in sets]
    labels = {name: tuple(label for one in tiered for label in getattr(one, name)) for name in LABELS}
    return Outcomes(
        **labels,
        models=TIERS,
        quality=np.concatenate([one.quality for one in tiered]),
        cost_usd=np.concatenate([one.cost_usd for one in tiered]),
        input_tokens=np.concatenate([one.input_tokens for one in tiered]),
        output_tokens=np.concatenate([one.output_tokens for one in tiered]),
    )


def spread(prior: Fitted, tiers: Mapping[str, str]) -> Fitted:
    """The prior's columns for these models, each its tier's; slug -> tier. Raises UnknownTier; an empty mapping is a ValueError."""
    if not tiers:
        raise ValueError("No model has a tier, so there is nothing to predict for.")
    for slug, tier in tiers.items():
        if tier not in TIERS:
            raise UnknownTier(f"{slug}: {tier!r} is no tier. One of: {', '.join(TIERS)}.")
    slugs = tuple(sorted(tiers))
    found = taken(prior, [prior.models.index(tiers[slug]) for slug in slugs], slugs)
    return replace(
        found,
        noise=np.sqrt(found.noise**2 + WITHIN_TIER_SD**2),
        cost_factor=np.full(len(slugs), np.nan),
        about={**prior.about, "prior": True, "tiers": {slug: tiers[slug] for slug in slugs}},
    )


def tiers_by_price(output_nusd_per_mtok: Mapping[str, int | None]) -> dict[str, str]:
    """A first guess from prices: the cheapest third of the priced models is weak, the dearest strong; an unpriced one is in the middle."""
    priced = sorted((price, slug) for slug, price in output_nusd_per_mtok.items() if price is not None)
    found = dict.fromkeys(output_nusd_per_mtok, "middle")
    for place, (_, slug) in enumerate(priced):
        found[slug] = TIERS[min(2, place * 3 // len(priced))] if len(priced) > 1 else "strong"
    if len(priced) > 1:
        found[priced[-1][1]] = "strong"
    return found


def _tiered(outcomes: Outcomes) -> Outcomes:
    """Thirds by mean quality of the models that answered at least half of the prompts; a set of two has no middle."""
    known = ~np.isnan(outcomes.quality)
    enough = np.flatnonzero(known.mean(axis=0) >= 0.5)
    order = enough[np.argsort(np.nanmean(outcomes.quality[:, enough], axis=0), kind="stable")]
    thirds = [order[:1], order[:0], order[1:]] if len(order) == 2 else np.array_split(order, len(TIERS))
    return replace(
        outcomes,
        models=TIERS,
        quality=_means(outcomes.quality, thirds),
        cost_usd=np.full((len(outcomes), len(TIERS)), np.nan),
        input_tokens=_means(outcomes.input_tokens, thirds),
        output_tokens=_means(outcomes.output_tokens, thirds),
    )


def _means(values: NDArray[np.float64], thirds: Sequence[NDArray[np.int64]]) -> NDArray[np.float64]:
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    columns = []
    for third in thirds:
        count = known[:, third].sum(axis=1)
        columns.append(np.where(count > 0, filled[:, third].sum(axis=1) / np.maximum(count, 1), np.nan))
    return np.stack(columns, axis=1)
