"""Runtimes for tests without a database: a configuration written as plain values, simulated upstreams, a virtual clock, a spool in a folder."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.gateway.requests import parse_chat
from routerapp.providers.base import Transport
from routerapp.providers.clock import Clock, VirtualClock
from routerapp.providers.simulated import SimulatedTransport
from routerapp.serving.runtime import Runtime
from routerapp.store.journal import Journal
from routerapp.store.keys import NewKey, make_key
from routerapp.store.live import LiveState
from routerapp.store.records import Record, decode_record
from routerapp.store.snapshot import Snapshot, SnapshotParts, assemble_snapshot
from routerapp.store.spool import scan

START_MS = 1_760_000_000_000
CALLER = CallerFacts(slug="app", team="team-a", scopes=("chat", "policy:pin"))
QUICK = {"ttft_ms": {"p50": 5, "p95": 6}, "tokens_per_second": 5_000, "output_tokens": {"mean": 20}}


def a_model(slug: str, **facts: Any) -> dict[str, Any]:
    fields = {"slug": slug, "name": slug, "context_window": 128_000, "has_tools": True, "has_vision": True}
    return fields | {"has_json_schema": True, "has_streaming": True, "scores": {"accuracy": 0.8}} | facts


def a_deployment(slug: str, *, dollars: float = 1.0, **facts: Any) -> dict[str, Any]:
    """Of a model with the same slug, at `dollars` in and twice that out per million tokens."""
    price = {"input_nusd_per_mtok": int(dollars * 1e9), "output_nusd_per_mtok": int(dollars * 2e9)}
    fields = {"slug": slug, "model": slug, "provider": f"{slug}-provider", "kind": "simulated", "upstream_model": slug}
    return fields | {"prices": [price]} | facts


def a_policy(slug: str = "support", rules: Iterable[Mapping[str, Any]] = (), **default: Any) -> dict[str, Any]:
    use = {"pool": ["all"], "strategy": {"kind": "cheapest"}} | default
    return {"schema": 1, "policy": slug, "timezone": "UTC", "rules": list(rules), "default": use}


def a_snapshot(
    *,
    deployments: Iterable[Mapping[str, Any]] = (a_deployment("cheap"), a_deployment("dear", dollars=10)),
    policies: Iterable[Mapping[str, Any]] = (a_policy(),),
    callers: Mapping[str, Mapping[str, Any]] | None = None,
    keys: Mapping[str, NewKey] | None = None,
    simulations: Mapping[str, Mapping[str, Any]] | None = None,
    base_urls: Mapping[str, str] | None = None,
    models: Mapping[str, Mapping[str, Any]] | None = None,
    aliases: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    teams: Mapping[str, Mapping[str, Any]] | None = None,
    users: Mapping[str, Mapping[str, Any]] | None = None,
    budgets: Mapping[str, Any] | None = None,
    serial: int = 1,
) -> Snapshot:
    """keys: caller slug -> key; every caller without an entry in callers is CALLER under its own slug."""
    deployments, policies = list(deployments), list(policies)
    slugs = {*(callers or {}), *(keys or {}), CALLER.slug}
    plain = {"team": CALLER.team, "scopes": list(CALLER.scopes)}
    document = {
        "schema": 1,
        "default_policy": policies[0]["policy"] if policies else None,
        "policies": {one["policy"]: {"live": 1, "versions": {"1": one}} for one in policies},
        "models": {one["model"]: a_model(one["model"], **(models or {}).get(one["model"], {})) for one in deployments},
        "deployments": {one["slug"]: dict(one) for one in deployments},
        "callers": {slug: {"slug": slug} | plain | dict((callers or {}).get(slug, {})) for slug in slugs},
        "teams": dict(teams or {}),
        "users": dict(users or {}),
        "budgets": dict(budgets or {}),
        "aliases": dict(aliases or {}),
        "dimensions": ["accuracy"],
        "task_dimensions": {},
        "task_words": {},
        "experiments": {},
    }
    parts = SnapshotParts(
        serial=serial,
        config_sha="",
        config_document=document,
        evidence_sha="",
        evidence_document=None,
        draft_documents=[],
        keys=[(key.prefix, slug, key.key_hash, None) for slug, key in (keys or {}).items()],
        targets=_targets(deployments, base_urls or {}, simulations or {}),
        settings=dict(settings or {}),
    )
    return assemble_snapshot(parts)


def _targets(
    deployments: Iterable[Mapping[str, Any]],
    base_urls: Mapping[str, str],
    simulations: Mapping[str, Mapping[str, Any]],
) -> dict[str, dict[str, Any]]:
    return {
        one["slug"]: {
            "provider": one["provider"],
            "kind": one["kind"],
            "base_url": base_urls.get(one["slug"], ""),
            "upstream_model": one["upstream_model"],
            "credential": None,
            "simulation": dict(simulations.get(one["slug"], QUICK)),
        }
        for one in deployments
    }


def a_runtime(
    folder: Path, snapshot: Snapshot | None = None, clock: Clock | None = None, transport: Transport | None = None
) -> Runtime:
    clock = clock or VirtualClock(START_MS)
    runtime = Runtime(
        clock=clock,
        live=LiveState(),
        journal=Journal(folder / "spool", reserve_bytes=0),
        transport=transport or SimulatedTransport(clock, seed=1),
        random_bits=random.Random(1).getrandbits,
    )
    runtime.swap(snapshot or a_snapshot())
    return runtime


def a_chat(text: str = "Say hello", **members: Any) -> Chat:
    messages = [{"role": "user", "content": text}]
    return parse_chat(orjson.dumps({"model": "auto", "messages": messages} | members), {})


def a_key() -> NewKey:
    return make_key()


def journal_of(runtime: Runtime) -> list[Record]:
    """Everything this runtime has written, in order."""
    records = []
    for segment in sorted(runtime.journal.folder.glob("*.log")):
        found = scan(segment.read_bytes(), 0, is_final=True)
        records += [decode_record(piece.payload) for piece in found if piece.payload is not None]
    return records
