"""Embeddings requests and answers in the OpenAI shape, for adapters that have to read or write them. Pure."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from routerapp.engine.chat import Chat
from routerapp.providers.base import Reply, Usage
from routerapp.providers.errors import BadAnswer

_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_vectors = msgspec.json.Decoder(list[list[float]]).decode


class _Item(msgspec.Struct, gc=False):
    embedding: msgspec.Raw


class _Answer(msgspec.Struct, gc=False):
    data: list[_Item]
    model: Any = None
    usage: Any = None


_decode_answer = msgspec.json.Decoder(_Answer).decode


def count_inputs(chat: Chat) -> int:
    """How many vectors were asked for: a text or a list of token numbers is one input."""
    raw = chat.shared_fields.get("input", b"")
    if not raw.lstrip().startswith(b"["):
        return 1
    elements = _elements(raw)
    return len(elements) if elements and bytes(elements[0]).lstrip()[:1] in (b'"', b"[") else 1


def texts_of(chat: Chat) -> list[str] | None:
    """The input as texts; None where it is token numbers, which mean nothing to another vendor."""
    value = msgspec.json.decode(chat.shared_fields.get("input", b"null"))
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
        return value
    return None


def wants_base64(chat: Chat) -> bool:
    return chat.shared_fields.get("encoding_format") == b'"base64"'


def dimensions_of(fields: Mapping[str, bytes]) -> int | None:
    value = msgspec.json.decode(fields.get("dimensions", b"null"))
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None


def write_embeddings(vectors: Sequence[Sequence[float]], model: str, usage: Usage | None, *, as_base64: bool) -> bytes:
    """The OpenAI answer. Base64 is of little-endian 32-bit floats."""
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if as_base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    document: dict[str, Any] = {"object": "list", "data": data, "model": model}
    if usage is not None and usage.input_tokens is not None:
        document["usage"] = {"prompt_tokens": usage.input_tokens, "total_tokens": usage.input_tokens}
    return orjson.dumps(document)


def read_vectors(raw: msgspec.Raw | bytes, wanted: int) -> list[list[float]]:
    """A list of number lists, one for each input. Raises BadAnswer."""
    try:
        vectors = _vectors(raw)
    except (msgspec.DecodeError, RecursionError) as problem:
        raise BadAnswer("The upstream's embeddings are not lists of numbers.") from problem
    check_count(len(vectors), wanted)
    if any(not vector or not all(map(math.isfinite, vector)) for vector in vectors):
        raise BadAnswer("The upstream sent an empty or impossible vector.")
    return vectors


def read_openai_embeddings(chat: Chat, status: int, body: bytes) -> Reply:
    """A whole answer of an OpenAI-compatible /embeddings, checked and otherwise unchanged. Raises BadAnswer."""
    try:
        answer = _decode_answer(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise BadAnswer(
            "The upstream sent something that is not an embeddings answer.", http_status=status
        ) from problem
    check_count(len(answer.data), count_inputs(chat))
    tokens = answer.usage.get("prompt_tokens") if isinstance(answer.usage, dict) else None
    is_count = type(tokens) is int and 0 <= tokens < 1 << 31
    return Reply(
        body=body,
        usage=Usage(tokens, 0) if is_count else Usage(None, 0),
        model=answer.model[:200] if isinstance(answer.model, str) else "",
    )


def check_count(found: int, wanted: int) -> None:
    """A vector too many or too few would put every later one beside the wrong text. Raises BadAnswer."""
    if found != wanted:
        raise BadAnswer(f"The upstream sent {found} embeddings for {wanted} inputs.")


def _packed(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
