"""List prices from the price package's offline snapshot, as integers; nothing is fetched.

The package costs half a second to import, so only these functions import it. What people enter by hand wins: it is never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any

from django.db import transaction
from django.db.models import OuterRef, Subquery

from routerapp.engine import types
from routerapp.models import Deployment, Modality, Price
from routerapp.store.config_document import unix_ms
from routerapp.store.revisions import record_config_revision

SOURCE = "genai-prices"
NUSD_PER_USD = 10**9


@dataclass(frozen=True, slots=True)
class PriceChange:
    deployment: str
    before: types.Price
    after: types.Price


def find_price(
    vendor: str, model: str, now: datetime, base_url: str = "", *, modality: str = Modality.CHAT
) -> types.Price | None:
    """The vendor's list price of a model at `now`; None when the package does not know both. vendor: its id there, such as openai.

    base_url, where given, is tried first: the same model may cost something else at another host. Tiers count from their base.
    """
    from genai_prices.data_snapshot import get_snapshot

    snapshot = get_snapshot()
    for provider_id, url in ((None, base_url), (vendor.lower(), None)):
        if not provider_id and not url:
            continue
        try:
            _, found = snapshot.find_provider_model(model, None, provider_id, url)
        except LookupError:
            continue
        return compile_price(found.get_prices(now), now, modality)
    return None


def listed_price(provider: str, model: str, now: datetime, *, modality: str = Modality.CHAT) -> types.Price | None:
    """By the package's own ids, exactly; None when it has no such model, or does not sell it by token."""
    from genai_prices.data_snapshot import get_snapshot

    for one in get_snapshot().providers:
        if one.id == provider:
            for candidate in one.models:
                if candidate.id == model:
                    return compile_price(candidate.get_prices(now), now, modality)
    return None


def package_source(name: str = "") -> str:
    """What an imported price is marked with: the package's version, and the provider/model it was matched with."""
    return f"{SOURCE} {version(SOURCE)} {name}".strip()[:100]


def compile_price(listed: Any, now: datetime, modality: str = Modality.CHAT) -> types.Price | None:
    """Integers per million tokens; None when the model is not sold by input and output token.

    Embeddings have no output, so theirs costs nothing; of a chat model an output without a rate is unknown, which is not free.
    """
    input_rate, output_rate = _nusd(listed.input_mtok), _nusd(listed.output_mtok)
    if output_rate is None and modality == Modality.EMBEDDINGS:
        output_rate = 0
    if input_rate is None or output_rate is None:
        return None
    cached, written = _nusd(listed.cache_read_mtok), _nusd(listed.cache_write_mtok)
    return types.Price(input_rate, output_rate, cached, unix_ms(now), SOURCE, written)


def _nusd(rate: Any) -> int | None:
    usd = getattr(rate, "base", rate)
    return None if usd is None else int((Decimal(usd) * NUSD_PER_USD).to_integral_value())


@transaction.atomic
def refresh_prices(now: datetime) -> tuple[PriceChange, ...]:
    """Adds a price from `now` on for each deployment whose latest price came from the package and has changed there since."""
    latest = Price.objects.filter(deployment=OuterRef("pk")).order_by("-valid_from").values("pk")[:1]
    rows = Deployment.objects.filter(archived_at=None).annotate(latest=Subquery(latest)).exclude(latest=None)
    prices = Price.objects.filter(source__startswith=SOURCE).in_bulk(rows.values_list("latest", flat=True))
    changes = []
    for row in rows.select_related("provider", "language_model").order_by("slug"):
        current = prices.get(row.latest)
        if current is None or current.valid_from >= now:
            continue
        found = _newest(current.source, row, now)
        before = value_of(current)
        if found is None or rates_of(found) == rates_of(before):
            continue
        Price.objects.create(
            deployment=row,
            input_nusd_per_mtok=found.input_nusd_per_mtok,
            output_nusd_per_mtok=found.output_nusd_per_mtok,
            cached_input_nusd_per_mtok=found.cached_input_nusd_per_mtok,
            cache_write_nusd_per_mtok=found.cache_write_nusd_per_mtok,
            valid_from=now,
            source=package_source(_matched_name(current.source)) if current.source != SOURCE else SOURCE,
        )
        changes.append(PriceChange(row.slug, before, found))
    if changes:
        record_config_revision(f"price refresh: {', '.join(change.deployment for change in changes)}")
    return tuple(changes)


def _newest(source: str, row: Deployment, now: datetime) -> types.Price | None:
    """An imported price stays with the model it was matched with."""
    name = _matched_name(source)
    if name:
        provider, _, model = name.partition("/")
        return listed_price(provider, model, now, modality=row.language_model.modality)
    vendor = row.language_model.vendor or row.provider.slug
    url = row.base_url or row.provider.base_url
    return find_price(vendor, row.upstream_model, now, url, modality=row.language_model.modality)


def _matched_name(source: str) -> str:
    """genai-prices 0.2.3 openai/gpt-4o -> openai/gpt-4o; empty where none was noted."""
    words = source.split(" ", 2)
    return words[2] if len(words) == 3 and words[0] == SOURCE else ""


def value_of(row: Price) -> types.Price:
    """The row without its deployment."""
    return types.Price(
        row.input_nusd_per_mtok,
        row.output_nusd_per_mtok,
        row.cached_input_nusd_per_mtok,
        unix_ms(row.valid_from),
        row.source,
        row.cache_write_nusd_per_mtok,
    )


def rates_of(price: types.Price) -> tuple[int, int, int | None, int | None]:
    """What is charged, without when and by whose word."""
    return (
        price.input_nusd_per_mtok,
        price.output_nusd_per_mtok,
        price.cached_input_nusd_per_mtok,
        price.cache_write_nusd_per_mtok,
    )
