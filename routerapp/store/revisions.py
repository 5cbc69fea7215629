"""Content-addressed revisions that recorded decisions refer to: written by use cases and jobs, read by replay and the snapshot.

A revision is never changed; it goes only when nothing refers to it any more.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Exists, F, Model, OuterRef, QuerySet

from routerapp.engine.canonical import canonical_bytes, content_address
from routerapp.engine.config import Config, parse_config
from routerapp.engine.types import Evidence
from routerapp.models import ConfigRevision, DecisionInputs, EvidenceRevision, InstallationState
from routerapp.store.config_document import build_config_document

EVIDENCE_SCHEMA = 1
# A spool that has not been drained yet may refer to a revision no row names.
UNREFERENCED_KEPT = timedelta(days=1)


class RevisionGone(LookupError):
    """The revision was pruned or never written here."""


@transaction.atomic
def record_config_revision(reason: str) -> str:
    """Makes the rows as they are now the live configuration and returns its sha256.

    Called last in every write use case, inside its transaction; workers see the raised serial within a second.
    """
    state, _ = InstallationState.objects.select_for_update().get_or_create(id=1)
    document = build_config_document()
    sha = content_address(document)
    compressed = zlib.compress(canonical_bytes(document))
    ConfigRevision.objects.get_or_create(sha256=sha, defaults={"document": compressed, "reason": reason[:200]})
    InstallationState.objects.filter(id=state.id).update(config_id=sha, serial=F("serial") + 1)
    return sha


@transaction.atomic
def record_evidence_revision(
    token_correction: Mapping[str, float] | None = None,
    expected_output_tokens: Mapping[str, float] | None = None,
    *,
    predictor: str | None = None,
    bandit: Mapping[str, tuple[float, float]] | None = None,
    capabilities: Mapping[str, float] | None = None,
    task_head: str | None = None,
) -> str | None:
    """Makes these numbers the live evidence, what is not given staying as it is; None when they are what is live already."""
    state, _ = InstallationState.objects.select_for_update().get_or_create(id=1)
    given = {
        "token_correction": token_correction,
        "expected_output_tokens": expected_output_tokens,
        "predictor": predictor,
        "bandit": bandit,
        "capabilities": capabilities,
        "task_head": task_head,
    }
    document = _evidence_document(load_evidence_document(state.evidence_id) if state.evidence_id else {}, given)
    sha = content_address(document)
    if state.evidence_id == sha:
        return None
    EvidenceRevision.objects.get_or_create(sha256=sha, defaults={"document": zlib.compress(canonical_bytes(document))})
    InstallationState.objects.filter(id=state.id).update(evidence_id=sha, serial=F("serial") + 1)
    return sha


def _evidence_document(live: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is empty and was not always there is left out: evidence of before learned routing keeps its address."""
    merged = {name: live.get(name) if value is None else value for name, value in given.items()}
    document = {
        "schema": EVIDENCE_SCHEMA,
        "token_correction": dict(merged["token_correction"] or {}),
        "expected_output_tokens": dict(merged["expected_output_tokens"] or {}),
    }
    if merged["predictor"]:
        document["predictor"] = merged["predictor"]
    if merged["bandit"]:
        document["bandit"] = {key: list(pair) for key, pair in merged["bandit"].items()}
    if merged["capabilities"]:
        document["capabilities"] = dict(merged["capabilities"])
    if merged["task_head"]:
        document["task_head"] = merged["task_head"]
    return document


@lru_cache(maxsize=32)
def load_config(sha: str) -> Config:
    """The parsed configuration of a revision; raises RevisionGone."""
    return parse_config(load_config_document(sha))


def load_config_document(sha: str) -> dict[str, Any]:
    return _document(ConfigRevision.objects.filter(sha256=sha).values_list("document", flat=True).first(), sha)


@lru_cache(maxsize=32)
def load_evidence(sha: str) -> Evidence:
    """The evidence of a revision; the empty sha is the evidence before any job has run. Raises RevisionGone."""
    if not sha:
        return Evidence()
    return parse_evidence(load_evidence_document(sha), sha)


def load_evidence_document(sha: str) -> dict[str, Any]:
    return _document(EvidenceRevision.objects.filter(sha256=sha).values_list("document", flat=True).first(), sha)


def parse_evidence(document: Mapping[str, Any], sha: str) -> Evidence:
    return Evidence(
        revision=sha,
        token_correction=document["token_correction"],
        expected_output_tokens=document["expected_output_tokens"],
        predictor=document.get("predictor", ""),
        bandit={key: (pair[0], pair[1]) for key, pair in document.get("bandit", {}).items()},
        capabilities=document.get("capabilities", {}),
        task_head=document.get("task_head", ""),
    )


def _document(compressed: bytes | memoryview | None, sha: str) -> dict[str, Any]:
    if compressed is None:
        raise RevisionGone(sha)
    document: dict[str, Any] = msgspec.json.decode(zlib.decompress(compressed))
    return document


def prune_revisions(now: datetime, limit: int = 500) -> int:
    """Deletes at most `limit` revisions of each kind that no recorded request and no live state refers to; returns how many."""
    deleted = 0
    for rows, model in _prunable(now):
        doomed = list(rows.values_list("sha256", flat=True)[:limit])
        deleted += model._default_manager.filter(sha256__in=doomed).delete()[0]
    return deleted


def count_prunable_revisions(now: datetime) -> int:
    return sum(rows.count() for rows, _ in _prunable(now))


def _prunable(now: datetime) -> tuple[tuple[QuerySet[Any], type[Model]], ...]:
    before = now - UNREFERENCED_KEPT
    state = InstallationState.objects.filter(id=1).values_list("config_id", "evidence_id").first() or (None, None)
    configs = ConfigRevision.objects.exclude(sha256=state[0] or "").filter(
        ~Exists(DecisionInputs.objects.filter(config_revision=OuterRef("sha256"))), created_at__lt=before
    )
    evidences = EvidenceRevision.objects.exclude(sha256=state[1] or "").filter(
        ~Exists(DecisionInputs.objects.filter(evidence_revision=OuterRef("sha256"))), created_at__lt=before
    )
    return (configs, ConfigRevision), (evidences, EvidenceRevision)
