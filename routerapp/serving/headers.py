"""The x-router-* response headers: codes, slugs and numbers as ASCII, anything else percent-encoded. Never prompt text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote

from routerapp.engine.money import format_usd
from routerapp.engine.types import Decision, DeploymentFacts
from routerapp.engine.verdicts import Verdict
from routerapp.store.records import End

MOST_WARNED = 1_000
_SAFE = "!#$&'()*+,-./:;<=>?@[]^_`{|}~ "


@lru_cache(maxsize=4_096)
def ascii_value(text: str) -> str:
    """The text itself where every character is safe in a header, else percent-encoded UTF-8."""
    if text.isascii() and text.isprintable() and "%" not in text:
        return text
    return quote(text, safe=_SAFE)


def decision_headers(decision_id: str, decision: Decision) -> dict[str, str]:
    """What is known as soon as the decision is made."""
    return {
        "x-router-request-id": decision_id,
        "x-router-decision-id": decision_id,
        "x-router-policy": ascii_value(decision.policy),
        "x-router-policy-version": str(decision.policy_version),
        "x-router-rule": ascii_value(decision.rule),
        "x-router-strategy": ascii_value(decision.strategy),
        "x-router-reason": reason_of(decision),
        "x-router-cache": "off",
    }


def warn(headers: dict[str, str], warnings: Sequence[str]) -> None:
    """What was dropped or capped on the way, as codes."""
    if warnings:
        headers["x-router-warnings"] = ascii_value(",".join(warnings)[:MOST_WARNED])


def answer_headers(headers: dict[str, str], end: End) -> None:
    """Adds what is known once the whole answer is there."""
    warn(headers, end.warnings)
    headers["x-router-model"] = ascii_value(end.language_model)
    headers["x-router-provider"] = ascii_value(end.provider)
    headers["x-router-attempts"] = str(end.attempts)
    headers["x-router-cost-usd"] = cost_text(end.cost_nusd)
    headers["x-router-overhead-ms"] = f"{(end.overhead_us or 0) / 1000:.3f}"


def stream_headers(headers: dict[str, str], deployment: DeploymentFacts, attempts: int, overhead_us: int) -> None:
    """Adds what is known when the first token has arrived."""
    headers["x-router-model"] = ascii_value(deployment.model)
    headers["x-router-provider"] = ascii_value(deployment.provider)
    headers["x-router-attempts"] = str(attempts)
    headers["x-router-overhead-ms"] = f"{overhead_us / 1000:.3f}"


def cost_text(cost_nusd: int | None) -> str:
    """Dollars in plain decimals; `unknown` where a price is missing."""
    return "unknown" if cost_nusd is None else format_usd(cost_nusd)


def reason_of(decision: Decision) -> str:
    """The verdict on how the rule (or the pin) came to decide, as its code."""
    for step in reversed(decision.trace):
        if step.verdict in _DECIDING and step.stage in ("rule", "default", "name", "policy"):
            return _DECIDING[step.verdict]
    return decision.outcome


_DECIDING = {
    verdict: verdict.value
    for verdict in (Verdict.RULE_MATCHED, Verdict.DEFAULT_USED, Verdict.PINNED, Verdict.REJECTED_BY_RULE)
}
