"""Applies a preset's quirks to a chat in the OpenAI shape: what cannot be said, and the fields as they go upstream. Pure.

Fields nobody has to change stay the bytes that were sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import orjson

from routerapp.engine.chat import Chat
from routerapp.providers.base import Impossible
from routerapp.providers.presets import NO_QUIRKS, Quirks

# Without these an answer would be another one than was asked for, not just a little worse.
NEVER_DROPPED = frozenset({"tools", "tool_choice", "response_format", "messages", "modalities", "audio", "input"})
# What the dialect assumes anyway; clients that fill in every field send it.
_ASSUMED: dict[str, tuple[bytes, ...]] = {
    "frequency_penalty": (b"0", b"0.0"),
    "logprobs": (b"false",),
    "modalities": (b'["text"]',),
    "parallel_tool_calls": (b"true",),
    "presence_penalty": (b"0", b"0.0"),
    "service_tier": (b'"auto"', b'"default"'),
    "tool_choice": (b'"auto"', b'"none"'),
    "top_logprobs": (b"0",),
}
_NOTHING = frozenset({b"null", b"[]", b"{}", b'""'})


def impossible_with(chat: Chat, quirks: Quirks) -> tuple[Impossible, ...]:
    """What of the chat a vendor with these quirks cannot take."""
    if quirks is NO_QUIRKS:
        return ()
    if chat.endpoint not in quirks.endpoints:
        return (Impossible("endpoint", f"This vendor serves no {chat.endpoint}.", False),)
    return tuple(
        Impossible(name, reason, name not in NEVER_DROPPED) for name, reason in _refused(chat.shared_fields, quirks)
    )


def fields_for(chat: Chat, quirks: Quirks) -> dict[str, bytes]:
    """The fields as this vendor spells them, without what it cannot take."""
    refused = {name for name, _ in _refused(chat.shared_fields, quirks)} | quirks.drop | quirks.unsupported.keys()
    fields = {name: raw for name, raw in chat.shared_fields.items() if name not in refused}
    for ours, theirs in quirks.rename.items():
        if ours in fields:
            raw = fields.pop(ours)
            fields.setdefault(theirs, raw)
    if "messages" in fields and _must_rewrite(chat, quirks):
        fields["messages"] = orjson.dumps([_respelled(message, quirks) for message in chat.messages])
    return fields


def parameters_for(parameters: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """A policy's overrides as this vendor spells them; null removes a field under both names."""
    spelled: dict[str, Any] = {}
    for name, value in parameters.items():
        theirs = quirks.rename.get(name, name)
        if value is None:
            spelled[name] = None
        if value is None or not (name in quirks.unsupported or name in quirks.drop):
            spelled[theirs] = value
    return spelled


def says_something(name: str, raw: bytes) -> bool:
    """Whether a field asks for anything the dialect does not assume without it."""
    return raw not in _NOTHING and raw not in _ASSUMED.get(name, ())


def _refused(fields: Mapping[str, bytes], quirks: Quirks) -> Iterator[tuple[str, str]]:
    for name, reason in quirks.unsupported.items():
        if name in fields and says_something(name, fields[name]):
            yield name, reason
    yield from _out_of_range(fields, quirks)
    for name, allowed in quirks.choices.items():
        if name in fields and (chosen := _decoded(fields[name])) is not None and chosen not in allowed:
            yield name, f"This vendor takes {', '.join(map(str, allowed))}."
    if quirks.response_formats is not None and "response_format" in fields:
        form = _decoded(fields["response_format"])
        kind = form.get("type") if isinstance(form, dict) else None
        if isinstance(kind, str) and kind not in quirks.response_formats:
            yield "response_format", f"This vendor takes {', '.join(sorted(quirks.response_formats))}."


def _out_of_range(fields: Mapping[str, bytes], quirks: Quirks) -> Iterator[tuple[str, str]]:
    for name, most in quirks.at_most.items():
        value = _number(fields.get(name))
        if value is not None and value > most:
            yield name, f"This vendor takes at most {most:g}."
    for name, (least, most) in quirks.ranges.items():
        value = _number(fields.get(name))
        if value is not None and not least <= value <= most:
            yield name, f"This vendor takes {least:g} to {most:g}."


def _must_rewrite(chat: Chat, quirks: Quirks) -> bool:
    if not quirks.roles and not quirks.message_fields:
        return False
    return any(
        message.get("role") in quirks.roles or not quirks.message_fields.isdisjoint(message)
        for message in chat.messages
    )


def _respelled(message: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    kept = {name: value for name, value in message.items() if name not in quirks.message_fields}
    role = kept.get("role")
    return {**kept, "role": quirks.roles.get(role, role)} if isinstance(role, str) else kept


def _number(raw: bytes | None) -> float | None:
    value = _decoded(raw) if raw is not None else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _decoded(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None
