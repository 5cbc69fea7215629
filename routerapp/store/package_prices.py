"""Prices of the package beside ours, matched by vendor and exact model name; nothing is guessed by a name's beginning. Only reads.

The package knows several spellings of one model, each spelled out; its looser rules (begins with, contains) are not used here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.db.models import Prefetch

from routerapp.engine import types
from routerapp.models import Deployment, Modality, Provider, ProviderKind
from routerapp.models import Price as PriceRow
from routerapp.store.prices import SOURCE, listed_price, rates_of, value_of

# Our presets' names for vendors where the package has another.
PACKAGE_IDS = {"gemini": "google", "xai": "x-ai"}
SAME, DIFFERS, NEW, UNMATCHED = "same", "differs", "new", "unmatched"


@dataclass(frozen=True, slots=True)
class Match:
    """The package's name of a model: provider/model, as matched."""

    provider: str
    model: str
    context_window: int | None = None

    @property
    def name(self) -> str:
        return f"{self.provider}/{self.model}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One deployment: its price now and the package's. state: same, differs, new (unpriced here) or unmatched; reason says why unmatched."""

    deployment: str
    provider: str
    upstream_model: str
    state: str
    current: types.Price | None = None
    listed: types.Price | None = None
    match: Match | None = None
    reason: str = ""
    modality: str = Modality.CHAT

    @property
    def by_hand(self) -> bool:
        """Entered by somebody: an import would replace it."""
        return self.current is not None and not self.current.source.startswith(SOURCE)


def compare_prices(now: datetime, slug: str = "") -> tuple[Comparison, ...]:
    """Every open deployment, or the one asked for, by slug."""
    prices = Prefetch("prices", queryset=PriceRow.objects.order_by("valid_from"))
    rows = Deployment.objects.filter(archived_at=None).select_related("provider", "language_model")
    if slug:
        rows = rows.filter(slug=slug)
    return tuple(_compare(row, now) for row in rows.prefetch_related(prices).order_by("slug"))


def compare_with(slug: str, name: str, now: datetime) -> Comparison:
    """One deployment with a model that somebody named: provider/model, exactly. Raises LookupError."""
    match = _named(name)
    if match is None:
        raise LookupError(f"The price package has no {name[:120]}.")
    (found,) = compare_prices(now, slug)
    listed = _listed(match, now, found.modality)
    if listed is None:
        raise LookupError(f"The price package does not price {name[:120]} by input and output token.")
    return Comparison(
        found.deployment,
        found.provider,
        found.upstream_model,
        _state(found.current, listed),
        found.current,
        listed,
        match,
        modality=found.modality,
    )


def find_match(vendor: str, upstream_model: str) -> Match | None:
    """Of a vendor by the package's own id, and a model by exact name."""
    models = _index().get(vendor)
    return models.get(upstream_model) if models else None


def _compare(row: Deployment, now: datetime) -> Comparison:
    current = next((value_of(price) for price in reversed(row.prices.all()) if price.valid_from <= now), None)
    where = (row.slug, row.provider.name, row.upstream_model)
    modality = row.language_model.modality
    vendors = _vendors(row)
    if not vendors:
        reason = "Its provider is no vendor the package knows."
        return Comparison(*where, UNMATCHED, current, reason=reason, modality=modality)
    for vendor in vendors:
        match = find_match(vendor, row.upstream_model)
        if match is not None:
            listed = _listed(match, now, modality)
            state = UNMATCHED if listed is None else _state(current, listed)
            reason = "Not sold by input and output token." if listed is None else ""
            return Comparison(*where, state, current, listed, match, reason, modality)
    reason = f"{' or '.join(vendors)} has no model of exactly this name there."
    return Comparison(*where, UNMATCHED, current, reason=reason, modality=modality)


def _state(current: types.Price | None, listed: types.Price) -> str:
    if current is None:
        return NEW
    return SAME if rates_of(current) == rates_of(listed) else DIFFERS


def package_vendor(provider: Provider) -> str:
    """The package's id of a provider, by its address, else its preset; empty when it is none the package knows."""
    return next(iter(_known_vendors(provider, provider.base_url)), "")


def _vendors(row: Deployment) -> list[str]:
    """A simulated provider stands for its model's vendor."""
    found = _known_vendors(row.provider, row.base_url or row.provider.base_url)
    if not found and row.provider.kind == ProviderKind.SIMULATED:
        found = [row.language_model.vendor.lower()]
    return [vendor for vendor in found if vendor in _index()]


def _known_vendors(provider: Provider, url: str) -> list[str]:
    found = _vendors_at(url) if url else []
    preset = PACKAGE_IDS.get(provider.preset, provider.preset)
    return found or ([preset] if preset in _index() else [])


def _listed(match: Match, now: datetime, modality: str) -> types.Price | None:
    return listed_price(match.provider, match.model, now, modality=modality)


def _named(name: str) -> Match | None:
    vendor, _, model = name.strip().partition("/")
    return find_match(vendor, model)


@lru_cache(maxsize=1)
def _index() -> dict[str, dict[str, Match]]:
    """vendor -> exact spelling -> model. A spelling that two models share is nobody's."""
    from genai_prices.data_snapshot import get_snapshot

    index: dict[str, dict[str, Match]] = {}
    for provider in get_snapshot().providers:
        names: dict[str, Match] = {}
        shared: set[str] = set()
        for model in provider.models:
            match = Match(provider.id, model.id, model.context_window)
            for name in {model.id, *_spellings(model.match)}:
                if name in names and name != model.id:
                    shared.add(name)
                names[name] = match if name == model.id else names.get(name, match)
        ids = {model.id for model in provider.models}
        index[provider.id] = {name: match for name, match in names.items() if name in ids or name not in shared}
    return index


def _spellings(clause: Any) -> Iterator[str]:
    """The names a match rule spells out in full."""
    if (exact := getattr(clause, "equals", None)) is not None:
        yield exact
    for inner in getattr(clause, "or_", ()) or ():
        yield from _spellings(inner)


def _vendors_at(url: str) -> list[str]:
    """By the package's own list of addresses."""
    from genai_prices.data_snapshot import get_snapshot

    try:
        return [get_snapshot().find_provider("", None, url).id]
    except LookupError:
        return []
