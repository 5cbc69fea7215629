"""Rows for tests: plain functions whose defaults always work; name only what your test is about.

Slugs count up, so two calls never collide. Nothing here records a config revision: call `a_snapshot()` when the gateway's view matters.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from routerapp import models
from routerapp.engine.canonical import canonical_bytes, content_address
from routerapp.engine.types import Features, Inputs, Live, RequestFacts
from routerapp.store.keys import make_key
from routerapp.store.revisions import record_config_revision
from routerapp.store.secrets import encrypt_credential
from routerapp.store.snapshot import Snapshot, load_snapshot

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
REQUESTS_FROM_MS = 1_780_000_000_000
_numbers = itertools.count(1)


def _slug(kind: str) -> str:
    return f"{kind}-{next(_numbers)}"


def a_user(role: str = "admin", **overrides: Any) -> models.User:
    """Signs in with the password `correct horse battery`."""
    fields = {"username": _slug("user"), "password": "correct horse battery", "role": role} | overrides
    return models.User.objects.create_user(**fields)


def a_team(**overrides: Any) -> models.Team:
    slug = overrides.pop("slug", None) or _slug("team")
    return models.Team.objects.create(**{"slug": slug, "name": slug} | overrides)


def a_provider(**overrides: Any) -> models.Provider:
    """Simulated unless told otherwise. credential=text stores one."""
    credential = overrides.pop("credential", None)
    slug = overrides.pop("slug", None) or _slug("provider")
    provider = models.Provider.objects.create(**{"slug": slug, "name": slug, "kind": "simulated"} | overrides)
    if credential is not None:
        models.Credential.objects.create(
            provider=provider, ciphertext=encrypt_credential(slug, credential), last_four=credential[-4:]
        )
    return provider


def a_language_model(**overrides: Any) -> models.LanguageModel:
    """scores={dimension slug: value} writes capability scores and makes the dimensions it needs."""
    scores: Mapping[str, float] = overrides.pop("scores", {})
    slug = overrides.pop("slug", None) or _slug("model")
    fields = {"slug": slug, "name": slug, "context_window": 128_000, "has_tools": True, "has_vision": True}
    language_model = models.LanguageModel.objects.create(**fields | {"has_json_schema": True} | overrides)
    for dimension, value in scores.items():
        models.Dimension.objects.get_or_create(slug=dimension, defaults={"name": dimension.title()})
        models.CapabilityScore.objects.create(
            language_model=language_model, dimension_id=_dimension_id(dimension), value=value, measured_at=LONG_AGO
        )
    return language_model


def _dimension_id(slug: str) -> int:
    return models.Dimension.objects.get(slug=slug).pk


def a_price(deployment: models.Deployment, **overrides: Any) -> models.Price:
    """One dollar in, two dollars out, per million tokens."""
    fields = {"input_nusd_per_mtok": 1_000_000_000, "output_nusd_per_mtok": 2_000_000_000, "valid_from": LONG_AGO}
    return models.Price.objects.create(deployment=deployment, **fields | overrides)


def a_deployment(**overrides: Any) -> models.Deployment:
    """Priced and enabled, on a provider and model of its own. price=None leaves it unpriced, price={…} overrides."""
    price: Mapping[str, Any] | None = overrides.pop("price", {})
    slug = overrides.pop("slug", None) or _slug("deployment")
    provider = overrides.pop("provider", None) or a_provider()
    language_model = overrides.pop("language_model", None) or a_language_model()
    fields = {"slug": slug, "name": slug, "upstream_model": language_model.slug}
    deployment = models.Deployment.objects.create(
        provider=provider, language_model=language_model, **fields | overrides
    )
    if price is not None:
        a_price(deployment, **price)
    return deployment


def a_document(policy: str = "support", **overrides: Any) -> dict[str, Any]:
    """A policy document without rules that takes the cheapest of all."""
    default = {"pool": ["all"], "strategy": {"kind": "cheapest"}}
    return {"schema": 1, "policy": policy, "timezone": "UTC", "rules": [], "default": default} | overrides


def a_policy(document: Mapping[str, Any] | None = None, **overrides: Any) -> models.Policy:
    """Published as version 1. Without a document: the cheapest of all. The slug is the document's `policy`."""
    slug = overrides.pop("slug", None) or (document or {}).get("policy") or _slug("policy")
    policy = models.Policy.objects.create(**{"slug": slug, "name": slug} | overrides)
    a_version(policy, {**(document or a_document()), "policy": slug})
    return policy


