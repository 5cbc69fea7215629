"""A stream of chat completion chunks retold as the events of a streamed Message, in the order the vendor keeps.

    message_start, ping, (content_block_start, content_block_delta…, content_block_stop)…, message_delta, message_stop

Chunks come from our own serving, which ends a whole answer with its usage and [DONE], and any other with an error: then there is no
message_stop.
"""

from __future__ import annotations

from typing import Any

import msgspec

from routerapp.gateway.messages.answer import (
    Choice,
    Completion,
    Usage,
    Words,
    call_of,
    decode_completion,
    frame,
    listed,
    stop_reason,
    text_of,
    to_usage,
    usage_of,
)
from routerapp.gateway.messages.blocks import Blocks
from routerapp.providers.sse import EventSplitter, data_of
from routerapp.serving.served import message_error_type

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_NO_DELTA = Words()


class MessageEvents:
    """Feed what serving streams; get whole events. has_thinking: the caller takes blocks of thinking."""

    def __init__(self, request_id: str, input_tokens: int, *, has_thinking: bool) -> None:
        self._request_id = request_id
        self._input_tokens = input_tokens
        self._has_thinking = has_thinking
        self._splitter = EventSplitter()
        self._blocks = Blocks(request_id)
        self._out: list[bytes] = []
        self._has_started = False
        self._finish_reason: str | None = None
        self._has_refused = False
        self._usage: Usage | None = None

    def feed(self, packet: bytes) -> bytes:
        for event in self._splitter.feed(packet):
            self._take(event)
        written, self._out = b"".join(self._out), []
        return written

    def _take(self, event: bytes) -> None:
        data = data_of(event)
        if data is None:
            self._out.append(event)
        elif data.strip() == b"[DONE]":
            self._finish()
        else:
            self._take_chunk(decode_completion(data))

    def _take_chunk(self, chunk: Completion) -> None:
        if chunk.error is not None:
            self._fail(chunk.error)
        elif bytes(chunk.router_metadata) != b"null" and not chunk.choices:
            self._blocks.finish()
            self._write_blocks()
            self._write("router_metadata", {"router_metadata": chunk.router_metadata})
        else:
            self._start(chunk)
            self._usage = usage_of(chunk) or self._usage
            for choice in chunk.choices or ():
                if choice.index in (0, None):
                    self._take_choice(choice)

    def _start(self, chunk: Completion) -> None:
        """What went in is our estimate here; the last message_delta has the upstream's count."""
        if self._has_started:
            return
        self._has_started = True
        usage = to_usage(None) | {"input_tokens": self._input_tokens}
        del usage["cost"]
        message = {**frame(chunk, self._request_id), "content": [], "stop_reason": None, "stop_sequence": None}
        self._write("message_start", {"message": message | {"usage": usage}})
        self._out.append(PING)

    def _take_choice(self, choice: Choice) -> None:
        delta = choice.delta or _NO_DELTA
        thoughts = text_of(delta.reasoning_content or delta.reasoning)
        if thoughts and self._has_thinking:
            self._blocks.add_text("thinking", thoughts)
        self._has_refused = self._has_refused or bool(delta.refusal)
        if text := text_of(delta.content) or text_of(delta.refusal):
            self._blocks.add_text("text", text)
        for call in listed(delta.tool_calls):
            number = call.get("index")
            self._blocks.add_call(number if type(number) is int else None, *call_of(call))
        self._finish_reason = choice.finish_reason or self._finish_reason
        self._write_blocks()

    def _finish(self) -> None:
        self._start(Completion())
        self._blocks.finish()
        self._write_blocks()
        reason = stop_reason(self._finish_reason, has_refused=self._has_refused)
        delta = {"stop_reason": reason, "stop_sequence": None}
        self._write("message_delta", {"delta": delta, "usage": to_usage(self._usage)})
        self._write("message_stop", {})

    def _fail(self, error: Any) -> None:
        error = error if isinstance(error, dict) else {}
        kind = message_error_type(error.get("type"))
        self._write("error", {"error": error | {"type": kind}, "request_id": self._request_id})

    def _write_blocks(self) -> None:
        for name, members in self._blocks.events:
            self._write(name, members)
        self._blocks.events.clear()

    def _write(self, name: str, members: dict[str, Any]) -> None:
        data = msgspec.json.encode({"type": name} | members)
        self._out.append(b"event: " + name.encode() + b"\ndata: " + data + b"\n\n")
