"""Sections of the catalogue: dimensions, providers, language models, deployments, scores, prices, aliases."""

from __future__ import annotations

from typing import Any

from routerapp.models import Alias, CapabilityScore, Deployment, Dimension, LanguageModel, Price, Provider
from routerapp.serving import edit_aliases, edit_catalog, edit_scores
from routerapp.serving.configuration.fields import AMOUNT, NUMBER, OBJECT, TEXT, WHOLE, Field, of_columns
from routerapp.serving.configuration.sections import (
    ENTRIES,
    FIELDS,
    NOTHING,
    Entry,
    amount_text,
    instant_of,
    instant_text,
)
from routerapp.serving.configuration.shape import check_fields
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid


class Dimensions:
    name, noun, prunes = "dimensions", "dimension", NOTHING
    _fields = {"name": Field(TEXT), "description": Field(TEXT), "position": Field(WHOLE)}

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        return {
            row.slug: {"name": row.name, "description": row.description, "position": row.position}
            for row in Dimension.objects.order_by("position", "slug")
        }

    def settle(self, entry: Entry) -> dict[str, Any]:
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        edit_scores.add_dimension(name, entry.get("name", name), description=entry.get("description", ""), by=by)
        if "position" in entry:
            edit_scores.edit_dimension(name, position=entry["position"], by=by)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        edit_scores.edit_dimension(name, by=by, **changed)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        raise invalid("", "not_removable", "Dimensions stay: scores of old requests name them.")


class Providers:
    name, noun, prunes = "providers", "provider", ENTRIES

    def __init__(self) -> None:
        self._fields = of_columns(Provider, {"kind", *edit_catalog.PROVIDER_FIELDS}, kind=Field(TEXT, is_fixed=True))

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = Provider.objects.filter(archived_at=None).order_by("slug")
        return {row.slug: {name: getattr(row, name) for name in self._fields} for row in rows}

    def settle(self, entry: Entry) -> dict[str, Any]:
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> str | None:
        first = {field: entry[field] for field in ("kind", "base_url") if field in entry}
        edit_catalog.add_provider(name, name=entry.get("name", name), by=by, **{"kind": "", **first})
        rest = {field: value for field, value in entry.items() if field not in ("name", *first)}
        if rest:
            edit_catalog.edit_provider(name, rest, by=by)
        return None if entry.get("kind") == "simulated" else f"provider {name}: enter its credential by hand."

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> str | None:
        edit_catalog.edit_provider(name, changed, by=by)
        return (
            f"provider {name}: see whether it still has a credential; a new host drops it."
            if "base_url" in changed
            else None
        )

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        edit_catalog.archive_provider(name, by=by)


