"""The Messages API of Anthropic, and of the vendors that copy it. Pure: bytes in, bytes out.

A chat that came in this dialect goes upstream and comes back as it is; any other is translated through the OpenAI shape.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from routerapp.engine.chat import Chat, Impossible
from routerapp.providers.anthropic.answer import failure_of, openai_body, read_message, to_reply
from routerapp.providers.anthropic.events import NativeEvents, TranslatedEvents
from routerapp.providers.anthropic.native import native_body
from routerapp.providers.anthropic.settings import VERSIONS, impossible_settings, settings_of, version_of
from routerapp.providers.anthropic.tools import impossible_tools, tools_of
from routerapp.providers.anthropic.turns import impossible_messages, to_turns
from routerapp.providers.base import EventReader, Reply, Target, UpstreamRequest

DIALECT = "anthropic"
_NOT_OVERRIDABLE = frozenset({"model", "messages", "stream", "tools"})
_DECODED_ELSEWHERE = frozenset({"messages", "tools"})


class AnthropicAdapter:
    """now_seconds: when an answer says it was made; the vendor does not tell."""

    kind = "anthropic"
    native = frozenset({DIALECT})

    def __init__(self, now_seconds: Callable[[], float] = time.time) -> None:
        self._now_seconds = now_seconds

    def impossible(self, chat: Chat, target: Target) -> tuple[Impossible, ...]:
        if chat.endpoint != "chat":
            return (Impossible("endpoint", f"Anthropic serves no {chat.endpoint}.", False),)
        if chat.dialect == DIALECT:
            return ()
        fields = _decoded(chat)
        return (
            *impossible_settings(fields, target.options),
            *impossible_tools(chat.tools, fields),
            *impossible_messages(chat.messages),
        )

    def build_request(self, chat: Chat, target: Target, parameters: Mapping[str, Any]) -> UpstreamRequest:
        return UpstreamRequest(
            method="POST",
            url=messages_url(target.base_url),
            headers=_headers(chat, target),
            body=native_body(chat, target, parameters, _version(chat, target))
            if chat.dialect == DIALECT
            else translated_body(chat, target, parameters),
            is_streaming=chat.is_streaming,
            target=target,
        )

    def read_reply(self, chat: Chat, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
        if not 200 <= status < 300:
            raise failure_of(status, headers, body)
        message = read_message(status, body)
        if chat.dialect == DIALECT:
            return to_reply(message, body)
        return to_reply(message, openai_body(message, int(self._now_seconds())))

    def open_events(self, chat: Chat) -> EventReader:
        return NativeEvents() if chat.dialect == DIALECT else TranslatedEvents(int(self._now_seconds()))


def messages_url(base_url: str) -> str:
    """Addresses are given with and without the version at their end; official clients take the latter."""
    base_url = base_url.rstrip("/")
    return base_url + ("/messages" if base_url.endswith("/v1") else "/v1/messages")


def translated_body(chat: Chat, target: Target, parameters: Mapping[str, Any]) -> bytes:
    """A chat in the OpenAI shape as a Messages request. parameters replace fields; None removes one."""
    fields = _decoded(chat)
    for name, value in parameters.items():
        if name not in _NOT_OVERRIDABLE:
            fields[name] = value
    system, turns = to_turns(chat.messages)
    document: dict[str, Any] = {"model": target.upstream_model, "messages": turns}
    if system:
        document["system"] = system[0]["text"] if len(system) == 1 and len(system[0]) == 2 else system
    document |= settings_of(fields, target.options, target.max_output_tokens) | tools_of(chat.tools, fields)
    user_id = chat.extras.metadata.get("user_id")
    if user_id:
        document["metadata"] = {"user_id": user_id}
    if chat.is_streaming:
        document["stream"] = True
    return msgspec.json.encode(document)


def _headers(chat: Chat, target: Target) -> dict[str, str]:
    headers = {
        "content-type": "application/json",
        "accept": "text/event-stream" if chat.is_streaming else "application/json",
        "anthropic-version": _version(chat, target),
    }
    if target.credential:
        headers["x-api-key"] = target.credential
    beta = chat.headers.get("anthropic-beta", "")
    # What a caller may switch on is the vendor's business; what a header may look like is ours.
    if beta and beta.isascii() and beta.isprintable():
        headers["anthropic-beta"] = beta
    return headers


def _version(chat: Chat, target: Target) -> str:
    """A caller of this dialect has chosen one itself."""
    wanted = chat.headers.get("anthropic-version", "") if chat.dialect == DIALECT else ""
    return wanted if wanted in VERSIONS else version_of(target.options)


def _decoded(chat: Chat) -> dict[str, Any]:
    return {
        name: msgspec.json.decode(raw) for name, raw in chat.shared_fields.items() if name not in _DECODED_ELSEWHERE
    }
