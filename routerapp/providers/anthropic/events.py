"""A streamed answer of the Messages API: passed on as it is, or retold event by event as chunks of the OpenAI dialect.

https://platform.claude.com/docs/en/build-with-claude/streaming. Events and blocks newer than this file are passed over, as the vendor's
versioning policy asks; known ones in the wrong place or shape are BadAnswer. Nothing here raises.
"""

from __future__ import annotations

from typing import Any

import msgspec

from routerapp.providers.anthropic.answer import (
    Block,
    byte_length,
    failure_inside,
    finish_reason,
    openai_usage,
    short,
    text_in,
    thinking_block,
    tool_call,
    usage_of,
)
from routerapp.providers.base import ChunkFacts
from routerapp.providers.errors import BadAnswer, ProviderError
from routerapp.providers.sse import data_of

_COMMENT = ChunkFacts(is_comment=True)
_NOTHING = ChunkFacts()


class _Start(msgspec.Struct, gc=False):
    id: Any = None
    model: Any = None
    usage: Any = None


class _Delta(msgspec.Struct, gc=False):
    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    partial_json: Any = None
    stop_reason: Any = None


class Event(msgspec.Struct, gc=False):
    """Every member any event has, as far as it is looked at."""

    type: Any = None
    index: Any = None
    message: _Start | None = None
    content_block: Block | None = None
    delta: _Delta | None = None
    usage: Any = None
    error: Any = None


_decode = msgspec.json.Decoder(Event).decode


class Counted:
    """Usage so far: message_start tells what went in, message_delta the running totals.

    The output_tokens of message_start are a beginning, not a count: an answer that is cut before its totals is estimated.
    """

    def __init__(self) -> None:
        self.stated: dict[str, Any] = {}

    def begin(self, usage: Any) -> None:
        self.note(usage)
        self.stated.pop("output_tokens", None)

    def note(self, usage: Any) -> None:
        if isinstance(usage, dict):
            self.stated |= {name: value for name, value in usage.items() if value is not None}


