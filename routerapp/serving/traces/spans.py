"""A recorded request as spans, by OpenTelemetry's conventions for HTTP servers and generative AI clients (semantic conventions 1.41).

One server span, its decision as an event, one client span per upstream call. Never any content: no prompt, no answer, no error text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from routerapp.engine.types import Decision
from routerapp.providers.otlp import CLIENT, SERVER, Event, Span, Value
from routerapp.serving.recent import RecentRequest
from routerapp.serving.traces.context import TraceContext
from routerapp.store.records import AttemptEnd, Begin, End
from routerapp.store.snapshot import TargetSecret

MOST_CHARACTERS = 256
# Names the conventions fix for providers that have one; any other is named by its slug here.
_PROVIDER_NAMES = {
    "anthropic": "anthropic",
    "azure": "azure.ai.openai",
    "cohere": "cohere",
    "deepseek": "deepseek",
    "gemini": "gcp.gemini",
    "groq": "groq",
    "mistral": "mistral_ai",
    "openai": "openai",
    "perplexity": "perplexity",
    "xai": "x_ai",
}
_ROUTES = {
    ("chat", "openai"): "/v1/chat/completions",
    ("chat", "anthropic"): "/v1/messages",
    ("embeddings", "openai"): "/v1/embeddings",
}
_OPERATIONS = {"embeddings": "embeddings"}


@dataclass(frozen=True, slots=True)
class TracedRequest:
    """What the event loop hands over when a request has ended; everything else happens elsewhere."""

    recent: RecentRequest
    context: TraceContext
    targets: Mapping[str, TargetSecret]
    served_model: str = ""


def spans_of(traced: TracedRequest) -> list[Span]:
    """The request's span first, then its attempts as they began. Empty while the request has no end."""
    begin, end = traced.recent.begin, traced.recent.end
    if end is None:
        return []
    attempts = [_attempt_span(traced, begin, attempt) for attempt in traced.recent.attempts]
    return [_request_span(traced, begin, end, attempts), *attempts]


def _request_span(traced: TracedRequest, begin: Begin, end: End, attempts: list[Span]) -> Span:
    route = _ROUTES.get((begin.endpoint, begin.dialect), "")
    ended_ms = max([begin.at_ms + (end.latency_ms or 0), *(one.end_ms for one in attempts)])
    attributes: dict[str, Value | None] = {
        "http.request.method": "POST",
        "http.route": route,
        "http.response.status_code": end.http_status,
        "error.type": end.error_code or None,
        "gen_ai.operation.name": _OPERATIONS.get(begin.endpoint, "chat"),
        "gen_ai.request.model": begin.requested_model,
        "gen_ai.request.stream": begin.is_streaming or None,
        "gen_ai.response.model": traced.served_model,
        "gen_ai.response.finish_reasons": [end.finish_reason] if end.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": None if end.ttft_ms is None else end.ttft_ms / 1000,
        **_usage(end),
        "signalbox.request_id": begin.id,
        "signalbox.origin": begin.origin,
        "signalbox.key": begin.key,
        "signalbox.team": begin.team,
        "signalbox.status": end.status,
        "signalbox.deployment": end.deployment,
        "signalbox.attempts": end.attempts,
        "signalbox.overhead_us": end.overhead_us,
        "signalbox.cost_nusd": end.cost_nusd,
        "signalbox.cache": end.cache,
    }
    context = traced.context
    return Span(
        name=f"POST {route}".strip(),
        kind=SERVER,
        trace_id=context.trace_id,
        span_id=context.span_id,
        parent_id=context.parent_id,
        start_ms=begin.at_ms,
        end_ms=ended_ms,
        attributes=_given(attributes),
        # A server's span fails on what is the server's fault (5xx), not on a bad request.
        is_error=end.http_status >= 500 or end.status == "interrupted",
        events=() if begin.decision is None else (_decision_event(begin.at_ms, begin.decision),),
    )


def _decision_event(at_ms: int, decision: Decision) -> Event:
    attributes: dict[str, Value | None] = {
        "signalbox.outcome": decision.outcome,
        "signalbox.policy": decision.policy,
        "signalbox.policy_version": decision.policy_version,
        "signalbox.rule": decision.rule,
        "signalbox.strategy": decision.strategy,
        "signalbox.plan": [step.deployment for step in decision.plan],
        "signalbox.candidates": len(decision.candidates),
        "signalbox.eligible": sum(one.eligible for one in decision.candidates),
        "signalbox.experiment": decision.experiment.name if decision.experiment else None,
        "signalbox.arm": decision.experiment.arm if decision.experiment else None,
    }
    return Event("signalbox.decision", at_ms, _given(attributes))


def _attempt_span(traced: TracedRequest, begin: Begin, attempt: AttemptEnd) -> Span:
    target = traced.targets.get(attempt.deployment)
    operation = _OPERATIONS.get(begin.endpoint, "chat")
    model = target.upstream_model if target else attempt.language_model
    host, port = _server_of(target)
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": _provider_name(target, attempt),
        "gen_ai.request.model": model,
        "gen_ai.request.stream": begin.is_streaming or None,
        "gen_ai.response.id": attempt.upstream_id,
        "gen_ai.response.finish_reasons": [attempt.finish_reason] if attempt.finish_reason else None,
        "gen_ai.response.time_to_first_chunk": None if attempt.ttft_ms is None else attempt.ttft_ms / 1000,
        **_usage(attempt),
        "gen_ai.usage.cache_creation.input_tokens": attempt.cache_write_tokens,
        "server.address": host,
        "server.port": port,
        "http.response.status_code": attempt.http_status or None,
        "error.type": attempt.error_class or None,
        "signalbox.deployment": attempt.deployment,
        "signalbox.role": attempt.role,
        "signalbox.attempt": attempt.number,
        "signalbox.status": attempt.status,
        "signalbox.cost_nusd": attempt.cost_nusd,
        "http.request.resend_count": attempt.retry or None,
    }
    context = traced.context
    return Span(
        name=f"{operation} {model}"[:MOST_CHARACTERS],
        kind=CLIENT,
        trace_id=context.trace_id,
        span_id=context.attempt_span_id(attempt.number, attempt.retry),
        parent_id=context.span_id,
        start_ms=attempt.at_ms,
        end_ms=attempt.at_ms + attempt.latency_ms,
        attributes=_given(attributes),
        is_error=bool(attempt.error_class),
    )


def _usage(record: AttemptEnd | End) -> dict[str, Value | None]:
    return {
        "gen_ai.usage.input_tokens": record.input_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": record.cached_tokens,
        "signalbox.usage_estimated": record.is_usage_estimated or None,
    }


def _provider_name(target: TargetSecret | None, attempt: AttemptEnd) -> str:
    """A compatible server that is none of the known ones speaks OpenAI's dialect but is not OpenAI."""
    if target is None:
        return attempt.provider
    if target.preset in _PROVIDER_NAMES:
        return _PROVIDER_NAMES[target.preset]
    return (
        attempt.provider
        if target.kind in ("openai", "simulated")
        else _PROVIDER_NAMES.get(target.kind, attempt.provider)
    )


def _server_of(target: TargetSecret | None) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(target.base_url) if target else None
        if parts is None or not parts.hostname:
            return None, None
        return parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None, None


def _given(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    """Without what is unknown, and nothing longer than a name."""
    return {
        name: value[:MOST_CHARACTERS] if isinstance(value, str) else value
        for name, value in attributes.items()
        if value not in (None, "")
    }
