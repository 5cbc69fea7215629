"""Anthropic's Messages API as documented (the shapes are those its SDK publishes), in both of its versions."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from anthropic.types.message_create_params import MessageCreateParamsNonStreaming, MessageCreateParamsStreaming

from tests.matrix.wire.asked import INPUT_TOKENS, OUTPUT_TOKENS, Asked, Said, answer
from tests.matrix.wire.server import Answer, Refusal, Request
from tests.matrix.wire.shape import Fault, fault_in

NEWEST, OLDER = "2026-10-21", "2023-06-01"
# Gone with the newest version, and so from the SDK's types.
SAMPLING = ("temperature", "top_p", "top_k")
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")
_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}


class Anthropic:
    def __init__(self, credential: str) -> None:
        self.credential = credential

    def answer(self, request: Request) -> Answer:
        self._check_headers(request.headers)
        if request.path != "/v1/messages":
            raise _refusal(404, "Not found")
        body = _checked(request.body, request.headers["anthropic-version"])
        _check_turns(body["messages"])
        said = answer(_asked(body))
        return Answer(events=tuple(_events(said))) if body.get("stream") is True else Answer(_message(said))

    def _check_headers(self, headers: Mapping[str, str]) -> None:
        if headers.get("x-api-key") != self.credential or "authorization" in headers:
            raise _refusal(401, "invalid x-api-key")
        if headers.get("anthropic-version") not in (NEWEST, OLDER):
            raise _refusal(400, "anthropic-version: header is required")


def _refusal(status: int, message: str) -> Refusal:
    error = {"type": _TYPES[status], "message": message}
    return Refusal(status, {"type": "error", "error": error, "request_id": "req_1"})


def _checked(body: Any, version: str) -> dict[str, Any]:
    is_streaming = isinstance(body, dict) and body.get("stream") is True
    shape = MessageCreateParamsStreaming if is_streaming else MessageCreateParamsNonStreaming
    sampling = SAMPLING if version == OLDER else ()
    fault = fault_in({name: value for name, value in body.items() if name not in sampling}, shape)
    if fault is not None:
        raise _refusal(400, f"{fault.path}: {_words(fault)}")
    if body["max_tokens"] < 1:
        raise _refusal(400, "max_tokens: must be greater than or equal to 1")
    form = (body.get("output_config") or {}).get("format")
    if form is not None and form["schema"].get("additionalProperties") is not False:
        message = "For 'object' type, 'additionalProperties' must be explicitly set to false"
        raise _refusal(400, f"output_config.format.schema: {message}")
    return dict(body)


def _words(fault: Fault) -> str:
    return {
        "unknown": "Extra inputs are not permitted",
        "missing": "Field required",
        "wrong": "Input should be as documented",
    }[fault.kind]


def _check_turns(messages: list[dict[str, Any]]) -> None:
    """Every call is answered in the very next turn, before anything else is said there."""
    waiting: set[str] = set()
    for index, message in enumerate(messages):
        blocks = _blocks(message["content"])
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if waiting - set(answered):
            missing = ", ".join(sorted(waiting))
            text = f"`tool_use` ids were found without `tool_result` blocks immediately after: {missing}"
            raise _refusal(400, f"messages.{index}: {text}")
        if set(answered) - waiting:
            raise _refusal(400, f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks")
        if any(block["type"] == "tool_result" for block in blocks[len(answered) :]):
            raise _refusal(400, f"messages.{index}: `tool_result` blocks must come first")
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            raise _refusal(400, f"messages.{index}: text content blocks must be non-empty")
        waiting = {block["id"] for block in blocks if block["type"] == "tool_use"}
        if not all(_TOOL_ID.fullmatch(one) for one in waiting):
            raise _refusal(400, f"messages.{index}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
    if waiting or messages[-1]["role"] == "assistant":
        raise _refusal(400, "This model does not support assistant message prefill.")


def _blocks(content: Any) -> list[dict[str, Any]]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def _asked(body: dict[str, Any]) -> Asked:
    asked = Asked(tools=[tool["name"] for tool in body.get("tools") or ()])
    asked.system = "".join(block["text"] for block in _blocks(body["system"])) if body.get("system") else ""
    for message in body["messages"]:
        blocks = _blocks(message["content"])
        if message["role"] == "user":
            asked.prompt = "".join(block["text"] for block in blocks if block["type"] == "text") or asked.prompt
            for block in blocks:
                _take(block, asked)
    form = (body.get("output_config") or {}).get("format")
    asked.schema = form["schema"] if form else None
    return asked


def _take(block: dict[str, Any], asked: Asked) -> None:
    if block["type"] == "tool_result":
        content = block.get("content") or ""
        asked.results.append("".join(one["text"] for one in _blocks(content)))
    elif block["type"] in ("image", "document"):
        source = block["source"]
        if source["type"] == "url":
            asked.addresses.append(source["url"])
        else:
            asked.files.append((source["media_type"], base64.b64decode(source["data"], validate=True)))


def _frame(content: list[Any], stop_reason: str | None, output_tokens: int) -> dict[str, Any]:
    usage = {"input_tokens": INPUT_TOKENS, "output_tokens": output_tokens}
    usage |= {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0, "service_tier": "standard"}
    frame = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-of-the-test", "content": content}
    return {
        **frame,
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": None,
        "container": None,
        "usage": usage,
    }


def _stop_reason(said: Said) -> str:
    return "tool_use" if said.calls else "end_turn"


def _message(said: Said) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": said.text, "citations": None}] if said.text else []
    for number, (name, arguments) in enumerate(said.calls):
        content.append({"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": arguments})
    return _frame(content, _stop_reason(said), OUTPUT_TOKENS)


def _events(said: Said) -> Iterator[bytes]:
    yield _event("message_start", message=_frame([], None, 1))
    yield _event("ping")
    index = 0
    if said.pieces:
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for piece in said.pieces:
            yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
        yield _event("content_block_stop", index=0)
        index = 1
    for number, (name, arguments) in enumerate(said.calls):
        block = {"type": "tool_use", "id": f"toolu_{number}", "name": name, "input": {}}
        yield _event("content_block_start", index=index + number, content_block=block)
        text = json.dumps(arguments, ensure_ascii=False)
        for piece in ("", *(text[start : start + 6] for start in range(0, len(text), 6))):
            delta = {"type": "input_json_delta", "partial_json": piece}
            yield _event("content_block_delta", index=index + number, delta=delta)
        yield _event("content_block_stop", index=index + number)
    ending = {"stop_reason": _stop_reason(said), "stop_sequence": None, "stop_details": None}
    yield _event("message_delta", delta=ending, usage={"output_tokens": OUTPUT_TOKENS})
    yield _event("message_stop")


def _event(kind: str, **members: Any) -> bytes:
    data = json.dumps({"type": kind, **members}, ensure_ascii=False)
    return f"event: {kind}\ndata: {data}\n\n".encode()
