"""The journal's records: what serving tells the store about one request, in the order it happens.

A recorded format (docs/journal.md): add fields with defaults, never rename, never change a unit. Money is integer nano-dollars,
instants are Unix milliseconds, null is unknown.
"""

from __future__ import annotations

import msgspec

from routerapp.engine.types import Decision, Inputs, Live, Price


class Begin(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="record", tag="begin"):
    """A request was accepted; written before the first upstream byte.

    user_hash is a keyed hash, never the caller's string. live is the slice the decision read. chat_body is kept only when bodies are.
    baseline is the dearest eligible priced candidate: (deployment, price at that moment). endpoint: chat or embeddings; dialect: the
    caller's, openai or anthropic.
    """

    id: str
    at_ms: int
    origin: str
    key: str = ""
    team: str = ""
    user_hash: str = ""
    requested_model: str = ""
    is_streaming: bool = False
    decision: Decision | None = None
    inputs: Inputs | None = None
    live: Live | None = None
    chat_body: bytes | None = None
    baseline: tuple[str, Price] | None = None
    reservation_nusd: int = 0
    endpoint: str = "chat"
    dialect: str = "openai"


class AttemptEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="record", tag="attempt"):
    """One upstream call is over. id is the request's; at_ms is when the attempt started; (number, retry) is unique in a request.

    error_class is empty on success. cost_nusd null is unpriced or unknown.
    """

    id: str
    number: int
    role: str
    retry: int = 0
    at_ms: int
    deployment: str
    language_model: str
    provider: str
    status: str
    error_class: str = ""
    error_message: str = ""
    http_status: int = 0
    connect_ms: int | None = None
    ttft_ms: int | None = None
    latency_ms: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    is_usage_estimated: bool = False
    price: Price | None = None
    cost_nusd: int | None = None
    finish_reason: str = ""
    upstream_id: str = ""
    warnings: tuple[str, ...] = ()
    cache_write_tokens: int | None = None


class End(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="record", tag="end"):
    """The final outcome; written before the last byte, [DONE] or close. Tokens and cost are the integer sums over the attempts.

    cache is hit, miss or empty (off). saved_nusd: what a hit would have cost. lost_cache_tokens: what a moved sticky unit left behind.
    warnings: codes of what was dropped or capped, such as dropped:logit_bias.
    """

    id: str
    at_ms: int
    status: str
    http_status: int = 0
    error_code: str = ""
    deployment: str = ""
    language_model: str = ""
    provider: str = ""
    attempts: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    is_usage_estimated: bool = False
    cost_nusd: int | None = None
    baseline_cost_nusd: int | None = None
    ttft_ms: int | None = None
    latency_ms: int | None = None
    overhead_us: int | None = None
    finish_reason: str = ""
    answer: bytes | None = None
    cache: str = ""
    saved_nusd: int | None = None
    lost_cache_tokens: int | None = None
    warnings: tuple[str, ...] = ()


class FeedbackGiven(msgspec.Struct, frozen=True, kw_only=True, gc=False, tag_field="record", tag="feedback"):
    """Somebody judged a request. id makes it idempotent; kind is one of FeedbackKind."""

    id: str
    request_id: str
    at_ms: int
    kind: str
    value: float | None = None
    label: str = ""
    comment: str = ""
    source: str = ""


Record = Begin | AttemptEnd | End | FeedbackGiven

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Record] = msgspec.msgpack.Decoder(Record)


def encode_record(record: Record) -> bytes:
    """msgpack, a map with the tag under "record"."""
    return _encoder.encode(record)


def decode_record(payload: bytes) -> Record:
    """Raises msgspec.ValidationError or DecodeError when the payload is not one of ours."""
    return _decoder.decode(payload)
