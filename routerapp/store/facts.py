"""What the journal's records say about one request, as the values of its rows. Only mapping and clipping: no database, no sums but a
request's own.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.types import Decision, Features
from routerapp.models import Origin, Status
from routerapp.store.records import AttemptEnd, Begin, End

# An experiment that found nothing to draw by drew for this request alone.
PER_REQUEST = "per_request"
MAX_SMALL_INT = 2**15 - 1
MAX_INT = 2**31 - 1
MAX_BIG_INT = 2**63 - 1


class RequestFact(msgspec.Struct, frozen=True, kw_only=True):
    """A row of routed_request; fields are its columns."""

    id: str
    at_ms: int
    origin: str
    status: str
    key: str
    team: str
    user_hash: str
    requested_model: str
    policy: str
    policy_version: int
    rule: str
    rule_name: str
    strategy: str
    deployment: str
    language_model: str
    provider: str
    experiment: str
    arm: str
    unit: str
    task: str
    language: str
    is_streaming: bool
    attempts: int
    http_status: int
    error_code: str
    finish_reason: str
    prompt_tokens_estimate: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    is_usage_estimated: bool
    cost_nusd: int | None
    baseline_cost_nusd: int | None
    ttft_ms: int | None
    latency_ms: int | None
    overhead_us: int | None
    endpoint: str
    dialect: str
    cache: str
    saved_nusd: int | None
    lost_cache_tokens: int | None
    warnings: str


class AttemptFact(msgspec.Struct, frozen=True, kw_only=True):
    """A row of attempt; fields are its columns."""

    id: str
    request_id: str
    number: int
    role: str
    retry: int
    at_ms: int
    deployment: str
    language_model: str
    provider: str
    status: str
    error_class: str
    error_message: str
    http_status: int
    connect_ms: int | None
    ttft_ms: int | None
    latency_ms: int
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    is_usage_estimated: bool
    input_nusd_per_mtok: int | None
    output_nusd_per_mtok: int | None
    cached_input_nusd_per_mtok: int | None
    cache_write_tokens: int | None
    cache_write_nusd_per_mtok: int | None
    price_source: str
    cost_nusd: int | None
    finish_reason: str
    upstream_id: str
    warnings: str


def request_fact(begin: Begin | None, attempts: Sequence[AttemptEnd], end: End | None) -> RequestFact:
    """One request's row. Without an end it was interrupted; without a begin (damaged on disk) only the outcome is known."""
    if end is None:
        if begin is None:
            raise ValueError("neither begin nor end")
        end = _interrupted(begin, attempts)
    begin = begin or Begin(id=end.id, at_ms=end.at_ms - (end.latency_ms or 0), origin=Origin.LIVE)
    decision = begin.decision
    features = decision.features if decision else begin.inputs.features if begin.inputs else Features(task="")
    return RequestFact(
        id=begin.id,
        at_ms=begin.at_ms,
        origin=clip(begin.origin, 10),
        status=clip(end.status, 16),
        key=clip(begin.key, 60),
        team=clip(begin.team, 60),
        user_hash=clip(begin.user_hash, 64),
        requested_model=clip(begin.requested_model, 200),
        **_decided(decision),
        deployment=clip(end.deployment, 100),
        language_model=clip(end.language_model, 100),
        provider=clip(end.provider, 60),
        task=clip(features.task, 20),
        language=clip(features.language if features.task else "", 10),
        is_streaming=begin.is_streaming,
        attempts=small(end.attempts),
        http_status=small(end.http_status),
        error_code=clip(end.error_code, 60),
        finish_reason=clip(end.finish_reason, 30),
        prompt_tokens_estimate=bounded(features.prompt_tokens) or 0,
        input_tokens=bounded(end.input_tokens),
        output_tokens=bounded(end.output_tokens),
        cached_tokens=bounded(end.cached_tokens),
        is_usage_estimated=end.is_usage_estimated,
        cost_nusd=bounded(end.cost_nusd, MAX_BIG_INT),
        baseline_cost_nusd=bounded(end.baseline_cost_nusd, MAX_BIG_INT),
        ttft_ms=bounded(end.ttft_ms),
        latency_ms=bounded(end.latency_ms),
        overhead_us=bounded(end.overhead_us),
        endpoint=clip(begin.endpoint, 12),
        dialect=clip(begin.dialect, 12),
        cache=clip(end.cache, 8),
        saved_nusd=bounded(end.saved_nusd, MAX_BIG_INT),
        lost_cache_tokens=bounded(end.lost_cache_tokens),
        warnings=clip(",".join(end.warnings), 300),
    )


