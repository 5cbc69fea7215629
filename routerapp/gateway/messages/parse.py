"""Turns the body of a Messages request into a Chat: limits, shape and types, each refusal naming the member it is about.

The members stay the bytes that were sent, for upstreams of the same dialect; beside them stands the OpenAI shape, for features, rules
and every other upstream.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from routerapp.engine.chat import Chat, Impossible, RouterExtras
from routerapp.gateway.extras import EXTRA_FIELDS, parse_extras
from routerapp.gateway.json_guard import bad_request, decode_any, decode_fields, malformed
from routerapp.gateway.messages.conversation import to_conversation
from routerapp.gateway.messages.members import openai_tools, to_openai_fields
from routerapp.gateway.requests import (
    MAX_MESSAGES,
    MAX_TOOLS,
    NO_EXTRAS,
    check_numbers,
    read_flag,
    read_model,
    read_whole,
)
from routerapp.providers.anthropic.adapter import DIALECT
from routerapp.providers.anthropic.settings import VERSIONS

ROLES = ("user", "assistant", "system")
_NUMBERS = {"temperature": (0, 1), "top_p": (0, 1)}
_MOST_TOKENS = 10_000_000
# Rules read it as they read an OpenAI caller's; unlike there it is also a member the vendor takes.
_KEPT = EXTRA_FIELDS - {"metadata"}
_messages_decoder = msgspec.json.Decoder(list[dict[str, Any]])


def parse_messages(body: bytes, headers: Mapping[str, str], *, is_count: bool = False) -> Chat:
    """Raises Refused 400. headers are the caller's, lower-case, without credentials. is_count: nothing is to be generated."""
    _check_version(headers)
    fields = decode_fields(body)
    extras = parse_extras(fields) if not EXTRA_FIELDS.isdisjoint(fields) else NO_EXTRAS
    is_streaming = read_flag(fields, "stream")
    check_numbers(fields, _NUMBERS)
    read_whole(fields, "top_k", 0, _MOST_TOKENS)
    max_tokens = read_whole(fields, "max_tokens", 0, _MOST_TOKENS)
    if max_tokens is None and not is_count:
        raise bad_request("missing_field", "max_tokens is required.", "max_tokens")
    members = {name: decode_any(raw, name) for name, raw in fields.items() if name not in ("messages", *EXTRA_FIELDS)}
    lost: list[Impossible] = []
    messages = to_conversation(_system(members), _messages(fields), lost)
    tools = openai_tools(_tools(members), lost)
    return Chat(
        requested_model=read_model(fields),
        fields={name: bytes(raw) for name, raw in fields.items() if name not in _KEPT},
        messages=tuple(messages),
        tools=tuple(tools),
        is_streaming=is_streaming,
        wants_stream_usage=is_streaming,
        max_tokens=max_tokens,
        response_format="json_schema" if _has_schema(members) else None,
        extras=_with_user(extras),
        headers=headers,
        body_bytes=len(body),
        dialect=DIALECT,
        openai_fields=to_openai_fields(members, messages, tools, lost),
        untranslated=tuple(lost),
    )


def _check_version(headers: Mapping[str, str]) -> None:
    version = headers.get("anthropic-version", VERSIONS[0])
    if version not in VERSIONS:
        raise bad_request(
            "unknown_version",
            f"anthropic-version {version[:40]!r} is not spoken here. Known: {', '.join(VERSIONS)}.",
            "anthropic-version",
        )


def _with_user(extras: RouterExtras) -> RouterExtras:
    """The place the Messages dialect has for the end user."""
    user_id = extras.metadata.get("user_id")
    return replace(extras, user=user_id) if user_id and extras.user is None else extras


def _messages(fields: Mapping[str, msgspec.Raw]) -> list[dict[str, Any]]:
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
    for index, message in enumerate(messages):
        if message.get("role") not in ROLES:
            place = f"messages[{index}].role"
            raise bad_request("invalid_value", f"{place} must be one of: {', '.join(ROLES)}.", place)
        _check_content(message.get("content"), f"messages[{index}].content")
    return messages


def _check_content(content: Any, place: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise bad_request("invalid_type", f"{place} must be text or a list of content blocks.", place)
    for index, block in enumerate(content):
        if not isinstance(block, dict) or not isinstance(block.get("type"), str):
            place = f"{place}[{index}]"
            raise bad_request("invalid_type", f"{place} must be an object with a type.", place)
        if block["type"] == "text" and not isinstance(block.get("text"), str):
            place = f"{place}[{index}].text"
            raise bad_request("invalid_type", f"{place} must be text.", place)


def _system(members: Mapping[str, Any]) -> str | list[dict[str, Any]]:
    system = members.get("system")
    if system is None:
        return ""
    _check_content(system, "system")
    assert isinstance(system, str | list)
    return system


def _tools(members: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = members.get("tools")
    if tools is None:
        return []
    if not isinstance(tools, list) or len(tools) > MAX_TOOLS or not all(isinstance(tool, dict) for tool in tools):
        raise bad_request("invalid_type", f"tools must be a list of at most {MAX_TOOLS} objects.", "tools")
    return tools


def _has_schema(members: Mapping[str, Any]) -> bool:
    output = members.get("output_config")
    return isinstance(output, dict) and isinstance(output.get("format"), dict)
