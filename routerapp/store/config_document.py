"""Builds the config document: everything people set that can change a decision, from rows, in one canonical shape.

Holds no secret and no address: neither changes a decision. Field names are those of the engine's dataclasses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery

from routerapp.models import (
    Alias,
    APIKey,
    Arm,
    CapabilityScore,
    Deployment,
    Dimension,
    EndUserAllowance,
    InstallationState,
    LanguageModel,
    Policy,
    PolicyVersion,
    Price,
    Team,
)
from routerapp.models.access import CALL_SCOPES
from routerapp.store.control import parse_control

SCHEMA = 1
VERSIONS_KEPT = 10
# Which capability stands for quality in a task, unless the installation's settings say otherwise.
TASK_DIMENSIONS = {
    "code": "code",
    "math": "math",
    "reasoning": "reasoning",
    "writing": "creativity",
    "summarize": "summarization",
    "translate": "translation",
    "extract": "extraction",
}
ALLOWANCE_FIELDS = (
    "requests_per_minute",
    "tokens_per_minute",
    "max_parallel",
    "daily_spend_nusd",
    "monthly_spend_nusd",
)
_EXACT = "is_exact"
_MODEL_FIELDS = (
    "slug",
    "name",
    "context_window",
    "max_output_tokens",
    "has_tools",
    "has_vision",
    "has_json_schema",
    "has_streaming",
    "modality",
)


def build_config_document() -> dict[str, Any]:
    """The document as the rows are now; call it inside the transaction that changed them."""
    settings = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    dimensions = list(Dimension.objects.values_list("slug", flat=True))
    wanted = {**TASK_DIMENSIONS, **settings.get("task_dimensions", {})}
    return {
        "schema": SCHEMA,
        "default_policy": Policy.objects.filter(is_default=True, live_version__isnull=False, archived_at=None)
        .values_list("slug", flat=True)
        .first(),
        "policies": _policies(),
        "models": _models(),
        "deployments": _deployments(settings),
        "callers": _callers(),
        "teams": _allowances(Team.objects.filter(archived_at=None).order_by("slug"), "slug"),
        "users": _allowances(EndUserAllowance.objects.order_by("user_hash"), "user_hash"),
        "budgets": {"unpriced": settings.get("unpriced_under_budget", "refuse")},
        "aliases": dict(Alias.objects.values_list("name", "target")),
        "dimensions": dimensions,
        "task_dimensions": {task: slug for task, slug in wanted.items() if slug in dimensions},
        "task_words": settings.get("task_words", {}),
        "experiments": _experiments(),
    }


def _policies() -> dict[str, Any]:
    newest = PolicyVersion.objects.filter(policy=OuterRef("policy")).order_by("-number").values("number")[:1]
    rows = (
        PolicyVersion.objects.filter(policy__live_version__isnull=False, policy__archived_at=None)
        .annotate(newest=Subquery(newest))
        .filter(Q(number__gt=F("newest") - VERSIONS_KEPT) | Q(pk=F("policy__live_version")))
        .order_by("policy__slug", "number")
        .values_list("policy__slug", "policy__live_version__number", "number", "document")
    )
    policies: dict[str, Any] = {}
    for slug, live, number, document in rows:
        policies.setdefault(slug, {"live": live, "versions": {}})["versions"][str(number)] = document
    return policies


def _models() -> dict[str, Any]:
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for model, dimension, value in CapabilityScore.objects.values_list(
        "language_model__slug", "dimension__slug", "value"
    ):
        scores[model][dimension] = value
    rows = LanguageModel.objects.filter(archived_at=None).values(*_MODEL_FIELDS)
    return {row["slug"]: {**row, "scores": scores[row["slug"]]} for row in rows}


def _deployments(settings: Mapping[str, Any]) -> dict[str, Any]:
    draining = parse_control(settings).draining
    prices = _prices()
    rows = Deployment.objects.filter(archived_at=None, provider__archived_at=None, language_model__archived_at=None)
    return {
        row["slug"]: {
            "slug": row["slug"],
            "model": row["language_model__slug"],
            "provider": row["provider__slug"],
            "kind": row["provider__kind"],
            "upstream_model": row["upstream_model"],
            "region": row["region"],
            "residency": row["residency"],
            "tags": row["tags"],
            "weight": row["weight"],
            "prices": prices[row["id"]],
            "max_in_flight": row["max_in_flight"],
            "requests_per_minute": row["requests_per_minute"],
            "tokens_per_minute": row["tokens_per_minute"],
            "is_enabled": row["is_enabled"] and row["provider__is_enabled"],
            "is_draining": row["slug"] in draining,
        }
        for row in rows.values(
            "id",
            "slug",
            "language_model__slug",
            "provider__slug",
            "provider__kind",
            "provider__is_enabled",
            "upstream_model",
            "region",
            "residency",
            "tags",
            "weight",
            "max_in_flight",
            "requests_per_minute",
            "tokens_per_minute",
            "is_enabled",
        )
    }


def _prices() -> dict[int, list[dict[str, Any]]]:
    prices: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in Price.objects.order_by("valid_from").values():
        prices[row["deployment_id"]].append(
            {
                "input_nusd_per_mtok": row["input_nusd_per_mtok"],
                "output_nusd_per_mtok": row["output_nusd_per_mtok"],
                "cached_input_nusd_per_mtok": row["cached_input_nusd_per_mtok"],
                "cache_write_nusd_per_mtok": row["cache_write_nusd_per_mtok"],
                "valid_from_ms": unix_ms(row["valid_from"]),
                "source": row["source"],
            }
        )
    return prices


def _callers() -> dict[str, Any]:
    """A key whose maker is gone still calls, for its team, but manages and looks into nothing."""
    rows = APIKey.objects.filter(revoked_at=None).values_list(
        "slug",
        "team__slug",
        "scopes",
        "constraints_document",
        "default_policy__slug",
        "created_by__is_active",
        *ALLOWANCE_FIELDS,
        _EXACT,
    )
    return {
        slug: {
            "slug": slug,
            "team": team or "",
            "scopes": scopes if has_maker else [scope for scope in scopes if scope in CALL_SCOPES],
            "constraints": constraints,
            "default_policy": policy,
            **_limits(dict(zip((*ALLOWANCE_FIELDS, _EXACT), limits, strict=True))),
        }
        for slug, team, scopes, constraints, policy, has_maker, *limits in rows
    }


def _allowances(rows: QuerySet[Any], name: str) -> dict[str, Any]:
    """Name -> its limits; a row without any says so too: it exempts a user from what holds for everyone."""
    return {row.pop(name): _limits(row) for row in rows.values(name, *ALLOWANCE_FIELDS, _EXACT)}


def _limits(row: dict[str, Any]) -> dict[str, Any]:
    """Exact only where it is: documents from before it could be said stay what they were."""
    return {field: value for field, value in row.items() if field != _EXACT or value}


def _experiments() -> dict[str, Any]:
    experiments: dict[str, Any] = {}
    rows = Arm.objects.order_by("experiment_id", "id").values_list(
        "experiment__slug", "experiment__policy__slug", "experiment__rule_id", "experiment__state", "name", "weight"
    )
    for slug, policy, rule, state, name, weight in rows:
        entry = experiments.setdefault(slug, {"policy": policy, "rule": rule, "state": state, "arms": []})
        entry["arms"].append({"name": name, "weight": weight})
    return experiments


def unix_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970 of an aware instant, without a float between."""
    return int(instant.timestamp()) * 1000 + instant.microsecond // 1000
