"""What can answer a prompt, edited by admins: providers, credentials, language models, deployments, prices, aliases.

Rows are archived, never deleted, and keep their slugs. Archiving what a live policy needs is refused. A credential goes in and never comes out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from routerapp.engine.money import format_usd
from routerapp.engine.problems import Problem
from routerapp.models import Credential, Deployment, LanguageModel, Price, Provider
from routerapp.serving.addresses import checked_address, origin_of
from routerapp.serving.amounts import optional_usd, usd
from routerapp.serving.changes import assign, changing, find, save_valid
from routerapp.serving.permissions import Actor
from routerapp.serving.policy_checks import broken_policies, current_config
from routerapp.serving.provider_fields import checked_provider, kind_of
from routerapp.serving.refusals import Invalid, Missing, invalid
from routerapp.serving.slugs import checked_slug
from routerapp.store.secrets import encrypt_credential

PROVIDER_FIELDS = frozenset({"name", "base_url", "preset", "options", "is_enabled"})
LANGUAGE_MODEL_FIELDS = frozenset(
    {
        "name",
        "vendor",
        "context_window",
        "max_output_tokens",
        "has_tools",
        "has_vision",
        "has_json_schema",
        "has_streaming",
        "modality",
    }
)
DEPLOYMENT_FIELDS = frozenset(
    {
        "name",
        "upstream_model",
        "base_url",
        "region",
        "residency",
        "tags",
        "weight",
        "max_in_flight",
        "requests_per_minute",
        "tokens_per_minute",
        "simulation",
        "is_enabled",
    }
)
MAX_CREDENTIAL = 4_000


def add_provider(
    slug: str,
    *,
    name: str,
    by: Actor,
    kind: str = "",
    base_url: str = "",
    preset: str = "",
    options: Mapping[str, Any] | None = None,
    is_sample: bool = False,
) -> Provider:
    """kind and base_url may be left to the preset."""
    with changing(by, "edit_provider", f"provider:{slug}", event="add_provider") as change:
        checked_slug(slug, Provider.objects.all(), "provider")
        kind = kind_of(kind, preset)
        provider = Provider(slug=slug, kind=kind, is_sample=is_sample)
        fields = {"name": name, "base_url": base_url, "preset": preset, "options": {} if options is None else options}
        _, change.after = assign(provider, checked_provider(fields, kind), PROVIDER_FIELDS)
        change.after = {"kind": kind, **change.after}
    return provider


def edit_provider(slug: str, fields: Mapping[str, Any], *, by: Actor) -> Provider:
    """Name, address, preset, options, on or off. A new address on another host drops the credential: it was given for the old one."""
    with changing(by, "edit_provider", f"provider:{slug}") as change:
        provider = find(Provider.objects.filter(archived_at=None), "provider", slug=slug)
        old_origin = origin_of(provider.base_url)
        checked = checked_provider(fields, provider.kind)
        change.before, change.after = assign(provider, checked, PROVIDER_FIELDS)
        if origin_of(provider.base_url) != old_origin and Credential.objects.filter(provider=provider).delete()[0]:
            change.after = {**change.after, "credential_state": "removed, because the address has changed"}
    return provider


def archive_provider(slug: str, *, by: Actor) -> None:
    with changing(by, "edit_provider", f"provider:{slug}", event="archive_provider") as change:
        provider = find(Provider.objects.filter(archived_at=None), "provider", slug=slug)
        _refuse_open_deployments(provider.deployments)
        _archive(provider)
        Credential.objects.filter(provider=provider).delete()
        change.after = {"archived": True}


def set_credential(provider_slug: str, credential: str, *, by: Actor) -> Credential:
    """Replace what we authenticate with. Only its last four characters can be seen afterwards."""
    with changing(by, "edit_credential", f"provider:{provider_slug}", event="set_credential") as change:
        provider = find(Provider.objects.filter(archived_at=None), "provider", slug=provider_slug)
        text = checked_credential(credential)
        # Four characters of a short credential would be much of it.
        last_four = text[-4:] if len(text) >= 16 else ""
        row, is_new = Credential.objects.update_or_create(
            provider=provider, defaults={"ciphertext": encrypt_credential(provider.slug, text), "last_four": last_four}
        )
        change.after = {"last_four": last_four, "replaced": not is_new}
    return row


def checked_credential(credential: str) -> str:
    """Without the blanks around it. Raises Invalid for what no header can carry."""
    text = credential.strip()
    if not text or len(text) > MAX_CREDENTIAL or not text.isascii() or not text.isprintable():
        words = f"A credential is one line of up to {MAX_CREDENTIAL:,} ASCII characters."
        raise invalid("credential", "bad_credential", words)
    return text


def clear_credential(provider_slug: str, *, by: Actor) -> None:
    with changing(by, "edit_credential", f"provider:{provider_slug}", event="clear_credential"):
        provider = find(Provider.objects.all(), "provider", slug=provider_slug)
        if not Credential.objects.filter(provider=provider).delete()[0]:
            raise Missing("credential of", provider_slug)


def add_language_model(slug: str, fields: Mapping[str, Any], *, by: Actor, is_sample: bool = False) -> LanguageModel:
    """fields: name, context_window and any other of LANGUAGE_MODEL_FIELDS."""
    with changing(by, "edit_language_model", f"model:{slug}", event="add_language_model") as change:
        checked_slug(slug, LanguageModel.objects.all(), "language model")
        language_model = LanguageModel(slug=slug, is_sample=is_sample)
        assign(language_model, fields, LANGUAGE_MODEL_FIELDS)
        change.after = dict(fields)
    return language_model


def edit_language_model(slug: str, fields: Mapping[str, Any], *, by: Actor) -> LanguageModel:
    with changing(by, "edit_language_model", f"model:{slug}") as change:
        language_model = find(LanguageModel.objects.filter(archived_at=None), "language model", slug=slug)
        change.before, change.after = assign(language_model, fields, LANGUAGE_MODEL_FIELDS)
    return language_model


def archive_language_model(slug: str, *, by: Actor) -> None:
    with changing(by, "edit_language_model", f"model:{slug}", event="archive_language_model") as change:
        language_model = find(LanguageModel.objects.filter(archived_at=None), "language model", slug=slug)
        _refuse_open_deployments(language_model.deployments)
        _archive(language_model)
        change.after = {"archived": True}


def add_deployment(
    slug: str,
    fields: Mapping[str, Any],
    *,
    provider: str,
    language_model: str,
    by: Actor,
    is_sample: bool = False,
) -> Deployment:
    """fields: name, upstream_model and any other of DEPLOYMENT_FIELDS; provider and language_model by slug, for good."""
    with changing(by, "edit_deployment", f"deployment:{slug}", event="add_deployment") as change:
        checked_slug(slug, Deployment.objects.all(), "deployment")
        deployment = Deployment(
            slug=slug,
            provider=_existing(Provider, "provider", provider),
            language_model=_existing(LanguageModel, "language_model", language_model),
            is_sample=is_sample,
        )
        assign(deployment, _checked_fields(deployment, fields), DEPLOYMENT_FIELDS)
        change.after = {"provider": provider, "language_model": language_model, **fields}
    return deployment


def edit_deployment(slug: str, fields: Mapping[str, Any], *, by: Actor) -> Deployment:
    with changing(by, "edit_deployment", f"deployment:{slug}") as change:
        deployment = find(_open_deployments(), "deployment", slug=slug)
        change.before, change.after = assign(deployment, _checked_fields(deployment, fields), DEPLOYMENT_FIELDS)
    return deployment


def archive_deployment(slug: str, *, by: Actor) -> None:
    """Refused while a live policy could not be published without it; disabling is always possible."""
    with changing(by, "edit_deployment", f"deployment:{slug}", event="archive_deployment") as change:
        deployment = find(_open_deployments(), "deployment", slug=slug)
        _archive(deployment)
        change.after = {"archived": True}


def add_price(
    deployment_slug: str,
    *,
    input_usd_per_mtok: str,
    output_usd_per_mtok: str,
    cached_input_usd_per_mtok: str | None = None,
    cache_write_usd_per_mtok: str | None = None,
    valid_from: datetime | None = None,
    source: str = "manual",
    by: Actor,
) -> Price:
    """US dollars per million tokens as decimal text, in force from valid_from (now when not told) until the next price."""
    with changing(by, "edit_price", f"deployment:{deployment_slug}", event="add_price") as change:
        price = Price(
            deployment=find(_open_deployments(), "deployment", slug=deployment_slug),
            input_nusd_per_mtok=usd(input_usd_per_mtok, "input_usd_per_mtok"),
            output_nusd_per_mtok=usd(output_usd_per_mtok, "output_usd_per_mtok"),
            cached_input_nusd_per_mtok=optional_usd(cached_input_usd_per_mtok, "cached_input_usd_per_mtok"),
            cache_write_nusd_per_mtok=optional_usd(cache_write_usd_per_mtok, "cache_write_usd_per_mtok"),
            valid_from=valid_from or timezone.now(),
            source=source,
        )
        save_valid(price)
        change.after = price_values(price)
    return price


def withdraw_price(deployment_slug: str, price_id: int, *, by: Actor) -> None:
    """Take back a price that is not in force yet. Past prices stay: recorded costs rest on them."""
    with changing(by, "edit_price", f"deployment:{deployment_slug}", event="withdraw_price") as change:
        price = Price.objects.filter(deployment__slug=deployment_slug, pk=price_id).first()
        if price is None:
            raise Missing(f"price of {deployment_slug}", price_id)
        if price.valid_from <= timezone.now():
            raise invalid("", "price_in_force", "This price is or was in force; add a new one instead.")
        change.before = price_values(price)
        price.delete()


def price_values(price: Price) -> dict[str, Any]:
    """A price as people read it, money as decimal text."""
    cached, written = price.cached_input_nusd_per_mtok, price.cache_write_nusd_per_mtok
    return {
        "input_usd_per_mtok": format_usd(price.input_nusd_per_mtok),
        "output_usd_per_mtok": format_usd(price.output_nusd_per_mtok),
        "cached_input_usd_per_mtok": None if cached is None else format_usd(cached),
        "cache_write_usd_per_mtok": None if written is None else format_usd(written),
        "valid_from": price.valid_from.isoformat(),
        "source": price.source,
    }


def _open_deployments() -> models.QuerySet[Deployment]:
    return Deployment.objects.select_related("provider", "language_model").filter(archived_at=None)


def _existing(kind: type[Any], path: str, slug: str) -> Any:
    """A row the input refers to: not being there is wrong input, not a missing page."""
    row = kind.objects.filter(slug=slug, archived_at=None).first()
    if row is None:
        raise invalid(path, "unknown_reference", f"There is no {path.replace('_', ' ')} {slug}.")
    return row


def _checked_fields(deployment: Deployment, fields: Mapping[str, Any]) -> dict[str, Any]:
    checked = dict(fields)
    if checked.get("base_url"):
        checked["base_url"] = checked_address(checked["base_url"], deployment.provider.kind, "base_url")
    for name in ("residency", "tags"):
        if name in checked:
            checked[name] = _labels(checked[name], name)
    if "simulation" in checked and not isinstance(checked["simulation"], dict):
        raise invalid("simulation", "not_an_object", "A simulation script is an object.")
    if checked.get("simulation") and deployment.provider.kind != "simulated":
        raise invalid("simulation", "not_simulated", f"{deployment.provider.slug} is not a simulated provider.")
    return checked


def _labels(value: Any, path: str) -> list[str]:
    """A list of at most 50 short labels, each once."""
    if not isinstance(value, list | tuple) or len(value) > 50:
        raise invalid(path, "not_a_list", "This is a list of at most 50 labels.")
    labels = [label.strip() if isinstance(label, str) else "" for label in value]
    if not all(0 < len(label) <= 60 and label.isprintable() and ":" not in label for label in labels):
        raise invalid(path, "bad_label", "A label has 1 to 60 printable characters and no colon.")
    return list(dict.fromkeys(labels))


def _refuse_open_deployments(deployments: Any) -> None:
    slugs = list(deployments.filter(archived_at=None).values_list("slug", flat=True)[:5])
    if slugs:
        raise invalid("", "in_use", f"Archive its deployments first: {', '.join(slugs)}.")


def _archive(row: Provider | LanguageModel | Deployment) -> None:
    """Set the date, and take it back by raising when a live policy that was sound no longer is."""
    already_broken = broken_policies(current_config())
    row.archived_at = timezone.now()
    row.save(update_fields=["archived_at"])
    broken = broken_policies(current_config())
    problems = [
        Problem(f"policy:{slug}", "in_use", f"The policy {slug} needs it: {found[0].message}")
        for slug, found in broken.items()
        if slug not in already_broken
    ]
    if problems:
        raise Invalid(problems)
