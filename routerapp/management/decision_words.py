"""A decision in a few lines for a terminal: what was chosen, by which rule, and every candidate with its score or its verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.money import format_usd
from routerapp.engine.types import Decision

MOST_CANDIDATES = 40


def decision_document(decision: Decision) -> dict[str, Any]:
    """As it is recorded; the seed as 16 hex digits, because many readers round whole numbers of 64 bits."""
    document: dict[str, Any] = msgspec.json.decode(canonical_bytes(decision))
    return {**document, "seed": f"{decision.seed:016x}"}


def decision_text(decision: Decision) -> str:
    return "\n".join(_lines(decision))


def _lines(decision: Decision) -> Iterator[str]:
    rule = decision.rule_name or decision.rule or "default"
    if decision.plan:
        yield f"{decision.plan[0].deployment}  by {decision.strategy or 'name'}, rule “{rule}” of {_policy(decision)}"
        rest = [f"{step.deployment} ({step.role})" for step in decision.plan[1:]]
        if rest:
            yield f"then {', '.join(rest)}"
    elif decision.outcome == "rejected":
        yield f"Rejected by rule “{rule}” of {_policy(decision)}."
    else:
        yield f"Nothing can take it: rule “{rule}” of {_policy(decision)}."
    yield ""
    for candidate in decision.candidates[:MOST_CANDIDATES]:
        yield f"  {candidate.deployment:<36} {_reason(candidate)}"
    if len(decision.candidates) > MOST_CANDIDATES:
        yield f"  … {len(decision.candidates) - MOST_CANDIDATES} more; --json has them all"


def _policy(decision: Decision) -> str:
    return f"{decision.policy}@{decision.policy_version}" if decision.policy else "no policy"


def _reason(candidate: Any) -> str:
    if not candidate.eligible:
        detail = ", ".join(f"{name} {value}" for name, value in candidate.detail.items())
        return str(candidate.verdict).replace("_", " ") + (f" ({detail})" if detail else "")
    score = "" if candidate.score is None else f"score {candidate.score:.4g}"
    cost = candidate.estimate.cost_nusd if candidate.estimate else None
    return "  ".join(part for part in ("eligible", score, "" if cost is None else f"about ${format_usd(cost)}") if part)
