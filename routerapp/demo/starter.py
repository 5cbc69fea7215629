"""Three simulated models for an empty installation, so that routing can be seen before any vendor is paid. Invented, marked as sample data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from django.db import transaction

from routerapp.models import Deployment, InstallationState, LanguageModel, Provider, ScoreSource
from routerapp.serving.edit_catalog import add_deployment, add_language_model, add_price, add_provider
from routerapp.serving.edit_scores import set_score
from routerapp.serving.permissions import Actor

PRICE_SOURCE = "invented for the simulation"
# Name, dollars per million tokens in and out, invented scores, milliseconds to the first token, tags.
MODELS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "simulated-large": {
            "name": "Simulated large",
            "price": ("3", "15"),
            "scores": {"accuracy": 0.9, "code": 0.92, "math": 0.9, "reasoning": 0.91},
            "ttft_ms": {"p50": 420, "p95": 900},
            "tags": ["hosted"],
        },
        "simulated-small": {
            "name": "Simulated small",
            "price": ("0.25", "1.25"),
            "scores": {"accuracy": 0.72, "code": 0.66, "math": 0.62, "reasoning": 0.64},
            "ttft_ms": {"p50": 160, "p95": 400},
            "tags": ["hosted"],
        },
        "simulated-local": {
            "name": "Simulated local",
            "price": ("0.05", "0.05"),
            "scores": {"accuracy": 0.58, "code": 0.5, "math": 0.45, "reasoning": 0.48},
            "ttft_ms": {"p50": 240, "p95": 600},
            "tags": ["local"],
        },
    }
)
_CONTEXT_WINDOW = 128_000


@transaction.atomic
def add_simulated_models(*, by: Actor) -> tuple[Deployment, ...]:
    """A provider, three models and their deployments, priced and scored. They go with the sample data."""
    provider = add_provider(_free("simulated", Provider), name="Simulated", kind="simulated", by=by, is_sample=True)
    added = tuple(_add(slug, facts, provider.slug, by) for slug, facts in MODELS.items())
    InstallationState.objects.filter(id=1).update(sample_data=True)
    return added


def _add(slug: str, facts: Mapping[str, Any], provider: str, by: Actor) -> Deployment:
    model = _free(slug, LanguageModel)
    flags = {f"has_{flag}": True for flag in ("tools", "vision", "json_schema", "streaming")}
    fields = {"name": facts["name"], "vendor": "simulated", "context_window": _CONTEXT_WINDOW, **flags}
    add_language_model(model, fields, by=by, is_sample=True)
    for dimension, value in facts["scores"].items():
        set_score(
            model, dimension, value, source=ScoreSource.SAMPLE, note="Invented; replace it by your judgement.", by=by
        )
    simulation = {
        "ttft_ms": facts["ttft_ms"],
        "tokens_per_second": 180,
        "output_tokens": {"mean": 120},
        "error_share": 0,
    }
    place = _free(slug, Deployment)
    deployment = add_deployment(
        place,
        {"name": facts["name"], "upstream_model": slug, "tags": facts["tags"], "simulation": simulation},
        provider=provider,
        language_model=model,
        by=by,
        is_sample=True,
    )
    input_usd, output_usd = facts["price"]
    add_price(place, input_usd_per_mtok=input_usd, output_usd_per_mtok=output_usd, source=PRICE_SOURCE, by=by)
    return deployment


def _free(slug: str, kind: type[Provider] | type[LanguageModel] | type[Deployment]) -> str:
    """The slug, or with a number behind it: those of archived rows are never used again."""
    taken = set(kind._default_manager.filter(slug__startswith=slug).values_list("slug", flat=True))
    if slug not in taken:
        return slug
    numbered = (f"{slug}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in numbered if name not in taken)
