"""What the Messages API sends, in the shapes its documentation prints."""

from __future__ import annotations

import json
from typing import Any

MESSAGE = {
    "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
    "type": "message",
    "role": "assistant",
    "model": "claude-opus-5-5",
    "content": [{"type": "text", "text": "Hi! My name is Claude.", "citations": None}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "stop_details": None,
    "container": None,
    "usage": {
        "input_tokens": 2_095,
        "cache_creation_input_tokens": 1_000,
        "cache_read_input_tokens": 500,
        "cache_creation": {"ephemeral_5m_input_tokens": 1_000, "ephemeral_1h_input_tokens": 0},
        "output_tokens": 503,
        "output_tokens_details": {"thinking_tokens": 40},
        "server_tool_use": None,
        "service_tier": "standard",
    },
}
THINKING = {"type": "thinking", "thinking": "Let me look at 世界.", "signature": "EqQBCgIYAhIM1gbcDa9GJwZA2b3h=="}
TOOL_USE = {
    "type": "tool_use",
    "id": "toolu_01D7FLrfh4GYq7yT1ULFeyMV",
    "name": "get_stock_price",
    "input": {"ticker": "^GSPC"},
    "caller": {"type": "direct"},
}
OVERLOADED = {"type": "error", "error": {"details": None, "type": "overloaded_error", "message": "Overloaded"}}


def message(**members: Any) -> bytes:
    return json.dumps({**MESSAGE, **members}, ensure_ascii=False).encode()


def error(kind: str, text: str) -> bytes:
    document = {"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}
    return json.dumps(document).encode()


def event(document: dict[str, Any]) -> bytes:
    data = json.dumps(document, ensure_ascii=False)
    return f"event: {document.get('type', 'none')}\ndata: {data}\n\n".encode()


def start(**usage: Any) -> bytes:
    begun = {**MESSAGE, "content": [], "stop_reason": None, "usage": {"input_tokens": 25, "output_tokens": 1, **usage}}
    return event({"type": "message_start", "message": begun})


def opened(index: int, block: dict[str, Any]) -> bytes:
    return event({"type": "content_block_start", "index": index, "content_block": block})


def delta(index: int, kind: str, **members: Any) -> bytes:
    return event({"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}})


def closed(index: int) -> bytes:
    return event({"type": "content_block_stop", "index": index})


def ended(reason: str | None = "end_turn", **usage: Any) -> bytes:
    stop = {"stop_reason": reason, "stop_sequence": None}
    return event({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 15, **usage}})


PING = event({"type": "ping"})
STOP = event({"type": "message_stop"})
TEXT_BLOCK = {"type": "text", "text": ""}
# "Basic streaming request" of the documentation.
PLAIN_STREAM = [
    start(),
    opened(0, TEXT_BLOCK),
    PING,
    delta(0, "text_delta", text="Hello"),
    delta(0, "text_delta", text=" 世界"),
    closed(0),
    ended(),
    STOP,
]
# "Streaming request with tool use": text, then a call whose input comes in pieces.
TOOL_STREAM = [
    start(input_tokens=472, output_tokens=2),
    opened(0, TEXT_BLOCK),
    PING,
    delta(0, "text_delta", text="Okay, let me check."),
    closed(0),
    opened(1, {"type": "tool_use", "id": "toolu_01T1x1fJ34qAmk2tNTrN7Up6", "name": "get_weather", "input": {}}),
    delta(1, "input_json_delta", partial_json=""),
    delta(1, "input_json_delta", partial_json='{"location":'),
    delta(1, "input_json_delta", partial_json=' "San Francisco, CA"}'),
    closed(1),
    ended("tool_use", output_tokens=89),
    STOP,
]
# "Streaming request with extended thinking", its signature just before the block ends.
THINKING_STREAM = [
    start(),
    opened(0, {"type": "thinking", "thinking": "", "signature": ""}),
    delta(0, "thinking_delta", thinking="I need the GCD"),
    delta(0, "thinking_delta", thinking=" of both."),
    delta(0, "signature_delta", signature="EqQBCgIYAhIM1gbcDa9GJwZA2b3h=="),
    closed(0),
    opened(1, TEXT_BLOCK),
    delta(1, "text_delta", text="It is 21."),
    closed(1),
    ended(),
    STOP,
]
