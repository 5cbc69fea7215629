"""A chat completion, complete with usage and cost, as a Message. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.providers.anthropic.native import UNSIGNED
from routerapp.providers.anthropic.turns import INVALID_JSON

STOPPED = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_NULL = msgspec.Raw(b"null")


class Usage(msgspec.Struct, gc=False):
    """cost keeps its digits."""

    prompt_tokens: Any = None
    completion_tokens: Any = None
    prompt_tokens_details: Any = None
    cost: msgspec.Raw = _NULL
    is_estimated: Any = None


class Words(msgspec.Struct, gc=False):
    """A message, or the delta of a chunk."""

    content: Any = None
    refusal: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None


class Choice(msgspec.Struct, gc=False):
    index: Any = 0
    message: Words | None = None
    delta: Words | None = None
    finish_reason: str | None = None


class Completion(msgspec.Struct, gc=False):
    """A whole chat completion or one chunk of it."""

    id: Any = None
    model: Any = None
    choices: list[Choice] | None = None
    usage: msgspec.Raw = _NULL
    error: Any = None
    router_metadata: msgspec.Raw = _NULL


_decode_usage = msgspec.json.Decoder(Usage).decode
decode_completion = msgspec.json.Decoder(Completion).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def to_message(body: bytes, request_id: str, *, has_thinking: bool) -> bytes:
    """has_thinking: the caller takes blocks of thinking. What an upstream of another kind put beside choice 0 is left out."""
    completion = decode_completion(body)
    choice = next((one for one in completion.choices or () if one.index in (0, None)), Choice())
    words = choice.message or Words()
    content: list[dict[str, Any]] = []
    if has_thinking and (thoughts := text_of(words.reasoning_content or words.reasoning)):
        content.append({"type": "thinking", "thinking": thoughts, "signature": UNSIGNED})
    if text := text_of(words.content) or text_of(words.refusal):
        content.append({"type": "text", "text": text})
    content += [
        _tool_use(call, made_up_id(request_id, place))
        for place, call in enumerate(listed(words.tool_calls), len(content))
    ]
    document = {
        **frame(completion, request_id),
        "content": content,
        "stop_reason": stop_reason(choice.finish_reason, has_refused=bool(words.refusal)),
        "stop_sequence": None,
        "usage": to_usage(usage_of(completion)),
    }
    if bytes(completion.router_metadata) != b"null":
        document["router_metadata"] = completion.router_metadata
    return msgspec.json.encode(document)


def frame(completion: Completion, request_id: str) -> dict[str, Any]:
    """What a Message says before its content."""
    own = completion.id if isinstance(completion.id, str) and completion.id else f"msg_{request_id}"
    model = completion.model if isinstance(completion.model, str) else ""
    return {"id": own, "type": "message", "role": "assistant", "model": model}


def usage_of(completion: Completion) -> Usage | None:
    """Upstreams send numbers of all sorts under this name; what is no object says nothing."""
    raw = bytes(completion.usage)
    return _decode_usage(raw) if raw.startswith(b"{") else None


def to_usage(usage: Usage | None) -> dict[str, Any]:
    """input_tokens leave out what was read from and written to a prompt cache, as in the vendor's own."""
    usage = usage or Usage()
    details = usage.prompt_tokens_details
    details = details if isinstance(details, dict) else {}
    sent = whole(usage.prompt_tokens)
    cached = min(whole(details.get("cached_tokens")), sent)
    written = details.get("cache_write_tokens", details.get("cache_creation_tokens"))
    written = min(whole(written), sent - cached)
    found: dict[str, Any] = {
        "input_tokens": sent - cached - written,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": cached,
        "output_tokens": whole(usage.completion_tokens),
        "cost": usage.cost,
    }
    return found | ({"is_estimated": True} if usage.is_estimated is True else {})


def stop_reason(finish_reason: str | None, *, has_refused: bool = False) -> str | None:
    """None where the upstream gave no reason: none is invented."""
    if finish_reason is None:
        return None
    return "refusal" if has_refused else STOPPED.get(finish_reason, "end_turn")


def text_of(value: Any) -> str:
    """Text, or the text of a list of parts."""
    if isinstance(value, str):
        return value
    return "".join(part["text"] for part in listed(value) if isinstance(part.get("text"), str))


def input_of(arguments: str) -> Any:
    """A tool's arguments as an object, byte for byte; what is none is wrapped as the vendor wraps it."""
    if not arguments:
        return {}
    try:
        _members(arguments)
    except (ValueError, RecursionError):
        return {INVALID_JSON: arguments}
    return msgspec.Raw(arguments.encode())


def call_of(call: Mapping[str, Any]) -> tuple[str, str, str]:
    """(id, name, arguments) of a tool call or of one delta of it; empty where it says nothing. Some servers give arguments as an object."""
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    given = function.get("arguments")
    given = msgspec.json.encode(given).decode() if isinstance(given, dict) else given
    found = (call.get("id"), function.get("name"), given)
    call_id, name, arguments = (one if isinstance(one, str) else "" for one in found)
    return call_id, name, arguments


def listed(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def whole(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0


def made_up_id(request_id: str, place: int) -> str:
    """For servers that give their calls none: a result must be able to name its call."""
    return f"toolu_{request_id}_{place}"


def _tool_use(call: Mapping[str, Any], made_up: str) -> dict[str, Any]:
    call_id, name, arguments = call_of(call)
    return {"type": "tool_use", "id": call_id or made_up, "name": name, "input": input_of(arguments)}
