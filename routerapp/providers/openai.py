"""The OpenAI chat dialect, spoken by OpenAI, Groq, Mistral, vLLM, Ollama and most others. Pure: bytes in, bytes out.

What the caller sent goes upstream as the bytes it sent; only the model, policy overrides and stream usage are spliced in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec
import orjson

from routerapp.engine.chat import Chat
from routerapp.providers.base import ChunkFacts, EventReader, Impossible, Reply, Target, UpstreamRequest, Usage
from routerapp.providers.embeddings import read_openai_embeddings
from routerapp.providers.errors import BadAnswer, ProviderError
from routerapp.providers.failures import error_inside, error_of
from routerapp.providers.presets import NO_QUIRKS, Quirks, quirks_of
from routerapp.providers.quirks import fields_for, impossible_with, parameters_for
from routerapp.providers.sse import data_of

PATHS = {"chat": "/chat/completions", "embeddings": "/embeddings"}
_NOT_OVERRIDABLE = frozenset({"model", "messages", "stream", "input"})
_COMMENT = ChunkFacts(is_comment=True)
_DONE = ChunkFacts(is_done=True)


class _Text(msgspec.Struct, gc=False):
    """A message or a delta: every field in which some upstream puts generated text."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    refusal: Any = None
    tool_calls: Any = None
    function_call: Any = None


class _Choice(msgspec.Struct, gc=False):
    """index is read for whoever retells the answer: a number beyond every range is no answer."""

    index: Any = None
    delta: _Text | None = None
    message: _Text | None = None
    finish_reason: str | None = None


