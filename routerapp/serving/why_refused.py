"""Turns a decision or a plan that led to no answer into the refusal the caller gets: status, stable code, who was out and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from routerapp.engine.types import Candidate, Decision
from routerapp.engine.verdicts import Verdict
from routerapp.providers.errors import CredentialRejected, EgressRefused, ModelGone, ProviderError, TlsFailed
from routerapp.serving.plan_job import AllFailed, Outcome, SkippedStep
from routerapp.serving.served import Refused

MOST_LISTED = 50
# What the request itself asks for: another router could not serve it with these models either.
OWN_NEED = frozenset(
    {
        Verdict.CONTEXT_TOO_SMALL,
        Verdict.OUTPUT_LIMIT_TOO_SMALL,
        Verdict.MISSING_TOOLS,
        Verdict.MISSING_VISION,
        Verdict.MISSING_JSON_SCHEMA,
        Verdict.MISSING_STREAMING,
        Verdict.WRONG_ENDPOINT,
        Verdict.EXCLUDED_BY_REQUEST,
    }
)
PASSING = frozenset(
    {Verdict.IN_COOLDOWN, Verdict.PROBE_IN_FLIGHT, Verdict.RATE_LIMITED, Verdict.AT_CAPACITY, Verdict.TOO_SLOW}
)
# Somebody has to act first. Official clients ask again after every 5xx, which would put the same refusals before the upstream again.
LASTING = frozenset(error.error_class for error in (CredentialRejected, EgressRefused, ModelGone, TlsFailed))


def refuse_unrouted(decision: Decision) -> None:
    """Raises Refused when the decision names nobody to ask."""
    if decision.outcome == "rejected":
        raise Refused(
            403,
            "refused_by_policy",
            decision.reject_message or "Refused by a rule of this router.",
            source="policy",
            detail={"router": {"policy": decision.policy, "version": decision.policy_version, "rule": decision.rule}},
        )
    if not decision.plan:
        raise _no_candidate(decision)


def refusal_of(failure: AllFailed) -> Refused:
    """Nobody in the plan answered. Says what each attempt met, in the provider's name, and nothing of our credentials."""
    outcome, error = failure.outcome, failure.error
    detail: dict[str, Any] = {"router": {"attempts": _attempts(outcome), "skipped": _skipped(outcome)}}
    if error is None:
        if outcome.skipped and all(step.verdict == Verdict.CANNOT_EXPRESS for step in outcome.skipped):
            return _unsupported(outcome.skipped[0], detail)
        return Refused(
            503, "no_eligible_model", failure.caller_message, source="router", retry_after_ms=1_000, detail=detail
        )
    refused = Refused(
        failure.client_status,
        _code_of(error),
        failure.caller_message,
        source="client" if error.status == "invalid" else "provider",
        retry_after_ms=failure.retry_after_ms,
        detail=detail | _upstream_error(error),
    )
    if _is_lasting(outcome):
        refused.headers["x-should-retry"] = "false"
    return refused


def _is_lasting(outcome: Outcome) -> bool:
    """Asking the same again soon gives the same: everybody who was asked refused for good, and nobody was left out for a while."""
    met = {attempt.error_class for attempt in outcome.attempts}
    return bool(met) and met <= LASTING and not any(step.verdict in PASSING for step in outcome.skipped)


def _unsupported(step: SkippedStep, detail: Mapping[str, Any]) -> Refused:
    """Every deployment left has no words for something in the request."""
    fields = step.detail["fields"]
    message = f"No deployment here can express {', '.join(fields[:MOST_LISTED])}: {step.detail['reason']}"
    return Refused(400, "unsupported_parameter", message, param=fields[0], detail=detail)


def _code_of(error: ProviderError) -> str:
    # A caller's `rate_limited` is about its own key; this one is not.
    return "upstream_rate_limited" if error.error_class == "rate_limited" else error.error_class


def _no_candidate(decision: Decision) -> Refused:
    out = [candidate for candidate in decision.candidates if not candidate.eligible]
    verdicts = {candidate.verdict for candidate in out} - {Verdict.KEY_NOT_ALLOWED}
    detail = {
        "router": {"policy": decision.policy, "version": decision.policy_version, "rule": decision.rule}
        | {"eliminated": [_eliminated(one) for one in out if one.verdict != Verdict.KEY_NOT_ALLOWED][:MOST_LISTED]}
    }
    if verdicts and verdicts <= OWN_NEED:
        return Refused(
            400, "no_capable_model", f"No model here can take this request: {_words(verdicts)}.", detail=detail
        )
    if Verdict.OVER_BUDGET in verdicts and not verdicts & PASSING:
        return Refused(
            402,
            "budget_exceeded",
            "What is left of the budget does not pay for this request.",
            source="policy",
            detail=detail,
        )
    passing = verdicts & PASSING
    refused = Refused(
        503,
        "no_eligible_model",
        f"No deployment is eligible for this request: {_words(verdicts) or 'the pool is empty'}.",
        source="router",
        retry_after_ms=1_000 if passing else None,
        detail=detail,
    )
    if not passing:
        refused.headers["x-should-retry"] = "false"
    return refused


def _words(verdicts: set[Verdict]) -> str:
    return ", ".join(sorted(verdict.value.replace("_", " ") for verdict in verdicts))


def _eliminated(candidate: Candidate) -> dict[str, Any]:
    return {"deployment": candidate.deployment, "verdict": candidate.verdict.value, "detail": dict(candidate.detail)}


def _attempts(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {
            "deployment": attempt.deployment,
            "provider": attempt.provider,
            "status": attempt.status,
            "error_class": attempt.error_class,
            "http_status": attempt.http_status,
            "latency_ms": attempt.latency_ms,
        }
        for attempt in outcome.attempts
    ]


def _skipped(outcome: Outcome) -> list[dict[str, Any]]:
    return [
        {"deployment": step.deployment, "verdict": step.verdict.value}
        | ({"detail": step.detail} if step.detail else {})
        for step in outcome.skipped
    ]


def _upstream_error(error: ProviderError) -> dict[str, Any]:
    """The upstream's own words about the caller's request, where they may be passed on."""
    if error.body is None:
        return {}
    try:
        document = msgspec.json.decode(error.body)
    except (ValueError, RecursionError):
        return {}
    found = {"upstream": document.get("error", document) if isinstance(document, dict) else document}
    try:
        orjson.dumps(found)
    except TypeError:
        # Numbers and depths that can be read and not be written again.
        return {}
    return found
