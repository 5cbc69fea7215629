"""A first predictor without a graded prompt: the shipped prior, spread over the models of the catalogue by their tiers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Min
from django.utils import timezone

from routerapp.learning import artefact
from routerapp.learning.prior import TIERS, load_prior, spread, tiers_by_price
from routerapp.models import LanguageModel, Modality, PredictorVersion, Price, User
from routerapp.serving.changes import noting
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid
from routerapp.store.predictors import keep_predictor

NAME = "prior"
CARD = 1
MOST_MODELS = 60


def tiers_offered() -> dict[str, str]:
    """slug -> a tier by today's cheapest price of each chat model; what a form begins with."""
    prices = {}
    for model in LanguageModel.objects.filter(modality=Modality.CHAT, archived_at=None).order_by("slug")[:MOST_MODELS]:
        now = Price.objects.filter(
            deployment__language_model=model, deployment__archived_at=None, valid_from__lte=timezone.now()
        )
        prices[model.slug] = now.aggregate(least=Min("output_nusd_per_mtok"))["least"]
    return tiers_by_price(prices)


def start_from_prior(tiers: Mapping[str, str], *, by: Actor) -> PredictorVersion:
    """A candidate that knows these models by their tiers, slug -> weak, middle or strong; the same tiers make no second version."""
    _check(tiers)
    with noting(by, "train_predictor", f"predictor:{NAME}", event="predictor_from_prior") as change:
        fitted = spread(load_prior().fitted, tiers)
        content, sha256 = artefact.write(fitted)
        strongest = min(tiers, key=lambda slug: (-TIERS.index(tiers[slug]), slug))
        user = User.objects.filter(username=by.name).first() if by.kind == "user" else None
        row, _ = keep_predictor(NAME, content, _card(tiers, strongest, fitted.about), user)
        change.subject = f"predictor:{row}"
        change.after = {"sha256": sha256, "tiers": dict(tiers)}
    return row


def _check(tiers: Mapping[str, str]) -> None:
    if not 2 <= len(tiers) <= MOST_MODELS:
        raise invalid(
            "tiers",
            "out_of_range",
            f"Give 2 to {MOST_MODELS} models a tier: there must be something to choose between.",
        )
    known = set(LanguageModel.objects.filter(slug__in=tiers, archived_at=None).values_list("slug", flat=True))
    for slug, tier in tiers.items():
        if slug not in known:
            raise invalid(f"tiers.{slug}", "unknown_reference", f"There is no language model {slug!r}.")
        if tier not in TIERS:
            raise invalid(f"tiers.{slug}", "unknown_value", f"{tier!r} is no tier. One of: {', '.join(TIERS)}.")
    if len(set(tiers.values())) < 2:
        raise invalid("tiers", "one_tier", "All models are in one tier, so the prior cannot tell them apart.")


def _card(tiers: Mapping[str, str], default: str, about: Mapping[str, Any]) -> dict[str, Any]:
    """Nothing of it was measured here, and it says so."""
    return {
        "schema": CARD,
        "prior": True,
        "tiers": {slug: tiers[slug] for slug in sorted(tiers)},
        "pool": sorted(tiers),
        "default": default,
        "prompts": {"trained_on": about["prompts"], "held_back": 0, "measured": 0},
        "benchmarks": [],
    }
