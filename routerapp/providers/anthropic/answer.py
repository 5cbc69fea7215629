"""A whole answer of the Messages API: what it says, and the same in the OpenAI shape. Pure; everything read here comes from outside.

https://platform.claude.com/docs/en/api/messages and https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from routerapp.providers.base import Reply, Usage
from routerapp.providers.errors import BadAnswer, CredentialRejected, ProviderError
from routerapp.providers.failures import error_inside, error_of

# A paused turn and a full window are answers that are not whole, which OpenAI calls length.
FINISHED = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "refusal": "content_filter",
}
_MOST_TOKENS = 1 << 31
_BILLING = b"credit balance is too low"


class Block(msgspec.Struct, gc=False):
    """One block of content, as far as the OpenAI dialect has words for it. input keeps the bytes it came in."""

    type: Any = None
    text: Any = None
    thinking: Any = None
    signature: Any = None
    data: Any = None
    id: Any = None
    name: Any = None
    input: msgspec.Raw = msgspec.Raw(b"null")


class Message(msgspec.Struct, gc=False):
    """type is error where the answer is one."""

    type: Any = None
    id: Any = None
    model: Any = None
    content: list[Block] | None = None
    stop_reason: Any = None
    stop_details: Any = None
    usage: Any = None
    error: Any = None


class Said(msgspec.Struct):
    """What the blocks of an answer hold, in OpenAI's words. thinking_blocks: with signatures, for the caller to send back."""

    texts: list[str] = []
    thoughts: list[str] = []
    tool_calls: list[dict[str, Any]] = []
    thinking_blocks: list[dict[str, Any]] = []

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def reasoning(self) -> str:
        return "".join(self.thoughts)


_decode = msgspec.json.Decoder(Message).decode


