"""The one immutable value a worker serves from: configuration, evidence, keys and targets, read in one transaction and swapped whole.

Credentials stay ciphertext here; nothing in it needs the database again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from routerapp.engine.conditions import Leaf, content_leaves, parse_condition
from routerapp.engine.config import Config, parse_config
from routerapp.engine.observe import Observer
from routerapp.engine.problems import PolicyError
from routerapp.engine.types import CallerFacts, Evidence
from routerapp.models import APIKey, Deployment, Draft, InstallationState
from routerapp.store.config_document import unix_ms
from routerapp.store.control import Control, parse_control
from routerapp.store.one_moment import one_moment
from routerapp.store.revisions import (
    load_config,
    load_evidence,
    load_evidence_document,
    parse_evidence,
    record_config_revision,
)
from routerapp.store.secrets import decrypt_credential


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """What the gateway knows of one key that is neither revoked nor unknown."""

    slug: str
    key_hash: str
    expires_at_ms: int | None
    caller: CallerFacts


@dataclass(frozen=True, slots=True)
class TargetSecret:
    """How to reach one deployment. credential is ciphertext."""

    provider: str
    kind: str
    base_url: str
    upstream_model: str
    credential: str | None = field(repr=False)
    simulation: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    preset: str = ""

    def open_credential(self) -> str | None:
        """The credential in clear, for the target of one worker; raises SecretRefused."""
        return None if self.credential is None else decrypt_credential(self.provider, self.credential)


class SnapshotParts(msgspec.Struct, frozen=True):
    """A snapshot as plain data: what the last-good file holds. keys: (prefix, slug, key_hash, expires_at_ms)."""

    serial: int
    config_sha: str
    config_document: dict[str, Any]
    evidence_sha: str
    evidence_document: dict[str, Any] | None
    draft_documents: list[dict[str, Any]]
    keys: list[tuple[str, str, str, int | None]]
    targets: dict[str, dict[str, Any]]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Snapshot:
    serial: int
    config: Config
    evidence: Evidence
    observer: Observer
    keys: Mapping[str, KeyEntry]
    targets: Mapping[str, TargetSecret]
    settings: Mapping[str, Any]
    control: Control
    parts: SnapshotParts = field(repr=False)


def current_serial() -> int:
    """The counter every write raises: one cheap query, polled by each worker once a second."""
    return InstallationState.objects.filter(id=1).values_list("serial", flat=True).first() or 0


def load_snapshot() -> Snapshot:
    """The configuration as one transaction sees it; on a database without any, records the empty one first."""
    with one_moment():
        if not InstallationState.objects.filter(id=1, config__isnull=False).exists():
            record_config_revision("first start")
        rows = _read_rows()
    # Revisions never change, so they are read and parsed after the transaction, which on SQLite locks out writers.
    config, evidence = load_config(rows["config_sha"]), load_evidence(rows["evidence_sha"])
    parts = SnapshotParts(
        config_document=dict(config.document),
        evidence_document=load_evidence_document(evidence.revision) if evidence.revision else None,
        **rows,
    )
    return _assemble(parts, config, evidence)


def assemble_snapshot(parts: SnapshotParts) -> Snapshot:
    """From plain data alone, without the database."""
    config = parse_config(parts.config_document)
    document = parts.evidence_document
    evidence = parse_evidence(document, parts.evidence_sha) if document else Evidence()
    return _assemble(parts, config, evidence)


def _assemble(parts: SnapshotParts, config: Config, evidence: Evidence) -> Snapshot:
    return Snapshot(
        serial=parts.serial,
        config=config,
        evidence=evidence,
        observer=Observer(_leaves(parts)),
        keys=dict(_keys(parts, config)),
        targets={slug: TargetSecret(**target) for slug, target in parts.targets.items()},
        settings=parts.settings,
        control=parse_control(parts.settings),
        parts=parts,
    )


def _read_rows() -> dict[str, Any]:
    """Everything in SnapshotParts but the documents of the two revisions."""
    state = InstallationState.objects.values("serial", "config_id", "evidence_id", "settings").get(id=1)
    rows = APIKey.objects.filter(revoked_at=None).values_list("prefix", "slug", "key_hash", "expires_at")
    return {
        "serial": state["serial"],
        "config_sha": state["config_id"],
        "evidence_sha": state["evidence_id"] or "",
        "draft_documents": list(Draft.objects.filter(policy__archived_at=None).values_list("document", flat=True)),
        "keys": [(prefix, slug, hashed, unix_ms(at) if at else None) for prefix, slug, hashed, at in rows],
        "targets": dict(_targets()),
        "settings": state["settings"],
    }


def _targets() -> Iterator[tuple[str, dict[str, Any]]]:
    rows = Deployment.objects.filter(archived_at=None, provider__archived_at=None).values_list(
        "slug",
        "provider__slug",
        "provider__kind",
        "base_url",
        "provider__base_url",
        "upstream_model",
        "provider__credential__ciphertext",
        "simulation",
        "provider__options",
        "provider__preset",
    )
    for slug, provider, kind, own_url, provider_url, upstream_model, credential, simulation, options, preset in rows:
        yield (
            slug,
            {
                "provider": provider,
                "kind": kind,
                "base_url": own_url or provider_url,
                "upstream_model": upstream_model,
                "credential": credential,
                "simulation": simulation,
                "options": options,
                "preset": preset,
            },
        )


def _keys(parts: SnapshotParts, config: Config) -> Iterator[tuple[str, KeyEntry]]:
    # A key the configuration does not know is left out: without its binding constraints it must not be served.
    for prefix, slug, key_hash, expires_at_ms in parts.keys:
        caller = config.callers.get(slug)
        if caller is not None:
            yield prefix, KeyEntry(slug, key_hash, expires_at_ms, caller)


def _leaves(parts: SnapshotParts) -> Iterator[Leaf]:
    for entry in parts.config_document["policies"].values():
        for document in entry["versions"].values():
            yield from leaves_of_policy(document)
    for document in parts.draft_documents:
        yield from leaves_of_policy(document)


def leaves_of_policy(document: Mapping[str, Any]) -> Iterator[Leaf]:
    """Content leaves of every rule that parses: a draft may be half written."""
    rules = document.get("rules")
    for rule in rules if isinstance(rules, Iterable) else ():
        try:
            yield from content_leaves(parse_condition(rule["when"], "when"))
        except (PolicyError, KeyError, TypeError):
            continue