def _decided(decision: Decision | None) -> dict[str, Any]:
    """The columns that say which rule decided, and for whom an experiment drew."""
    experiment = decision.experiment if decision else None
    return {
        "policy": clip(decision.policy if decision else "", 60),
        "policy_version": decision.policy_version if decision else 0,
        "rule": clip(decision.rule if decision else "", 40),
        "rule_name": clip(decision.rule_name if decision else "", 100),
        "strategy": clip(decision.strategy if decision else "", 30),
        "experiment": clip(experiment.name if experiment else "", 60),
        "arm": clip(experiment.arm if experiment else "", 60),
        "unit": clip(experiment.unit if experiment and experiment.unit != PER_REQUEST else "", 16),
    }


def attempt_fact(attempt: AttemptEnd) -> AttemptFact:
    price = attempt.price
    return AttemptFact(
        id=f"{attempt.id}-{attempt.number}.{attempt.retry}",
        request_id=attempt.id,
        number=attempt.number,
        role=clip(attempt.role, 12),
        retry=attempt.retry,
        at_ms=attempt.at_ms,
        deployment=clip(attempt.deployment, 100),
        language_model=clip(attempt.language_model, 100),
        provider=clip(attempt.provider, 60),
        status=clip(attempt.status, 16),
        error_class=clip(attempt.error_class, 40),
        error_message=clip(attempt.error_message, 300),
        http_status=small(attempt.http_status),
        connect_ms=bounded(attempt.connect_ms),
        ttft_ms=bounded(attempt.ttft_ms),
        latency_ms=bounded(attempt.latency_ms) or 0,
        input_tokens=bounded(attempt.input_tokens),
        output_tokens=bounded(attempt.output_tokens),
        cached_tokens=bounded(attempt.cached_tokens),
        is_usage_estimated=attempt.is_usage_estimated,
        input_nusd_per_mtok=price.input_nusd_per_mtok if price else None,
        output_nusd_per_mtok=price.output_nusd_per_mtok if price else None,
        cached_input_nusd_per_mtok=price.cached_input_nusd_per_mtok if price else None,
        cache_write_tokens=bounded(attempt.cache_write_tokens),
        cache_write_nusd_per_mtok=price.cache_write_nusd_per_mtok if price else None,
        price_source=clip(price.source if price else "", 100),
        cost_nusd=bounded(attempt.cost_nusd, MAX_BIG_INT),
        finish_reason=clip(attempt.finish_reason, 30),
        upstream_id=clip(attempt.upstream_id, 100),
        warnings=clip(",".join(attempt.warnings), 300),
    )


def recorded_documents(payload: bytes) -> tuple[bytes, bytes]:
    """(decision_inputs.document, decision_trace.document) of a begin record.

    Made from the record as written, not from the decoded values: a whole number recorded where the type says float must stay one,
    or a replayed decision would differ in its bytes.
    """
    record = msgspec.msgpack.decode(payload)
    inputs = {"inputs": record["inputs"], "live": record["live"]}
    return pack(canonical_bytes(inputs)), pack(canonical_bytes(record["decision"]))


def pack(document: bytes) -> bytes:
    """zlib at a level that costs little: level 9 saves 2 % more for twice the time."""
    return zlib.compress(document, 4)


def clip(text: str, length: int) -> str:
    """What a text column takes on every database: no NUL, no longer than declared."""
    return text.replace("\0", "")[:length]


def bounded(number: int | None, most: int = MAX_INT) -> int | None:
    """Numbers reported from outside may be absurd; a column's range is not."""
    return None if number is None else max(-most, min(most, number))


def small(number: int) -> int:
    """A count or a status of a column of 16 bits."""
    return min(MAX_SMALL_INT, number)


def _interrupted(begin: Begin, attempts: Sequence[AttemptEnd]) -> End:
    """The outcome of a request whose worker died: what its finished attempts used, else what it would have sent."""
    last = attempts[-1] if attempts else None
    plan = begin.decision.plan if begin.decision else ()
    input_tokens, output_tokens = _sum(attempts, "input_tokens"), _sum(attempts, "output_tokens")
    if input_tokens is None and begin.decision is not None:
        input_tokens, output_tokens = begin.decision.features.prompt_tokens, output_tokens or 0
    return End(
        id=begin.id,
        at_ms=begin.at_ms,
        status=Status.INTERRUPTED,
        error_code="interrupted",
        deployment=last.deployment if last else plan[0].deployment if plan else "",
        language_model=last.language_model if last else "",
        provider=last.provider if last else "",
        attempts=len(attempts),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=_sum(attempts, "cached_tokens"),
        is_usage_estimated=True,
        # As serving does: one attempt without a price makes the whole unknown, not smaller.
        cost_nusd=None if any(a.cost_nusd is None for a in attempts) else _sum(attempts, "cost_nusd"),
    )


def _sum(attempts: Sequence[AttemptEnd], field: str) -> int | None:
    """None when no attempt knows."""
    known = [value for attempt in attempts if (value := getattr(attempt, field)) is not None]
    return sum(known) if known else None
