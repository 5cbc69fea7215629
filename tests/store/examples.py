"""Journal records of invented requests, for tests of the recording half of the store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from routerapp.engine.types import (
    Candidate,
    Decision,
    Features,
    Inputs,
    Live,
    LiveDeployment,
    PlanStep,
    Price,
    RequestFacts,
    TraceStep,
)
from routerapp.engine.verdicts import Verdict
from routerapp.store.journal import Journal
from routerapp.store.records import AttemptEnd, Begin, End

AT_MS = 1_790_000_000_000
PRICE = Price(input_nusd_per_mtok=2_500_000_000, output_nusd_per_mtok=10_000_000_000, source="test")


def request_id(number: int) -> str:
    return f"{number:08x}-0193-7000-8000-000000000000"


def small_journal(data_folder: Path, **arguments: Any) -> Journal:
    return Journal(data_folder / "spool", **({"reserve_bytes": 4096} | arguments))


def decision(**changes: Any) -> Decision:
    values: dict[str, Any] = {
        "outcome": "routed",
        "policy": "support",
        "policy_version": 3,
        "rule": "r1",
        "rule_name": "code-to-strong",
        "strategy": "balanced",
        "config": "c" * 64,
        "evidence": "",
        "seed": 2**64 - 1,
        "engine": "1",
        "features": Features(prompt_tokens=412, task="code", language="en"),
        "candidates": (Candidate("gpt", True, Verdict.ELIGIBLE, score=1, terms={"quality": 0.44, "cost": 0}),),
        "plan": (PlanStep("gpt", "primary"), PlanStep("llama", "fallback", "failed_before_first_byte")),
        "trace": (TraceStep("rule", "code-to-strong", Verdict.RULE_MATCHED, {"task": "code"}),),
    }
    return Decision(**(values | changes))


def begin(number: int, **changes: Any) -> Begin:
    values: dict[str, Any] = {
        "id": request_id(number),
        "at_ms": AT_MS + number * 1000,
        "origin": "live",
        "key": "mobile",
        "team": "apps",
        "requested_model": "auto",
        "decision": decision(),
        "inputs": Inputs(Features(prompt_tokens=412, task="code", language="en"), RequestFacts(key="mobile")),
        "live": Live(deployments={"gpt": LiveDeployment(in_flight=2)}),
    }
    return Begin(**(values | changes))


def attempt(number: int, place: int = 1, **changes: Any) -> AttemptEnd:
    values: dict[str, Any] = {
        "id": request_id(number),
        "number": place,
        "role": "primary",
        "at_ms": AT_MS + number * 1000 + 5,
        "deployment": "gpt",
        "language_model": "gpt-large",
        "provider": "openai",
        "status": "ok",
        "ttft_ms": 300 + number,
        "latency_ms": 900 + number,
        "input_tokens": 400,
        "output_tokens": 100 + number,
        "price": PRICE,
        "cost_nusd": 1_000_000 + (100 + number) * 10_000,
    }
    return AttemptEnd(**(values | changes))


def end(number: int, **changes: Any) -> End:
    done = attempt(number)
    values: dict[str, Any] = {
        "id": done.id,
        "at_ms": AT_MS + number * 1000 + 2000,
        "status": "ok",
        "http_status": 200,
        "deployment": "gpt",
        "language_model": "gpt-large",
        "provider": "openai",
        "attempts": 1,
        "input_tokens": done.input_tokens,
        "output_tokens": done.output_tokens,
        "cost_nusd": done.cost_nusd,
        "baseline_cost_nusd": 3 * (done.cost_nusd or 0),
        "ttft_ms": done.ttft_ms,
        "latency_ms": 1000 + number,
        "overhead_us": 180,
    }
    return End(**(values | changes))


def journal_request(journal: Journal, number: int) -> None:
    journal.append(begin(number))
    journal.append(attempt(number))
    journal.append(end(number))
