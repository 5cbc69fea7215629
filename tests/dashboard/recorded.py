"""Recorded traffic for page tests, through the product's own journal and drainer, so that rows and rollups agree."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

from dashboard.ranges import now_ms
from routerapp.engine.types import (
    Candidate,
    Decision,
    Features,
    Inputs,
    Live,
    PlanStep,
    Price,
    RequestFacts,
    TraceStep,
)
from routerapp.engine.verdicts import Verdict
from routerapp.store.drain import Drainer
from routerapp.store.journal import Journal
from routerapp.store.records import AttemptEnd, Begin, End

PRICE = Price(1_000_000_000, 2_000_000_000, source="price list")


def record_traffic(folder: Path, *requests: dict[str, Any]) -> list[str]:
    """Each request names what differs: model, origin, status, ago_ms, requested_model, rule_name, is_priced. Returns the ids."""
    (folder / "spool").mkdir(parents=True, exist_ok=True)
    journal = Journal(folder / "spool", reserve_bytes=0)
    ids = [_append(journal, **request) for request in requests]
    journal.close()
    with Drainer("default", folder) as drainer:
        while drainer.drain_once():
            pass
    return ids


def _append(
    journal: Journal,
    model: str = "gpt-small",
    origin: str = "live",
    status: str = "ok",
    ago_ms: int = 60_000,
    requested_model: str = "auto",
    rule_name: str = "cheap first",
    is_priced: bool = True,
    latency_ms: int = 1_000,
) -> str:
    at_ms = now_ms() - ago_ms
    request_id = str(uuid.UUID(int=(at_ms << 80) | (7 << 76) | (2 << 62) | (uuid.uuid4().int >> 68)))
    cost = 300_000 if is_priced and status == "ok" else None
    journal.append(
        Begin(
            id=request_id,
            at_ms=at_ms,
            origin=origin,
            key="web",
            requested_model=requested_model,
            decision=a_decision(model, rule_name),
            inputs=Inputs(Features(), RequestFacts()),
            live=Live(),
        )
    )
    common = {"language_model": model, "provider": "acme", "deployment": f"acme-{model}", "status": status}
    used = {"input_tokens": 100, "output_tokens": 100, "cost_nusd": cost}
    journal.append(
        AttemptEnd(
            id=request_id,
            number=1,
            role="primary",
            at_ms=at_ms,
            latency_ms=latency_ms,
            ttft_ms=200 if status == "ok" else None,
            price=PRICE if is_priced else None,
            error_class="" if status == "ok" else "UpstreamUnavailable",
            **common,
            **used,
        )
    )
    baseline = 900_000 if cost is not None else None
    end = {"attempts": 1, "ttft_ms": 200, "latency_ms": latency_ms, "baseline_cost_nusd": baseline}
    journal.append(End(id=request_id, at_ms=at_ms + latency_ms, **common, **used, **end))
    return request_id


def a_decision(model: str, rule_name: str) -> Decision:
    chosen = f"acme-{model}"
    return Decision(
        outcome="routed",
        policy="support",
        policy_version=3,
        rule="r1",
        rule_name=rule_name,
        strategy="balanced",
        config="c" * 64,
        evidence="",
        seed=7,
        engine="1",
        features=Features(prompt_tokens=100, task="chat", task_confidence=0.8),
        candidates=(
            Candidate(chosen, True, Verdict.CHOSEN, score=0.5, terms={"quality": 0.5}, probability=1.0),
            Candidate("far-away", False, Verdict.REGION_NOT_ALLOWED, {"region": "us", "allowed": ["eu"]}),
        ),
        plan=(PlanStep(chosen, "primary"),),
        trace=(TraceStep("rule", "r1", Verdict.RULE_MATCHED), TraceStep("plan", chosen, Verdict.CHOSEN)),
    )