def failure_of(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error behind an HTTP answer that is not 2xx. An account without money is ours to settle, not the caller's mistake."""
    if status == 400 and _BILLING in body:
        return CredentialRejected("The upstream's account has no credit left.", http_status=status)
    return error_of(status, headers, body)


def failure_inside(error: Any, data: bytes) -> ProviderError:
    """The error an event or a body with status 200 states."""
    if _BILLING in data:
        return CredentialRejected("The upstream's account has no credit left.", http_status=200)
    return error_inside(error if error else {}, data)


def read_message(status: int, body: bytes) -> Message:
    """Raises BadAnswer, or the error the body states."""
    try:
        message = _decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        page = body.lstrip()[:1] == b"<"
        words = "a web page (a proxy in between?)" if page else "something that is not a message"
        raise BadAnswer(f"The upstream sent {words}.", http_status=status) from problem
    if message.type == "error" or message.error:
        raise failure_inside(message.error, body)
    if message.content is None:
        raise BadAnswer("The upstream's answer has no content.", http_status=status)
    return message


def to_reply(message: Message, body: bytes) -> Reply:
    """body: what the caller gets, in whichever dialect."""
    said = said_in(message.content or ())
    return Reply(
        body=body,
        usage=usage_of(message.usage),
        finish_reason=finish_reason(message.stop_reason),
        model=short(message.model),
        upstream_id=short(message.id),
        text_bytes=size_of(said),
    )


def openai_body(message: Message, created: int) -> bytes:
    """The answer as a chat completion."""
    said = said_in(message.content or ())
    answer: dict[str, Any] = {"role": "assistant", "content": said.text or None, "refusal": refusal_of(message)}
    if reasoning := said.reasoning:
        answer["reasoning_content"] = reasoning
    if said.thinking_blocks:
        answer["thinking_blocks"] = said.thinking_blocks
    if said.tool_calls:
        answer["tool_calls"] = said.tool_calls
    document = {
        "id": short(message.id),
        "object": "chat.completion",
        "created": created,
        "model": short(message.model),
        "choices": [
            {"index": 0, "message": answer, "logprobs": None, "finish_reason": finish_reason(message.stop_reason)}
        ],
    }
    usage = openai_usage(message.usage)
    return msgspec.json.encode(document | ({"usage": usage} if usage else {}))


def said_in(content: Sequence[Block]) -> Said:
    """Blocks of the vendor's own tools have no place in the OpenAI dialect and are passed over. Raises BadAnswer."""
    said = Said([], [], [], [])
    for block in content:
        if block.type == "text":
            said.texts.append(text_in(block.text))
        elif block.type in ("thinking", "redacted_thinking"):
            said.thoughts.append(text_in(block.thinking) if block.type == "thinking" else "")
            said.thinking_blocks.append(thinking_block(block))
        elif block.type == "tool_use":
            said.tool_calls.append(tool_call(block, _input(block)))
    return said


def thinking_block(block: Block) -> dict[str, Any]:
    """As the vendor wants it back."""
    if block.type == "redacted_thinking":
        return {"type": "redacted_thinking", "data": text_in(block.data)}
    signature = block.signature if isinstance(block.signature, str) else ""
    return {"type": "thinking", "thinking": text_in(block.thinking), "signature": signature}


def tool_call(block: Block, arguments: str) -> dict[str, Any]:
    """Raises BadAnswer for a call without an id or a name."""
    if not isinstance(block.id, str) or not isinstance(block.name, str) or not block.id or not block.name:
        raise BadAnswer("The upstream calls a tool without an id or a name.")
    return {"id": block.id, "type": "function", "function": {"name": block.name, "arguments": arguments}}


def finish_reason(stated: Any) -> str | None:
    """OpenAI's word; the vendor's own where there is none. Never invented."""
    if not isinstance(stated, str) or not stated:
        return None
    return FINISHED.get(stated, stated[:30])


def refusal_of(message: Message) -> str | None:
    details = message.stop_details if message.stop_reason == "refusal" else None
    explanation = details.get("explanation") if isinstance(details, dict) else None
    return explanation[:2_000] if isinstance(explanation, str) and explanation else None


def usage_of(usage: Any) -> Usage | None:
    """input_tokens of the vendor leave out what was read from and written to the prompt cache; ours hold all of it."""
    if not isinstance(usage, dict):
        return None
    fresh, written = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    if fresh is None and written is None:
        return None
    read, made = count(usage.get("cache_read_input_tokens")), count(usage.get("cache_creation_input_tokens"))
    return Usage(None if fresh is None else fresh + (read or 0) + (made or 0), written, read, made)


def openai_usage(usage: Any) -> dict[str, Any] | None:
    counted = usage_of(usage)
    if counted is None:
        return None
    details = usage.get("output_tokens_details")
    thought = count(details.get("thinking_tokens")) if isinstance(details, dict) else None
    found: dict[str, Any] = {
        "prompt_tokens": counted.input_tokens or 0,
        "completion_tokens": counted.output_tokens or 0,
        "total_tokens": (counted.input_tokens or 0) + (counted.output_tokens or 0),
        "prompt_tokens_details": {
            "cached_tokens": counted.cached_tokens or 0,
            "cache_creation_tokens": counted.cache_write_tokens or 0,
        },
    }
    return found | ({} if thought is None else {"completion_tokens_details": {"reasoning_tokens": thought}})


def size_of(said: Said) -> int:
    """UTF-8 length of everything generated, for counting where usage is missing."""
    calls = "".join(call["function"]["name"] + call["function"]["arguments"] for call in said.tool_calls)
    return byte_length(said.text + said.reasoning + calls)


def byte_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < _MOST_TOKENS else None


def short(value: Any) -> str:
    return value[:200] if isinstance(value, str) else ""


def text_in(value: Any) -> str:
    """Raises BadAnswer where text is due and something else stands."""
    if not isinstance(value, str):
        raise BadAnswer("A block of the upstream's answer lacks its text.")
    return value


def _input(block: Block) -> str:
    raw = bytes(block.input).decode()
    if not raw.startswith("{"):
        raise BadAnswer("The upstream calls a tool with an input that is no object.")
    return raw