class NativeEvents:
    """For callers of the same dialect: the bytes as they came, and what they say."""

    def __init__(self) -> None:
        self._counted = Counted()

    def read(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        try:
            said = read_event(event)
            return event, _COMMENT if said is None else self._facts(said)
        except ProviderError as error:
            return event, ChunkFacts(error=error)

    def _facts(self, said: Event) -> ChunkFacts:
        if said.type == "message_start" and said.message is not None:
            self._counted.begin(said.message.usage)
            return ChunkFacts(
                usage=usage_of(self._counted.stated),
                model=short(said.message.model),
                upstream_id=short(said.message.id),
            )
        if said.type == "message_delta":
            return closing_facts(said, self._counted)
        if said.type == "message_stop":
            return ChunkFacts(is_done=True)
        return ChunkFacts(text_bytes=_size_of(said))


class TranslatedEvents:
    """For everybody else. Keeps which block is which: OpenAI numbers tool calls, not blocks."""

    def __init__(self, created: int) -> None:
        self._created = created
        self._id = self._model = ""
        self._counted = Counted()
        self._blocks: dict[int, _Open] = {}
        self._calls = 0
        self._has_started = False

    def read(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        try:
            said = read_event(event)
            if said is None or said.type == "ping":
                return b"", _COMMENT
            return self._retell(said)
        except ProviderError as error:
            return b"", ChunkFacts(error=error)

    def _retell(self, said: Event) -> tuple[bytes, ChunkFacts]:
        if said.type == "message_start":
            return self._start(said)
        if said.type in ("content_block_start", "content_block_delta", "content_block_stop", "message_delta"):
            if not self._has_started:
                raise BadAnswer("The upstream's answer begins in the middle.")
        if said.type == "content_block_start":
            return self._open(said)
        if said.type == "content_block_delta":
            return self._grow(said)
        if said.type == "content_block_stop":
            return self._close(said)
        if said.type == "message_delta":
            facts = closing_facts(said, self._counted)
            reason = facts.finish_reason
            return (self._chunk({}, reason) if reason else b""), facts
        if said.type == "message_stop":
            return self._end()
        return b"", _NOTHING

    def _start(self, said: Event) -> tuple[bytes, ChunkFacts]:
        if self._has_started or said.message is None:
            raise BadAnswer("The upstream's answer begins twice, or without a message.")
        self._has_started = True
        self._id, self._model = short(said.message.id), short(said.message.model)
        self._counted.begin(said.message.usage)
        facts = ChunkFacts(usage=usage_of(self._counted.stated), model=self._model, upstream_id=self._id)
        return self._chunk({"role": "assistant", "content": ""}), facts

    def _open(self, said: Event) -> tuple[bytes, ChunkFacts]:
        block, index = said.content_block, said.index
        if block is None or type(index) is not int or index in self._blocks:
            raise BadAnswer("The upstream opens a block without a number of its own.")
        opened = self._blocks[index] = _Open(block)
        if block.type == "tool_use":
            opened.call = self._calls
            self._calls += 1
            call = {"index": opened.call, **tool_call(block, "")}
            return self._chunk({"tool_calls": [call]}), ChunkFacts(text_bytes=byte_length(str(block.name)))
        if block.type == "text" and block.text:
            return self._text("content", text_in(block.text))
        if block.type == "thinking" and block.thinking:
            opened.thoughts.append(text_in(block.thinking))
            return self._text("reasoning_content", opened.thoughts[0])
        return b"", _NOTHING

    def _grow(self, said: Event) -> tuple[bytes, ChunkFacts]:
        block, delta = self._block(said), said.delta
        if delta is None:
            raise BadAnswer("The upstream sent a delta without one.")
        if delta.type == "text_delta":
            return self._text("content", text_in(delta.text))
        if delta.type == "thinking_delta":
            block.thoughts.append(text_in(delta.thinking))
            return self._text("reasoning_content", text_in(delta.thinking))
        if delta.type == "signature_delta":
            block.signatures.append(text_in(delta.signature))
        if delta.type == "input_json_delta" and block.call is not None:
            return self._arguments(block, text_in(delta.partial_json))
        return b"", _NOTHING

    def _close(self, said: Event) -> tuple[bytes, ChunkFacts]:
        block = self._block(said)
        del self._blocks[said.index]
        begun = block.begun
        if block.call is not None and not block.has_arguments:
            # Vendors that copy the API put the whole input where it opens; without any, an empty object is what clients can read.
            whole = bytes(begun.input).decode()
            return self._arguments(block, whole if whole.startswith("{") else "{}")
        if begun.type == "thinking":
            begun.thinking, begun.signature = "".join(block.thoughts), "".join(block.signatures) or begun.signature
        if begun.type == "redacted_thinking" or (begun.type == "thinking" and begun.signature):
            return self._chunk({"thinking_blocks": [thinking_block(begun)]}), _NOTHING
        return b"", _NOTHING

    def _end(self) -> tuple[bytes, ChunkFacts]:
        usage = openai_usage(self._counted.stated)
        if usage is None:
            return b"", ChunkFacts(is_done=True)
        frame = {**self._frame(), "choices": [], "usage": usage}
        return _event(frame), ChunkFacts(usage=usage_of(self._counted.stated), is_usage_only=True, is_done=True)

    def _block(self, said: Event) -> _Open:
        block = self._blocks.get(said.index) if type(said.index) is int else None
        if block is None:
            raise BadAnswer("The upstream speaks of a block that is not open.")
        return block

    def _text(self, name: str, text: str) -> tuple[bytes, ChunkFacts]:
        return (self._chunk({name: text}), ChunkFacts(text_bytes=byte_length(text))) if text else (b"", _NOTHING)

    def _arguments(self, block: _Open, text: str) -> tuple[bytes, ChunkFacts]:
        if not text:
            return b"", _NOTHING
        block.has_arguments = True
        call = {"index": block.call, "function": {"arguments": text}}
        return self._chunk({"tool_calls": [call]}), ChunkFacts(text_bytes=byte_length(text))

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event({**self._frame(), "choices": [choice]})

    def _frame(self) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": self._model,
        }


class _Open:
    """One block that has begun. call: its number among the tool calls."""

    def __init__(self, begun: Block) -> None:
        self.begun = begun
        self.call: int | None = None
        self.has_arguments = False
        self.thoughts: list[str] = []
        self.signatures: list[str] = []


def read_event(event: bytes) -> Event | None:
    """None for comments. Raises BadAnswer, or the error the event states."""
    data = data_of(event)
    if data is None:
        return None
    try:
        said = _decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise BadAnswer("The upstream sent an event that is not one of the Messages API.") from problem
    if said.type == "error" or said.error:
        raise failure_inside(said.error, data)
    if not isinstance(said.type, str):
        raise BadAnswer("The upstream sent an event without a type.")
    return said


def closing_facts(said: Event, counted: Counted) -> ChunkFacts:
    """What a message_delta says: why the answer stops, and what it used."""
    counted.note(said.usage)
    reason = finish_reason(said.delta.stop_reason) if said.delta is not None else None
    return ChunkFacts(usage=usage_of(counted.stated), finish_reason=reason, finished=1 if reason else 0)


def _size_of(said: Event) -> int:
    """UTF-8 length of what the event adds to the answer."""
    part: Block | _Delta | None = said.content_block or said.delta
    if part is None:
        return 0
    texts = [part.text, part.thinking]
    texts.append(part.partial_json if isinstance(part, _Delta) else part.name)
    return sum(byte_length(text) for text in texts if isinstance(text, str))


def _event(document: dict[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(document) + b"\n\n"