class _Head(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: Any = None
    error: Any = None


class _Answer(msgspec.Struct, gc=False):
    """A whole answer; its usage is also kept as it was written."""

    id: Any = None
    model: Any = None
    choices: list[_Choice] | None = None
    usage: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


_Read = TypeVar("_Read", _Head, _Answer)
_decode = msgspec.json.Decoder(_Head).decode
_decode_answer = msgspec.json.Decoder(_Answer).decode


class OpenAIAdapter:
    kind = "openai"
    native = frozenset({"openai"})

    def impossible(self, chat: Chat, target: Target) -> tuple[Impossible, ...]:
        return impossible_with(chat, quirks_of(target.preset))

    def build_request(self, chat: Chat, target: Target, parameters: Mapping[str, Any]) -> UpstreamRequest:
        headers = {
            "content-type": "application/json",
            "accept": "text/event-stream" if chat.is_streaming else "application/json",
            **self.credential_headers(target),
        }
        return UpstreamRequest(
            method="POST",
            url=self.url(target, PATHS[chat.endpoint]),
            headers=headers,
            body=build_body(chat, target.upstream_model, parameters, quirks_of(target.preset)),
            is_streaming=chat.is_streaming,
            target=target,
        )

    def url(self, target: Target, path: str) -> str:
        return target.base_url.rstrip("/") + path

    def credential_headers(self, target: Target) -> dict[str, str]:
        return {"authorization": f"Bearer {target.credential}"} if target.credential else {}

    def read_reply(self, chat: Chat, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        if not 200 <= status < 300:
            raise error_of(status, headers, body)
        if chat.endpoint == "embeddings":
            return read_openai_embeddings(chat, status, body)
        head = _read_head(status, body, _decode_answer)
        raw_usage = bytes(head.usage)
        if not head.choices or any(choice.message is None for choice in head.choices):
            raise BadAnswer("The upstream's answer has no message.", http_status=status)
        return Reply(
            body=body,
            usage=_usage_of(msgspec.json.decode(raw_usage)),
            raw_usage=raw_usage if raw_usage.startswith(b"{") else b"",
            finish_reason=head.choices[0].finish_reason,
            model=_text(head.model),
            upstream_id=_text(head.id),
            text_bytes=sum(_generated_bytes(choice.message) for choice in head.choices),
        )

    def open_events(self, chat: Chat) -> EventReader:
        return _EVENTS


class OpenAIEvents:
    """No event needs another to be understood, so one reader serves every stream."""

    def read(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        data = data_of(event)
        if data is None:
            return event, _COMMENT
        if data.strip() == b"[DONE]":
            return event, _DONE
        try:
            head = _read_head(200, data, _decode)
        except ProviderError as error:
            return event, ChunkFacts(error=error)
        return event, _facts_of(head)


_EVENTS = OpenAIEvents()


def build_body(chat: Chat, upstream_model: str, parameters: Mapping[str, Any], quirks: Quirks = NO_QUIRKS) -> bytes:
    """The fields as sent, spliced: our model, overrides (None removes a field), usage asked for on streams, the vendor's quirks."""
    fields = chat.shared_fields
    if quirks is not NO_QUIRKS:
        fields, parameters = fields_for(chat, quirks), parameters_for(parameters, quirks)
    replaced: dict[str, bytes | None] = {"model": orjson.dumps(upstream_model)}
    if chat.is_streaming:
        replaced["stream"] = b"true"
        replaced["stream_options"] = _stream_options(fields.get("stream_options")) if quirks.stream_options else None
    for name, value in parameters.items():
        if name not in _NOT_OVERRIDABLE:
            replaced[name] = None if value is None else orjson.dumps(value)
    parts = [orjson.dumps(name) + b":" + raw for name, raw in fields.items() if name not in replaced]
    parts += [orjson.dumps(name) + b":" + raw for name, raw in replaced.items() if raw is not None]
    return b"{" + b",".join(parts) + b"}"


def _stream_options(sent: bytes | None) -> bytes:
    options = msgspec.json.decode(sent) if sent else None
    return orjson.dumps({**(options if isinstance(options, dict) else {}), "include_usage": True})


def _facts_of(head: _Head) -> ChunkFacts:
    text_bytes, finished, finish_reason = 0, 0, None
    for choice in head.choices or ():
        text_bytes += _generated_bytes(choice.delta)
        if choice.finish_reason:
            finished += 1
            finish_reason = finish_reason or choice.finish_reason
    usage = _usage_of(head.usage)
    return ChunkFacts(
        usage=usage,
        finish_reason=finish_reason,
        text_bytes=text_bytes,
        is_usage_only=usage is not None and not head.choices,
        finished=finished,
        model=_text(head.model),
        upstream_id=_text(head.id),
    )


def _read_head(status: int, data: bytes, decode: Callable[[bytes], _Read]) -> _Read:
    """Decoding the few fields we need checks the syntax of all of it. Raises BadAnswer, or the error the body states."""
    try:
        head = decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise _unreadable(status, data) from problem
    if head.error:
        raise error_inside(head.error, data)
    return head


def _unreadable(status: int, data: bytes) -> ProviderError:
    if data.lstrip()[:1] == b"<":
        return BadAnswer("The upstream sent a web page instead of an answer (a proxy in between?).", http_status=status)
    return BadAnswer("The upstream sent something that is not an answer in this dialect.", http_status=status)


def _usage_of(usage: Any) -> Usage | None:
    if not isinstance(usage, dict):
        return None
    details, written = usage.get("prompt_tokens_details"), None
    if isinstance(details, dict):
        cached = details.get("cached_tokens")
        # Two gateways' names for it: OpenRouter's and LiteLLM's, which is ours too.
        written = details.get("cache_write_tokens", details.get("cache_creation_tokens"))
    else:
        cached = usage.get("prompt_cache_hit_tokens")
    counted = (usage.get("prompt_tokens"), usage.get("completion_tokens"), cached, written)
    found = Usage(*map(_count, counted))
    return found if found.input_tokens is not None or found.output_tokens is not None else None


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 1 << 31 else None


def _generated_bytes(part: _Text | None) -> int:
    if part is None:
        return 0
    content = part.content
    total = len(content) if type(content) is str and content.isascii() else _text_bytes(content)
    if part.tool_calls is not None:
        total += _text_bytes(part.tool_calls)
    if part.reasoning_content is not None or part.reasoning is not None:
        total += _text_bytes(part.reasoning_content or part.reasoning)
    if part.refusal is not None or part.function_call is not None:
        total += _text_bytes(part.refusal) + _text_bytes(part.function_call)
    return total


def _text_bytes(value: Any) -> int:
    """UTF-8 length of all text at any depth: content parts, tool names and arguments."""
    total, left = 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            total += len(one.encode("utf-8", "surrogatepass"))
        elif isinstance(one, dict):
            left += [inner for name, inner in one.items() if name not in ("id", "type")]
        elif isinstance(one, list):
            left += one
    return total


def _text(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""
