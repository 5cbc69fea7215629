"""Many deployments of one provider at once: for each upstream model a deployment, a language model where there is none yet, and a price if one is listed.

All or nothing, in one transaction; each part is the use case that a single one would take.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from routerapp.engine.problems import Problem
from routerapp.models import Deployment, LanguageModel, Modality, Provider
from routerapp.serving.changes import find
from routerapp.serving.edit_catalog import add_deployment, add_language_model
from routerapp.serving.import_prices import import_prices
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, invalid
from routerapp.store.package_prices import compare_prices, find_match, package_vendor

MOST_AT_ONCE = 50
_NOT_IN_SLUGS = re.compile(r"[^a-z0-9_-]+")
LONGEST_SLUG = 60


@dataclass(frozen=True, slots=True)
class Wanted:
    """language_model: a slug that is there; empty: a new one is made, with this context window."""

    upstream_model: str
    language_model: str = ""
    context_window: int | None = None
    modality: str = Modality.CHAT


@dataclass(frozen=True, slots=True)
class Offered:
    """How one upstream model could be added: what is known of it without guessing."""

    upstream_model: str
    language_model: str
    context_window: int | None
    is_deployed: bool


def offer_deployments(provider_slug: str, names: Sequence[str]) -> tuple[Offered, ...]:
    """A language model is offered where its slug is exactly the name's; a context window where the price package states one."""
    provider = find(Provider.objects.filter(archived_at=None), "provider", slug=provider_slug)
    deployed = set(provider.deployments.filter(archived_at=None).values_list("upstream_model", flat=True))
    models = set(LanguageModel.objects.filter(archived_at=None).values_list("slug", flat=True))
    vendor = package_vendor(provider)
    offers = []
    for name in dict.fromkeys(names):
        match = find_match(vendor, name) if vendor else None
        slug = slug_of(name)
        window = match.context_window if match else None
        offers.append(Offered(name, slug if slug in models else "", window, name in deployed))
    return tuple(offers)


def add_deployments(provider_slug: str, wanted: Sequence[Wanted], *, by: Actor) -> tuple[Deployment, ...]:
    """Named after provider and model. What the price package lists by exactly this name is priced at once; the rest is unpriced."""
    require(by, "edit_deployment")
    if not wanted:
        raise invalid("models", "required", "Choose at least one model.")
    if len(wanted) > MOST_AT_ONCE:
        raise invalid("models", "too_many", f"At most {MOST_AT_ONCE} models at once.")
    with transaction.atomic():
        provider = find(Provider.objects.filter(archived_at=None), "provider", slug=provider_slug)
        problems: list[Problem] = []
        added = []
        for place, one in enumerate(wanted):
            try:
                with transaction.atomic():
                    added.append(_add(provider, one, by))
            except Invalid as error:
                problems += [Problem(f"models.{place}.{p.path}".rstrip("."), p.code, p.message) for p in error.problems]
        if problems:
            raise Invalid(problems)
        _price(added, by)
    return tuple(added)


def slug_of(name: str) -> str:
    """meta-llama/Llama-3.3-70B -> meta-llama-llama-3-3-70b."""
    return _NOT_IN_SLUGS.sub("-", name.lower()).strip("-_")[:LONGEST_SLUG].strip("-_") or "model"


def _add(provider: Provider, wanted: Wanted, by: Actor) -> Deployment:
    name = wanted.upstream_model.strip()
    if not name or len(name) > 200 or not name.isprintable():
        raise invalid("upstream_model", "bad_name", "A model's name has 1 to 200 printable characters.")
    model = wanted.language_model
    if not model:
        if wanted.context_window is None or wanted.context_window < 1:
            raise invalid("context_window", "required", f"Give the context window of {name}, in tokens.")
        model = _free(slug_of(name), LanguageModel)
        fields = {
            "name": name[:100],
            "vendor": provider.preset,
            "context_window": wanted.context_window,
            "modality": wanted.modality,
            "has_streaming": wanted.modality == Modality.CHAT,
        }
        add_language_model(model, fields, by=by)
    slug = _free(f"{provider.slug}-{slug_of(name)}"[:LONGEST_SLUG].strip("-_"), Deployment)
    fields = {"name": f"{name} on {provider.name}"[:100], "upstream_model": name}
    return add_deployment(slug, fields, provider=provider.slug, language_model=model, by=by)


def _free(slug: str, kind: type[LanguageModel] | type[Deployment]) -> str:
    """The slug, or with a number behind it: slugs of archived rows are never used again."""
    taken = set(kind._default_manager.filter(slug__startswith=slug[: LONGEST_SLUG - 4]).values_list("slug", flat=True))
    if slug not in taken:
        return slug
    numbered = (f"{slug[: LONGEST_SLUG - 4]}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in numbered if name not in taken)


def _price(added: Sequence[Deployment], by: Actor) -> None:
    ours = {row.slug for row in added}
    listed = {one.deployment: "" for one in compare_prices(timezone.now()) if one.deployment in ours and one.listed}
    if listed:
        import_prices(listed, by=by)
