"""POST /v1/embeddings: key, body, input, answer. The body becomes a Chat whose one message holds the texts; the rest is the way of a chat.

Members nobody here looks at stay the bytes that were sent, as in a chat.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.engine.chat import Chat
from routerapp.gateway.authenticate import CHAT, authenticate, require_scope
from routerapp.gateway.call import Call
from routerapp.gateway.chat import explained
from routerapp.gateway.disconnect import CancelWhenGone
from routerapp.gateway.extras import EXTRA_FIELDS, parse_extras
from routerapp.gateway.json_guard import bad_request, check_readable, decode_any, decode_fields
from routerapp.gateway.requests import NO_EXTRAS, read_flag, read_model, read_whole
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused

MAX_INPUTS = 2_048
MAX_DIMENSIONS = 100_000
MAX_TOKEN = 1 << 31
ENCODINGS = ("float", "base64")


async def embed(call: Call) -> None:
    call.caller = await authenticate(call.runtime, call.headers)
    try:
        require_scope(call.caller, CHAT)
        chat = explained(call, parse_embeddings(await call.body(), call.visible_headers()))
    except Refused as refused:
        call.record(refused)
        raise
    async with CancelWhenGone(call.receive, call.wire):
        served = await serve_chat(call.runtime, chat, call.caller)
        await call.reply(served.status, served.headers, served.body or b"")


def parse_embeddings(body: bytes, headers: Mapping[str, str]) -> Chat:
    """Raises Refused 400, naming the member it is about."""
    fields = decode_fields(body)
    extras = NO_EXTRAS if EXTRA_FIELDS.isdisjoint(fields) else parse_extras(fields)
    if read_flag(fields, "stream"):
        raise bad_request("invalid_value", "Embeddings are not streamed.", "stream")
    read_whole(fields, "dimensions", 1, MAX_DIMENSIONS)
    _check_encoding(fields)
    check_readable(fields, ("input",))
    texts, token_inputs = _inputs(fields)
    content: Any = texts[0] if len(texts) == 1 else [{"type": "text", "text": text} for text in texts]
    return Chat(
        requested_model=read_model(fields),
        fields={name: bytes(raw) for name, raw in fields.items() if name not in EXTRA_FIELDS},
        messages=({"role": "user", "content": content},),
        extras=extras,
        headers=headers,
        body_bytes=len(body),
        endpoint="embeddings",
        token_inputs=token_inputs,
    )


def _check_encoding(fields: Mapping[str, msgspec.Raw]) -> None:
    raw = fields.get("encoding_format")
    encoding = decode_any(raw, "encoding_format") if raw is not None else None
    if encoding is not None and encoding not in ENCODINGS:
        raise bad_request("invalid_value", f"encoding_format must be {' or '.join(ENCODINGS)}.", "encoding_format")


def _inputs(fields: Mapping[str, msgspec.Raw]) -> tuple[list[str], tuple[int, ...]]:
    """(texts, lengths of token inputs): one of them is empty."""
    raw = fields.get("input")
    value = decode_any(raw, "input") if raw is not None else None
    if value is None:
        raise bad_request("missing_field", "input is required.", "input")
    if isinstance(value, str):
        return [_text(value, "input")], ()
    if not isinstance(value, list) or not value:
        raise _wrong_type("input")
    if _is_token(value[0]):
        return [], (_count_tokens(value, "input"),)
    if len(value) > MAX_INPUTS:
        raise bad_request("invalid_value", f"input must hold at most {MAX_INPUTS:,} inputs.", "input")
    if isinstance(value[0], str):
        return [_text(text, f"input[{index}]") for index, text in enumerate(value)], ()
    return [], tuple(_count_tokens(tokens, f"input[{index}]") for index, tokens in enumerate(value))


def _text(value: Any, place: str) -> str:
    if not isinstance(value, str):
        raise _wrong_type(place)
    if not value:
        raise bad_request("invalid_value", f"{place} must not be empty.", place)
    return value


def _count_tokens(value: Any, place: str) -> int:
    if not isinstance(value, list) or not all(_is_token(token) for token in value):
        raise _wrong_type(place)
    if not value:
        raise bad_request("invalid_value", f"{place} must not be empty.", place)
    return len(value)


def _is_token(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < MAX_TOKEN


def _wrong_type(place: str) -> Refused:
    return bad_request(
        "invalid_type",
        f"{place} must be text, a list of texts, a list of token numbers, or a list of such lists.",
        place,
    )
