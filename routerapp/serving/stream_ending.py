"""The last events of a streamed answer, in the dialect it is written in: what the router adds, and how it says that it is over.

Adapters hold the upstream's own last event back, so that the record is written before it leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

import orjson

from routerapp.engine.chat import Chat
from routerapp.serving.answer_body import cost_comment, usage_event
from routerapp.serving.plan_job import Outcome
from routerapp.serving.served import Refused
from routerapp.store.records import End

DONE = b"data: [DONE]\n\n"
MESSAGE_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class Ending(Protocol):
    def failure(self, refused: Refused, request_id: str) -> bytes:
        """The last event of a stream that failed, with HTTP 200 long gone; nothing says after it that the answer is whole."""

    def last(self, chat: Chat, outcome: Outcome, end: End, metadata: bytes | None) -> Iterator[bytes]:
        """What closes a whole answer. metadata: JSON for router_metadata, where the caller asked for it."""


class OpenAIEnding:
    def failure(self, refused: Refused, request_id: str) -> bytes:
        return b"data: " + orjson.dumps({"error": refused.to_error(request_id)}) + b"\n\n"

    def last(self, chat: Chat, outcome: Outcome, end: End, metadata: bytes | None) -> Iterator[bytes]:
        if metadata is not None:
            yield b'data: {"choices":[],"router_metadata":' + metadata + b"}\n\n"
        if chat.wants_stream_usage:
            yield usage_event(outcome, end.id, end.at_ms)
        else:
            yield cost_comment(end.cost_nusd, end.id)
        yield DONE


class AnthropicEnding:
    """For answers that came in the Messages dialect and go out in it. Its readers skip events they do not know."""

    def failure(self, refused: Refused, request_id: str) -> bytes:
        return b"event: error\ndata: " + orjson.dumps(refused.to_message_error(request_id)) + b"\n\n"

    def last(self, chat: Chat, outcome: Outcome, end: End, metadata: bytes | None) -> Iterator[bytes]:
        if metadata is not None:
            yield b'event: router_metadata\ndata: {"type":"router_metadata","router_metadata":' + metadata + b"}\n\n"
        yield cost_comment(end.cost_nusd, end.id)
        yield outcome.last_event or MESSAGE_STOP


ENDINGS: Mapping[str, Ending] = {"openai": OpenAIEnding(), "anthropic": AnthropicEnding()}
