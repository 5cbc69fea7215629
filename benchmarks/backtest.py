"""A changed policy over 100,000 stored decisions: inputs read from the database and decided anew, as replay does for one."""

from __future__ import annotations

import time
import zlib
from pathlib import Path
from typing import Any

from benchmarks.scratch import measured_in_scratch, run_in_scratch

STORED, DISTINCT, BATCH = 100_000, 500, 1_000
DEPLOYMENTS, RULES = 10, 10


def measure() -> dict[str, Any]:
    return measured_in_scratch("backtest")


def main(folder: Path) -> dict[str, Any]:
    import msgspec

    from benchmarks.decide import NOW_MS, config_document
    from routerapp.engine.config import parse_config
    from routerapp.engine.decide import decide
    from routerapp.engine.types import Evidence
    from routerapp.models import DecisionInputs
    from routerapp.store.replay import exact_inputs, exact_live

    _write_rows()
    document = config_document(DEPLOYMENTS, RULES)
    draft = document["policies"]["bench"]["versions"]["1"]
    draft["rules"][-1]["use"]["strategy"] = {"kind": "cheapest"}
    config, evidence = parse_config(document), Evidence(expected_output_tokens={"*|*": 350.0})
    policy = config.live_policy("bench")
    decided, reading, deciding = 0, 0.0, 0.0
    began = time.perf_counter()
    for seed, stored in DecisionInputs.objects.values_list("seed", "document").iterator(chunk_size=BATCH):
        read_at = time.perf_counter()
        recorded = msgspec.json.decode(zlib.decompress(stored))
        inputs, live = exact_inputs(recorded["inputs"]), exact_live(recorded["live"])
        decide_at = time.perf_counter()
        decision, _ = decide(policy, config, evidence, inputs, live, int(seed, 16), NOW_MS)
        decided += decision.outcome == "routed"
        reading += decide_at - read_at
        deciding += time.perf_counter() - decide_at
    seconds = time.perf_counter() - began
    assert decided == STORED
    return {
        f"{STORED:,} stored decisions decided by a draft ({RULES} rules, {DEPLOYMENTS} deployments), s": round(
            seconds, 1
        ),
        "of it: reading inputs, µs each": round(reading / STORED * 1e6, 1),
        "of it: deciding, µs each": round(deciding / STORED * 1e6, 1),
        "of it: rows from the database, µs each": round((seconds - reading - deciding) / STORED * 1e6, 1),
    }


def _write_rows() -> None:
    import msgspec

    from benchmarks.decide import NOW_MS, situation
    from routerapp.engine.canonical import canonical_bytes
    from routerapp.engine.types import ENGINE_VERSION
    from routerapp.models import DecisionInputs

    inputs, live = situation(DEPLOYMENTS)
    documents = []
    for number in range(DISTINCT):
        features = msgspec.structs.replace(
            inputs.features, prompt_tokens=100 + number, complexity=0.5 + number / 2 / DISTINCT
        )
        changed = msgspec.structs.replace(inputs, features=features)
        documents.append(zlib.compress(canonical_bytes({"inputs": changed, "live": live})))
    for first in range(0, STORED, BATCH):
        DecisionInputs.objects.bulk_create(
            DecisionInputs(
                request_id=f"{number:08x}-0193-7000-8000-000000000000",
                at_ms=NOW_MS + number,
                config_revision="c" * 64,
                seed=f"{number:016x}",
                engine_version=ENGINE_VERSION,
                policy="bench",
                policy_version=1,
                document=documents[number % DISTINCT],
            )
            for number in range(first, first + BATCH)
        )


if __name__ == "__main__":
    run_in_scratch(main)
