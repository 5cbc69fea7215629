"""Adds what the router knows to an answer, in the shape it has: usage with its cost, the model where it is missing, the trace if asked.

The upstream's bytes stay as they are but for the members we add or complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import orjson

from routerapp.engine.money import format_usd
from routerapp.engine.types import Decision
from routerapp.providers.sse import data_of
from routerapp.serving.decisions import plain_decision
from routerapp.serving.plan_job import Outcome
from routerapp.store.records import AttemptEnd

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])


def complete_answer(body: bytes, outcome: Outcome, metadata: bytes | None, usage: bytes = b"") -> bytes:
    """body is a JSON object that an adapter has read; metadata is JSON for router_metadata, or None; usage: the member as the body has it."""
    if usage and metadata is None and (spliced := _spliced(body, outcome, usage)) is not None:
        return spliced
    members: dict[str, bytes | msgspec.Raw] = dict(_members.decode(body))
    members["usage"] = _usage(members.get("usage"), outcome)
    model = members.get("model")
    if model is None or bytes(model) in (b"null", b'""'):
        members["model"] = orjson.dumps(outcome.language_model)
    # Ours alone: what an upstream writes there is no trace.
    members.pop("router_metadata", None)
    if metadata is not None:
        members["router_metadata"] = metadata
    return _object(members)


def _spliced(body: bytes, outcome: Outcome, usage: bytes) -> bytes | None:
    """The body as it came, with the cost as the last member of its usage; None where more than that has to change.

    An object with a name in it holds quotes, and a text that quotes it would have them escaped: where its bytes stand, it stands.
    """
    at = body.rfind(usage)
    if (
        at < 0
        or not usage.endswith(b'"', 0, usage.find(b":"))
        or not outcome.served_model
        or outcome.answered.is_usage_estimated
        or b'"cost"' in usage
        or b'"router_metadata"' in body
    ):
        return None
    cost = "null" if outcome.cost_nusd is None else format_usd(outcome.cost_nusd)
    end = at + len(usage) - 1
    return b'%b,"cost":%b%b' % (body[:end], cost.encode(), body[end:])


def usage_event(outcome: Outcome, request_id: str, at_ms: int) -> bytes:
    """The last chunk of a stream whose caller asked for usage: the upstream's own with the cost, else one of ours."""
    data = data_of(outcome.usage_event) if outcome.usage_event else None
    if data is not None:
        # Inside JSON a line feed is only ever space; in an event it would be an end.
        return b"data: " + complete_answer(data, outcome, None).replace(b"\n", b" ") + b"\n\n"
    chunk = {
        "id": outcome.answered.upstream_id or request_id,
        "object": "chat.completion.chunk",
        "created": at_ms // 1000,
        "model": outcome.served_model or outcome.language_model,
        "choices": [],
        "usage": orjson.Fragment(_usage(None, outcome)),
    }
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


def cost_comment(cost_nusd: int | None, request_id: str) -> bytes:
    """For streams whose caller did not ask for usage; SSE readers skip comments."""
    cost = "unknown" if cost_nusd is None else format_usd(cost_nusd)
    return f": x-router-decision-id={request_id} x-router-cost-usd={cost}\n\n".encode()


def router_metadata(request_id: str, decision: Decision, outcome: Outcome) -> bytes:
    """The full trace, as JSON."""
    return orjson.dumps(
        {
            "decision_id": request_id,
            "deployment": outcome.deployment,
            "model": outcome.language_model,
            "provider": outcome.provider,
            "attempts": [
                {"deployment": one.deployment, "role": one.role, "retry": one.retry, "status": one.status}
                | {"error_class": one.error_class, "latency_ms": one.latency_ms}
                for one in outcome.attempts
            ],
            "decision": plain_decision(decision),
        }
    )


def _usage(raw: bytes | msgspec.Raw | None, outcome: Outcome) -> bytes:
    """cost is a number of dollars, null where a price is missing. Tokens we counted ourselves are marked."""
    cost = b"null" if outcome.cost_nusd is None else format_usd(outcome.cost_nusd).encode()
    sent = bytes(raw).strip() if raw is not None else b""
    last = outcome.answered
    if sent.startswith(b"{") and not last.is_usage_estimated:
        # Some upstreams state a cost themselves; strict readers refuse a name that stands twice.
        return _object({**_members.decode(sent), "cost": cost})
    mark = {"is_estimated": True} if last.is_usage_estimated else {}
    return orjson.dumps({**_counted(outcome, last), **mark, "cost": orjson.Fragment(cost)})


def _counted(outcome: Outcome, last: AttemptEnd) -> dict[str, Any]:
    if outcome.dialect == "anthropic":
        return {"input_tokens": last.input_tokens, "output_tokens": last.output_tokens}
    details = {} if last.cached_tokens is None else {"prompt_tokens_details": {"cached_tokens": last.cached_tokens}}
    return {
        "prompt_tokens": last.input_tokens,
        "completion_tokens": last.output_tokens,
        "total_tokens": (last.input_tokens or 0) + (last.output_tokens or 0),
        **details,
    }


def _object(members: Mapping[str, bytes | msgspec.Raw]) -> bytes:
    return b"{" + b",".join([b'"%b":%b' % (_name(name), raw) for name, raw in members.items()]) + b"}"


def _name(name: str) -> bytes:
    return name.encode() if name.isidentifier() and name.isascii() else orjson.dumps(name)[1:-1]