class LanguageModels:
    name, noun, prunes = "models", "model", ENTRIES

    def __init__(self) -> None:
        self._fields = of_columns(LanguageModel, edit_catalog.LANGUAGE_MODEL_FIELDS)

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = LanguageModel.objects.filter(archived_at=None).order_by("slug")
        return {row.slug: {name: getattr(row, name) for name in self._fields} for row in rows}

    def settle(self, entry: Entry) -> dict[str, Any]:
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        edit_catalog.add_language_model(name, {"name": name, **entry}, by=by)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        edit_catalog.edit_language_model(name, changed, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        edit_catalog.archive_language_model(name, by=by)


class Deployments:
    name, noun, prunes = "deployments", "deployment", ENTRIES

    def __init__(self) -> None:
        self._columns = sorted(edit_catalog.DEPLOYMENT_FIELDS)
        placed = {"provider": Field(TEXT, is_fixed=True), "model": Field(TEXT, is_fixed=True)}
        self._fields = {**placed, **of_columns(Deployment, self._columns)}

    def field(self, name: str) -> Field | None:
        return self._fields.get(name)

    def read(self) -> dict[str, dict[str, Any]]:
        rows = Deployment.objects.select_related("provider", "language_model").filter(archived_at=None)
        return {
            row.slug: {
                "provider": row.provider.slug,
                "model": row.language_model.slug,
                **{name: getattr(row, name) for name in self._columns},
            }
            for row in rows.order_by("slug")
        }

    def settle(self, entry: Entry) -> dict[str, Any]:
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        fields = {field: value for field, value in entry.items() if field not in ("provider", "model")}
        edit_catalog.add_deployment(
            name,
            {"name": name, **fields},
            provider=entry.get("provider", ""),
            language_model=entry.get("model", ""),
            by=by,
        )

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        edit_catalog.edit_deployment(name, changed, by=by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        edit_catalog.archive_deployment(name, by=by)


class Scores:
    """Per model, a score on each dimension."""

    name, noun, prunes = "scores", "scores of", FIELDS
    _score = {
        "value": Field(NUMBER),
        "low": Field(NUMBER, may_be_null=True),
        "high": Field(NUMBER, may_be_null=True),
        "source": Field(TEXT),
        "note": Field(TEXT),
        "measured_on": Field(TEXT),
    }

    def field(self, name: str) -> Field | None:
        return Field(OBJECT)

    def read(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        rows = CapabilityScore.objects.filter(language_model__archived_at=None).select_related(
            "language_model", "dimension"
        )
        for row in rows.order_by("language_model__slug", "dimension__position", "dimension__slug"):
            found.setdefault(row.language_model.slug, {})[row.dimension.slug] = {
                "value": row.value,
                "low": row.low,
                "high": row.high,
                "source": row.source,
                "note": row.note,
                "measured_on": row.measured_at.isoformat(),
            }
        return found

    def settle(self, entry: Entry) -> dict[str, Any]:
        for dimension, score in entry.items():
            check_fields(score, self._score.get, dimension)
            if "value" not in score:
                raise invalid(f"{dimension}.value", "required", "A score needs its value.")
        return {
            dimension: {"low": None, "high": None, "source": "manual", "note": "", **score}
            for dimension, score in entry.items()
        }

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        for dimension, score in entry.items():
            day = score.get("measured_on")
            fields = {field: value for field, value in score.items() if field != "measured_on"}
            measured = instant_of(f"{day}T00:00:00Z", f"{dimension}.measured_on").date() if day else None
            edit_scores.set_score(name, dimension, by=by, measured_on=measured, **fields)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        self.add(name, changed, by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        for dimension in fields:
            edit_scores.remove_score(name, dimension, by=by)


class Prices:
    """Per deployment, what is charged from each instant on. Prices that are or were in force never change."""

    name, noun, prunes = "prices", "prices of", NOTHING
    _price = {
        "input_usd_per_mtok": Field(AMOUNT),
        "output_usd_per_mtok": Field(AMOUNT),
        "cached_input_usd_per_mtok": Field(AMOUNT, may_be_null=True),
        "cache_write_usd_per_mtok": Field(AMOUNT, may_be_null=True),
        "source": Field(TEXT),
    }

    def field(self, name: str) -> Field | None:
        return Field(OBJECT)

    def read(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        rows = Price.objects.filter(deployment__archived_at=None).select_related("deployment")
        for row in rows.order_by("deployment__slug", "valid_from"):
            values = edit_catalog.price_values(row)
            values.pop("valid_from")
            found.setdefault(row.deployment.slug, {})[str(instant_text(row.valid_from))] = values
        return found

    def settle(self, entry: Entry) -> dict[str, Any]:
        found = {}
        for instant, price in entry.items():
            check_fields(price, self._price.get, instant)
            unsaid = {"cached_input_usd_per_mtok": None, "cache_write_usd_per_mtok": None}
            settled = {"source": "manual", **unsaid, **price}
            for name, field in self._price.items():
                if field.kind == AMOUNT and name in settled:
                    settled[name] = amount_text(settled[name], f"{instant}.{name}")
            for name in ("input_usd_per_mtok", "output_usd_per_mtok"):
                if name not in settled:
                    raise invalid(f"{instant}.{name}", "required", "A price needs it.")
            found[str(instant_text(instant_of(instant, instant)))] = settled
        return found

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        for instant, price in entry.items():
            edit_catalog.add_price(name, valid_from=instant_of(instant, instant), by=by, **price)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        for instant in changed:
            if instant in before:
                raise invalid(instant, "price_stays", "A price is never changed: give a new one with a later instant.")
        self.add(name, changed, by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        raise invalid("", "price_stays", "Prices stay: recorded costs rest on them.")


class Aliases:
    name, noun, prunes = "aliases", "alias", ENTRIES

    def field(self, name: str) -> Field | None:
        return Field(TEXT) if name == "target" else None

    def read(self) -> dict[str, dict[str, Any]]:
        return {row.name: {"target": row.target} for row in Alias.objects.order_by("name")}

    def settle(self, entry: Entry) -> dict[str, Any]:
        return dict(entry)

    def add(self, name: str, entry: Entry, by: Actor) -> None:
        edit_aliases.set_alias(name, entry.get("target", ""), by=by)

    def edit(self, name: str, changed: Entry, before: Entry, by: Actor) -> None:
        self.add(name, changed, by)

    def remove(self, name: str, fields: Entry, by: Actor) -> None:
        edit_aliases.remove_alias(name, by=by)
