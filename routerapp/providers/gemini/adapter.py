"""Google Gemini's own API: generateContent, streamGenerateContent and batchEmbedContents. Pure: bytes in, bytes out.

The credential travels in a header, never in the URL, where it would end in logs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

import msgspec

from routerapp.engine.chat import Chat
from routerapp.providers.base import EventReader, Impossible, Reply, Target, UpstreamRequest
from routerapp.providers.embeddings import (
    count_inputs,
    dimensions_of,
    read_vectors,
    texts_of,
    wants_base64,
    write_embeddings,
)
from routerapp.providers.errors import BadAnswer
from routerapp.providers.gemini.answer import (
    Answer,
    Candidate,
    block_reason,
    decode_answer,
    google,
    index_of,
    logprobs_of,
    openai_usage,
    read_parts,
    reason_for,
    text,
    text_bytes,
    usage_of,
)
from routerapp.providers.gemini.contents import impossible_contents, to_contents
from routerapp.providers.gemini.events import GeminiEvents
from routerapp.providers.gemini.failures import stated_error
from routerapp.providers.gemini.settings import generation_config, impossible_settings, tools_of
from routerapp.providers.gemini.words import encode

_NOT_OVERRIDABLE = frozenset({"model", "messages", "stream", "input"})
_DECODED_ELSEWHERE = frozenset({"model", "messages", "tools"})


class _Vector(msgspec.Struct, gc=False):
    values: msgspec.Raw


class _Embeddings(msgspec.Struct, gc=False, rename="camel"):
    embeddings: list[_Vector]
    usage_metadata: Any = None


_decode_embeddings = msgspec.json.Decoder(_Embeddings).decode


class GeminiAdapter:
    """now_seconds: of Unix time. Gemini does not say when it answered, and the dialect must."""

    kind = "gemini"
    native: frozenset[str] = frozenset()

    def __init__(self, now_seconds: Callable[[], float] = time.time) -> None:
        self._now_seconds = now_seconds

    def impossible(self, chat: Chat, target: Target) -> tuple[Impossible, ...]:
        if chat.endpoint == "embeddings":
            return _impossible_embeddings(chat)
        fields = _decoded(chat)
        return (*impossible_contents(chat.messages, target.options), *impossible_settings(fields, target.options))

    def build_request(self, chat: Chat, target: Target, parameters: Mapping[str, Any]) -> UpstreamRequest:
        headers = {
            "content-type": "application/json",
            "accept": "text/event-stream" if chat.is_streaming else "application/json",
        }
        if target.credential:
            headers["x-goog-api-key"] = target.credential
        verb, body = _embeddings(chat, target) if chat.endpoint == "embeddings" else _content(chat, target, parameters)
        return UpstreamRequest(
            method="POST",
            url=f"{target.base_url.rstrip('/')}/{_resource(target)}:{verb}",
            headers=headers,
            body=encode(body),
            is_streaming=chat.is_streaming,
            target=target,
        )

    def read_reply(self, chat: Chat, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        if not 200 <= status < 300:
            raise stated_error(status, headers, body)
        if chat.endpoint == "embeddings":
            return _read_embeddings(chat, status, headers, body)
        try:
            answer = decode_answer(body)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            raise _unreadable(status, body) from problem
        if answer.error is not None:
            raise stated_error(status, headers, body)
        return _reply(answer, int(self._now_seconds()))

    def open_events(self, chat: Chat) -> EventReader:
        return GeminiEvents(int(self._now_seconds()))


def _content(chat: Chat, target: Target, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    fields = _decoded(chat)
    for name, value in parameters.items():
        if name not in _NOT_OVERRIDABLE:
            fields[name] = value
    system, contents = to_contents(chat.messages, target.options)
    body: dict[str, Any] = {"contents": contents}
    if system is not None:
        body["systemInstruction"] = system
    if config := generation_config(fields, target.options):
        body["generationConfig"] = config
    body |= tools_of(fields)
    return ("streamGenerateContent?alt=sse" if chat.is_streaming else "generateContent"), body


def _reply(answer: Answer, created: int) -> Reply:
    choices, size = [], 0
    for position, candidate in enumerate(answer.candidates or ()):
        choice, generated = _choice(candidate, index_of(candidate, position), text(answer.response_id))
        choices.append(choice)
        size += generated
    if not choices:
        blocked = block_reason(answer)
        if blocked is None:
            raise BadAnswer("The upstream's answer has no candidate.", http_status=200)
        message = {"role": "assistant", "content": None, "refusal": f"Gemini refused the prompt: {blocked}."}
        choices.append({"index": 0, "message": message, "finish_reason": "content_filter"})
    document = {
        "id": text(answer.response_id),
        "object": "chat.completion",
        "created": created,
        "model": text(answer.model_version),
        "choices": choices,
    }
    if (usage := openai_usage(answer.usage_metadata)) is not None:
        document["usage"] = usage
    return Reply(
        body=encode(document),
        usage=usage_of(answer.usage_metadata),
        finish_reason=choices[0]["finish_reason"],
        model=text(answer.model_version),
        upstream_id=text(answer.response_id),
        text_bytes=size,
    )


def _choice(candidate: Candidate, index: int, answer_id: str) -> tuple[dict[str, Any], int]:
    parts = read_parts(candidate, f"call_{answer_id or 'gemini'}_{index}")
    has_content = bool(parts.content or parts.reasoning or parts.tool_calls or parts.images)
    reason = reason_for(candidate.finish_reason, has_calls=bool(parts.tool_calls), has_content=has_content)
    message: dict[str, Any] = {"role": "assistant", "content": parts.content or None, "refusal": None}
    if parts.reasoning:
        message["reasoning_content"] = parts.reasoning
    if parts.tool_calls:
        message["tool_calls"] = parts.tool_calls
    if parts.images:
        message["images"] = parts.images
    message |= google(parts.signature)
    choice = {"index": index, "message": message, "logprobs": logprobs_of(candidate.logprobs_result)}
    return choice | {"finish_reason": reason}, text_bytes(parts)


def _impossible_embeddings(chat: Chat) -> tuple[Impossible, ...]:
    if texts_of(chat) is None:
        return (Impossible("input", "Token numbers mean nothing to Gemini; send text.", False),)
    return ()


def _embeddings(chat: Chat, target: Target) -> tuple[str, dict[str, Any]]:
    model = _resource(target)
    request: dict[str, Any] = {"model": model}
    if (dimensions := dimensions_of(chat.shared_fields)) is not None:
        request["outputDimensionality"] = dimensions
    texts = texts_of(chat) or []
    return "batchEmbedContents", {
        "requests": [{**request, "content": {"parts": [{"text": one}]}} for one in texts],
    }


def _read_embeddings(chat: Chat, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    try:
        answer = _decode_embeddings(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise _unreadable(status, body) from problem
    joined = b"[" + b",".join(bytes(one.values) for one in answer.embeddings) + b"]"
    vectors = read_vectors(joined, count_inputs(chat))
    usage = usage_of(answer.usage_metadata)
    return Reply(body=write_embeddings(vectors, "", usage, as_base64=wants_base64(chat)), usage=usage)


def _decoded(chat: Chat) -> dict[str, Any]:
    """Messages and tools, which may be a megabyte, are decoded already."""
    fields = {
        name: msgspec.json.decode(raw) for name, raw in chat.shared_fields.items() if name not in _DECODED_ELSEWHERE
    }
    return fields | ({"tools": list(chat.tools)} if chat.tools else {})


def _resource(target: Target) -> str:
    """models/<name>, unless the deployment names another kind of resource (tunedModels/…)."""
    name = target.upstream_model
    return quote(name if "/" in name else f"models/{name}", safe="/")


def _unreadable(status: int, body: bytes) -> BadAnswer:
    if body.lstrip()[:1] == b"<":
        return BadAnswer("The upstream sent a web page instead of an answer (a proxy in between?).", http_status=status)
    return BadAnswer("The upstream sent something that is not an answer of Gemini's.", http_status=status)