def a_version(policy: models.Policy, document: Mapping[str, Any]) -> models.PolicyVersion:
    """The next version of the policy, made live, with its rules projected."""
    number = policy.versions.count() + 1
    version = models.PolicyVersion.objects.create(
        policy=policy, number=number, document=document, sha256=content_address(document)
    )
    for position, rule in enumerate(document.get("rules", [])):
        models.Rule.objects.create(
            version=version,
            rule_id=rule["id"],
            position=position,
            name=rule.get("name", rule["id"]),
            is_enabled=rule.get("enabled", True),
            strategy=rule.get("use", {}).get("strategy", {}).get("kind", ""),
            document=rule,
        )
    policy.live_version = version
    policy.save(update_fields=["live_version"])
    return version


def a_draft(policy: models.Policy, document: Mapping[str, Any] | None = None, **overrides: Any) -> models.Draft:
    live = policy.live_version
    content = document or (live.document if live else a_document(policy.slug))
    fields = {"base_version": live.number if live else 0, "document": content}
    return models.Draft.objects.create(policy=policy, **fields | overrides)


def a_key(**overrides: Any) -> models.APIKey:
    """The row; its `full_key` attribute, set here only, is what a caller would send."""
    new = make_key()
    slug = overrides.pop("slug", None) or _slug("key")
    hashed = {"prefix": new.prefix, "key_hash": new.key_hash, "last_four": new.last_four}
    row = models.APIKey.objects.create(**{"slug": slug, "name": slug, "scopes": ["chat"]} | hashed | overrides)
    row.full_key = new.full
    return row


def a_request(**overrides: Any) -> models.RoutedRequest:
    """One answered live request, a second after the one before, with its inputs.

    features, facts, observations: what differs from the engine's defaults. chat, answer: bodies to keep. inputs=None leaves them out.
    """
    number = next(_numbers)
    special = {name: overrides.pop(name, {}) for name in ("features", "facts", "observations")}
    chat, answer = overrides.pop("chat", None), overrides.pop("answer", None)
    has_inputs = overrides.pop("inputs", True) is not None
    inputs = Inputs(Features(**special["features"]), RequestFacts(**special["facts"]), special["observations"])
    fields = {"id": f"0193b000-0000-7000-8000-{number:012x}", "at_ms": REQUESTS_FROM_MS + 1000 * number}
    fields |= {"origin": "live", "status": "ok", "requested_model": "auto", "policy": "support", "policy_version": 1}
    fields |= {"deployment": "small-one", "language_model": "small", "provider": "acme", "task": inputs.features.task}
    fields |= {"input_tokens": 100, "output_tokens": 200, "cost_nusd": 500_000, "latency_ms": 800, "http_status": 200}
    row = models.RoutedRequest.objects.create(**fields | {"prompt_tokens_estimate": 100} | overrides)
    if has_inputs:
        document = {"inputs": inputs, "live": Live()}
        models.DecisionInputs.objects.create(
            request_id=row.id,
            at_ms=row.at_ms,
            config_revision="0" * 64,
            seed="0",
            engine_version="1",
            policy=row.policy,
            policy_version=row.policy_version,
            document=zlib.compress(canonical_bytes(document)),
        )
    if chat is not None or answer is not None:
        kept = {"chat": chat, "answer": answer}
        packed = {name: zlib.compress(canonical_bytes(value)) for name, value in kept.items() if value is not None}
        models.Body.objects.create(request_id=row.id, at_ms=row.at_ms, **packed)
    return row


def an_attempt(request: models.RoutedRequest, **overrides: Any) -> models.AttemptRow:
    number = overrides.get("number", models.AttemptRow.objects.filter(request_id=request.id).count() + 1)
    fields = {"id": f"{request.id}-{number}.0", "request_id": request.id, "number": number, "role": "primary"}
    fields |= {"at_ms": request.at_ms, "deployment": "small-one", "language_model": "small", "provider": "acme"}
    fields |= {"status": "ok", "latency_ms": 700, "cost_nusd": 500_000}
    return models.AttemptRow.objects.create(**fields | overrides)


def a_snapshot(reason: str = "test") -> Snapshot:
    """Records the configuration as it is now and reads it as a worker would."""
    record_config_revision(reason)
    return load_snapshot()
