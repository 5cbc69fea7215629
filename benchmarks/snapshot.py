"""The configuration as one value: built from 10,000 keys and 500 deployments, swapped in, kept on disk and read again."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.scratch import measured_in_scratch, run_in_scratch

KEYS, DEPLOYMENTS, RULES, ROUNDS = 10_000, 500, 100, 5


def measure() -> dict[str, Any]:
    return measured_in_scratch("snapshot")


def main(folder: Path) -> dict[str, Any]:
    from routerapp.providers.clock import SystemClock
    from routerapp.serving.runtime import Runtime
    from routerapp.store.journal import Journal
    from routerapp.store.last_good import load_last_good, save_last_good
    from routerapp.store.live import LiveState
    from routerapp.store.snapshot import load_snapshot

    _write_rows()
    snapshot = load_snapshot()
    assert len(snapshot.keys) == KEYS and len(snapshot.targets) == DEPLOYMENTS
    runtime = Runtime(clock=SystemClock(), live=LiveState(), journal=Journal(folder / "spool"), transport=_Nowhere())  # type: ignore[arg-type]
    runtime.swap(snapshot)
    saved, now_ms = folder / "bench.last-good", int(time.time() * 1000)
    figures = {
        "build from the database, median ms": _median_ms(load_snapshot),
        "swap, median ms": _median_ms(lambda: runtime.swap(snapshot)),
        "keep on disk, median ms": _median_ms(lambda: save_last_good(snapshot, saved, now_ms)),
        "read from disk, median ms": _median_ms(lambda: load_last_good(saved, now_ms, 3_600)),
        "file, MB": round(saved.stat().st_size / 1e6, 1),
    }
    runtime.journal.close()
    return {
        f"{KEYS:,} keys, {DEPLOYMENTS} deployments, {RULES} rules: {name}": value for name, value in figures.items()
    }


class _Nowhere:
    """No request is sent here."""


def _median_ms(step: Callable[[], object]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e3, 2)


def _write_rows() -> None:
    from django.conf import settings
    from django.utils import timezone

    from routerapp.models import APIKey, Deployment, LanguageModel, Provider
    from routerapp.serving.edit_catalog import add_deployment, add_language_model, add_price, add_provider
    from routerapp.serving.installation import first_start
    from routerapp.serving.permissions import SYSTEM
    from routerapp.store.keys import make_key
    from routerapp.store.revisions import record_config_revision

    first_start(settings.ENVIRONMENT)
    add_provider("mock", name="Mock", kind="openai", base_url="https://models.example.com/v1", by=SYSTEM)
    add_language_model("mock", {"name": "mock", "context_window": 200_000, "has_tools": True}, by=SYSTEM)
    add_deployment(
        "mock-0", {"name": "mock-0", "upstream_model": "m"}, provider="mock", language_model="mock", by=SYSTEM
    )
    add_price("mock-0", input_usd_per_mtok="1", output_usd_per_mtok="2", by=SYSTEM)
    provider, model = Provider.objects.get(slug="mock"), LanguageModel.objects.get(slug="mock")
    Deployment.objects.bulk_create(
        Deployment(slug=f"mock-{n}", name=f"mock-{n}", upstream_model="m", provider=provider, language_model=model)
        for n in range(1, DEPLOYMENTS)
    )
    made = ((number, make_key()) for number in range(KEYS))
    APIKey.objects.all().update(revoked_at=timezone.now())
    APIKey.objects.bulk_create(
        APIKey(
            slug=f"bench-{n}",
            name=f"Bench {n}",
            prefix=key.prefix,
            key_hash=key.key_hash,
            last_four=key.last_four,
            scopes=["chat"],
        )
        for n, key in made
    )
    _publish_rules()
    record_config_revision("bench")


def _publish_rules() -> None:
    from routerapp.models import Draft
    from routerapp.serving.permissions import SYSTEM
    from routerapp.serving.publish_policy import create_policy, publish_draft

    rules = [
        {
            "id": f"r{n}",
            "name": f"rule {n}",
            "when": {"field": "text", "op": "matches", "value": f"(?i)number {n}"},
            "use": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
        }
        for n in range(RULES)
    ]
    document = {"schema": 1, "policy": "bench", "timezone": "UTC", "rules": rules, "default": rules[0]["use"]}
    create_policy("bench", "Bench", document=document, by=SYSTEM)
    draft = Draft.objects.get(policy__slug="bench")
    publish_draft(draft.pk, expected_revision=draft.revision, note="", by=SYSTEM)


if __name__ == "__main__":
    run_in_scratch(main)
