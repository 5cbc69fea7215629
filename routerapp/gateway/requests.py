"""Turns the bytes of one request into a Chat: limits, shape and types, each refusal naming the member it is about.

Members nobody here looks at stay the bytes that were sent: what the upstream gets is spliced from them, so unknown fields pass unharmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.engine.chat import Chat, RouterExtras
from routerapp.gateway.extras import EXTRA_FIELDS, parse_extras
from routerapp.gateway.json_guard import bad_request, check_readable, decode_any, decode_fields, malformed
from routerapp.store.keys import KEY_START

MAX_MESSAGES = 2_000
MAX_CHOICES = 8
MAX_MODEL_CHARACTERS = 200
MAX_TOOLS = 512

NO_EXTRAS = RouterExtras()
_messages_decoder = msgspec.json.Decoder(list[dict[str, Any]])
_NUMBERS = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}
_integers = ("max_tokens", "max_completion_tokens")
# Read one by one below; where a body holds nothing else there is nothing else to check.
_READ = frozenset({"messages", "tools", "model", "stream", "response_format"})
_PLAIN = frozenset({"messages", "tools", "model", "stream"})


def parse_chat(body: bytes, headers: Mapping[str, str]) -> Chat:
    """Raises Refused 400. headers are the caller's, lower-case, without credentials."""
    fields = decode_fields(body)
    extras = parse_extras(fields) if not EXTRA_FIELDS.isdisjoint(fields) else NO_EXTRAS
    is_streaming = read_flag(fields, "stream")
    limits: list[int | None] = []
    if not fields.keys() <= _PLAIN:
        check_numbers(fields, _NUMBERS)
        limits = [read_whole(fields, name, 1, 10_000_000) for name in _integers]
        read_whole(fields, "n", 1, MAX_CHOICES)
        check_readable(fields, _READ)
    return Chat(
        requested_model=read_model(fields),
        fields={name: bytes(raw) for name, raw in fields.items() if name not in EXTRA_FIELDS},
        messages=_messages(fields),
        tools=_tools(fields),
        is_streaming=is_streaming,
        wants_stream_usage=is_streaming and _wants_usage(fields),
        # Both names go upstream, and which of them counts there is the upstream's to say: only the larger one is a limit.
        max_tokens=max((one for one in limits if one is not None), default=None),
        response_format=_response_format(fields),
        extras=extras,
        headers=headers,
        body_bytes=len(body),
    )


def read_model(fields: Mapping[str, msgspec.Raw]) -> str:
    raw = fields.get("model")
    if raw is None:
        return "auto"
    model = decode_any(raw, "model")
    if not isinstance(model, str) or not 0 < len(model) <= MAX_MODEL_CHARACTERS:
        raise bad_request("invalid_type", f"model must be text of 1 to {MAX_MODEL_CHARACTERS} characters.", "model")
    if KEY_START in model:
        # Swapped by mistake. A model's name is recorded and shown; this must not be, so it is not quoted either.
        raise bad_request("key_as_model", "model holds an API key: send that as `Authorization: Bearer …`.", "model")
    return model


def _messages(fields: Mapping[str, msgspec.Raw]) -> tuple[dict[str, Any], ...]:
    raw = fields.get("messages")
    if raw is None:
        raise bad_request("missing_field", "messages is required.", "messages")
    try:
        messages = _messages_decoder.decode(raw)
    except msgspec.ValidationError:
        raise bad_request("invalid_type", "messages must be a list of objects.", "messages") from None
    except (ValueError, RecursionError) as error:
        raise malformed(error, "messages") from None
    if not 0 < len(messages) <= MAX_MESSAGES:
        raise bad_request("invalid_value", f"messages must hold 1 to {MAX_MESSAGES:,} messages.", "messages")
    if not _are_plain(messages):
        for index, message in enumerate(messages):
            _check_message(index, message)
    return tuple(messages)


def _are_plain(messages: list[dict[str, Any]]) -> bool:
    """Whether each is a role and a text; anything else is looked at one by one."""
    try:
        for message in messages:
            role = message["role"]
            if type(message["content"]) is not str or type(role) is not str or not role:
                return False
    except KeyError:
        return False
    return True


def _check_message(index: int, message: dict[str, Any]) -> None:
    role = message.get("role")
    if not isinstance(role, str) or not role:
        raise bad_request("invalid_type", f"messages[{index}].role must be text.", f"messages[{index}].role")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        place = f"messages[{index}].content"
        raise bad_request("invalid_type", f"{place} must be text or a list of parts.", place)


def _tools(fields: Mapping[str, msgspec.Raw]) -> tuple[dict[str, Any], ...]:
    raw = fields.get("tools")
    if raw is None:
        return ()
    tools = decode_any(raw, "tools")
    if tools is None:
        return ()
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS or not all(isinstance(tool, dict) for tool in tools):
        raise bad_request("invalid_type", f"tools must be a list of at most {MAX_TOOLS} objects.", "tools")
    return tuple(tools)


def read_flag(fields: Mapping[str, msgspec.Raw], name: str) -> bool:
    raw = fields.get(name)
    if raw is None:
        return False
    value = decode_any(raw, name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise bad_request("invalid_type", f"{name} must be true or false.", name)


def read_whole(fields: Mapping[str, msgspec.Raw], name: str, low: int, high: int) -> int | None:
    raw = fields.get(name)
    if raw is None:
        return None
    value = decode_any(raw, name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise bad_request("invalid_type", f"{name} must be a whole number.", name)
    if not low <= value <= high:
        raise bad_request("invalid_value", f"{name} must be from {low} to {high:,}.", name)
    return value


def check_numbers(fields: Mapping[str, msgspec.Raw], ranges: Mapping[str, tuple[int, int]]) -> None:
    for name, (low, high) in ranges.items():
        if name not in fields:
            continue
        value = decode_any(fields[name], name)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise bad_request("invalid_type", f"{name} must be a number.", name)
        if not low <= value <= high:
            raise bad_request("invalid_value", f"{name} must be from {low} to {high}.", name)


def _wants_usage(fields: Mapping[str, msgspec.Raw]) -> bool:
    raw = fields.get("stream_options")
    options = decode_any(raw, "stream_options") if raw is not None else None
    if options is None:
        return False
    if not isinstance(options, dict):
        raise bad_request("invalid_type", "stream_options must be an object.", "stream_options")
    return options.get("include_usage") is True


def _response_format(fields: Mapping[str, msgspec.Raw]) -> str | None:
    raw = fields.get("response_format")
    form = decode_any(raw, "response_format") if raw is not None else None
    if form is None:
        return None
    if not isinstance(form, dict) or not isinstance(form.get("type"), str):
        raise bad_request("invalid_type", "response_format must be an object with a type.", "response_format")
    return str(form["type"])
