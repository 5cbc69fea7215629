"""The demo workspace's catalogue, policies and keys, written through the same use cases as anybody's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml
from django.utils import timezone

from routerapp.engine.money import format_usd
from routerapp.models import Draft, Experiment, InstallationState, Modality, Policy, ScoreSource, Team
from routerapp.serving.edit_aliases import set_alias
from routerapp.serving.edit_catalog import add_deployment, add_language_model, add_price, add_provider
from routerapp.serving.edit_scores import set_score
from routerapp.serving.manage_keys import create_key
from routerapp.serving.permissions import SYSTEM
from routerapp.serving.publish_policy import create_policy, publish_draft, set_default_policy
from routerapp.store.prices import find_price, rates_of

HERE = Path(__file__).parent
HISTORY_DAYS = 30
PRICE_SOURCE = "genai-prices"
# Half the width of the invented scores' intervals.
SCORE_MARGIN = 0.03


def read_catalog() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((HERE / "catalog.yaml").read_text("utf-8"))
    return content


def read_policies() -> list[dict[str, Any]]:
    content: list[dict[str, Any]] = yaml.safe_load((HERE / "policies.yaml").read_text("utf-8"))
    return content


def make_workspace(now: datetime) -> None:
    """Everything but the traffic. Call inside one transaction: half a workspace is none."""
    catalog = read_catalog()
    for slug in catalog["teams"]:
        Team.objects.get_or_create(slug=slug, defaults={"name": slug.capitalize()})
    _make_models(catalog, now)
    _make_deployments(catalog, now)
    for name, target in catalog["aliases"].items():
        set_alias(name, target, by=SYSTEM)
    _make_policies(now)
    for team in catalog["teams"]:
        create_key(f"Sample {team}", team=team, scopes=["chat"], by=SYSTEM)
    InstallationState.objects.filter(id=1).update(sample_data=True)


def outage_window(catalog: Mapping[str, Any], now: datetime) -> tuple[int, int]:
    """(from, to) of the outage in history, Unix milliseconds."""
    outage = catalog["outage"]
    day = (now - timedelta(days=outage["days_ago"])).replace(hour=0, minute=0, second=0, microsecond=0)
    # On a working day: at the weekend hardly anybody would have noticed.
    day -= timedelta(days=max(0, day.weekday() - 4))
    start = day + timedelta(hours=outage["from_hour"])
    return _ms(start), _ms(start + timedelta(hours=outage["hours"]))


def _make_models(catalog: Mapping[str, Any], now: datetime) -> None:
    for provider in catalog["providers"]:
        add_provider(provider["slug"], name=provider["name"], kind="simulated", by=SYSTEM, is_sample=True)
    for model in catalog["models"]:
        fields = {key: model.get(key) for key in ("name", "vendor", "context_window", "max_output_tokens")}
        modality = model.get("modality", "chat")
        flags = {f"has_{flag}": True for flag in model["flags"]} | {"has_streaming": modality == "chat"}
        add_language_model(model["slug"], {**fields, **flags, "modality": modality}, by=SYSTEM, is_sample=True)
        for dimension, value in model["scores"].items():
            set_score(
                model["slug"],
                dimension,
                value,
                low=round(value - SCORE_MARGIN, 2),
                high=round(min(value + SCORE_MARGIN, 1.0), 2),
                source=ScoreSource.SAMPLE,
                note="Invented for the demo workspace; measure your own.",
                by=SYSTEM,
            )


def _make_deployments(catalog: Mapping[str, Any], now: datetime) -> None:
    models = {model["slug"]: model for model in catalog["models"]}
    begins, ends = outage_window(catalog, now)
    for row in catalog["deployments"]:
        model = models[row["model"]]
        simulation = dict(row["simulation"])
        if row["slug"] in catalog["outage"]["deployments"]:
            simulation["outages"] = [{"from_ms": begins, "to_ms": ends, "error": catalog["outage"]["error"]}]
        add_deployment(
            row["slug"],
            {
                "name": f"{model['name']} · {row['provider'].removesuffix('-demo')}",
                "upstream_model": model["upstream"],
                "region": row["region"],
                "residency": row["residency"],
                "tags": row["tags"],
                "simulation": simulation,
            },
            provider=row["provider"],
            language_model=row["model"],
            by=SYSTEM,
            is_sample=True,
        )
        _price(row, model, catalog["price_change"], now)


def _price(row: Mapping[str, Any], model: Mapping[str, Any], change: Mapping[str, Any], now: datetime) -> None:
    start = now - timedelta(days=HISTORY_DAYS + 1)
    if "price" in row:
        rates = (row["price"]["input"], row["price"]["output"], None, None)
        _add_price(row["slug"], rates, start, "manual")
        return
    price = find_price(model["vendor"], model["upstream"], now, modality=model.get("modality", Modality.CHAT))
    if price is None:
        raise LookupError(f"The price package lists no price for {model['vendor']} {model['upstream']}.")
    listed = tuple(None if nusd is None else format_usd(nusd) for nusd in rates_of(price))
    if row["slug"] == change["deployment"]:
        factor = Decimal(change["factor_before"])
        before = tuple(None if rate is None else str(Decimal(rate) * factor) for rate in listed)
        _add_price(row["slug"], before, start, "sample")
        start = now - timedelta(days=change["days_ago"])
    _add_price(row["slug"], listed, start, PRICE_SOURCE)


def _add_price(slug: str, rates: tuple[str | None, ...], start: datetime, source: str) -> None:
    """rates: of input, output, cached input and cache writes; the first two are known."""
    input_usd, output_usd, cached, written = rates
    add_price(
        slug,
        input_usd_per_mtok=str(input_usd),
        output_usd_per_mtok=str(output_usd),
        cached_input_usd_per_mtok=cached,
        cache_write_usd_per_mtok=written,
        valid_from=start,
        source=source,
        by=SYSTEM,
    )


def _make_policies(now: datetime) -> None:
    for entry in read_policies():
        document = {"schema": 1, "policy": entry["slug"], **entry["document"]}
        create_policy(entry["slug"], entry["name"], document=document, description=entry["description"], by=SYSTEM)
        draft = Draft.objects.get(policy__slug=entry["slug"])
        publish_draft(draft.pk, expected_revision=draft.revision, note="Demo workspace", by=SYSTEM)
        Policy.objects.filter(slug=entry["slug"]).update(is_sample=True)
        if entry.get("is_default"):
            set_default_policy(entry["slug"], by=SYSTEM)
        if told := entry.get("experiment"):
            # It has run for as long as there is traffic of it.
            began = now - timedelta(days=HISTORY_DAYS)
            sample = {"is_sample": True, "started_at": began, "weights_since": began}
            Experiment.objects.filter(slug=told["slug"]).update(**sample, **told)


def _ms(instant: datetime) -> int:
    return int(instant.astimezone(timezone.get_default_timezone()).timestamp() * 1000)
