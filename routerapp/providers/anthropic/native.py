"""A request that came in the Messages dialect, for an upstream that speaks it: the caller's bytes, with the model spliced in. Pure.

Unknown fields and blocks, signatures and marks for caching go upstream as they were sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.engine.chat import Chat
from routerapp.providers.anthropic.settings import settings_of
from routerapp.providers.base import Target

# Stands where a signature would, in thinking that another vendor's model did; Anthropic would refuse it.
UNSIGNED = "unsigned:another-model"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
# What a policy's parameters may name -> the member of the Messages API it becomes.
_MEMBERS = {"max_completion_tokens": "max_tokens", "stop": "stop_sequences", "reasoning_effort": "thinking"}


def native_body(chat: Chat, target: Target, parameters: Mapping[str, Any], version: str) -> bytes:
    """parameters are a policy's, in the OpenAI dialect's names; None removes a member. version: what the request is sent in."""
    replaced: dict[str, bytes | None] = {"model": msgspec.json.encode(target.upstream_model)}
    if "metadata" in chat.fields:
        replaced["metadata"] = _metadata(chat.fields["metadata"])
    if UNSIGNED.encode() in chat.fields["messages"]:
        replaced["messages"] = _without_foreign_thinking(chat.fields["messages"])
    replaced |= _overrides(chat, {**target.options, "api_version": version}, parameters)
    parts = [msgspec.json.encode(name) + b":" + raw for name, raw in chat.fields.items() if name not in replaced]
    parts += [msgspec.json.encode(name) + b":" + raw for name, raw in replaced.items() if raw is not None]
    return b"{" + b",".join(parts) + b"}"


def _overrides(chat: Chat, options: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, bytes | None]:
    if not parameters:
        return {}
    found: dict[str, bytes | None] = {
        _MEMBERS.get(name, name): None for name, value in parameters.items() if value is None and name != "max_tokens"
    }
    wanted = {name: value for name, value in parameters.items() if value is not None}
    if "output_config" in chat.fields:
        wanted.setdefault("output_config", msgspec.json.decode(chat.fields["output_config"]))
    said = settings_of(wanted, options, None)
    if not {"max_tokens", "max_completion_tokens"} & wanted.keys():
        del said["max_tokens"]
    return found | {name: msgspec.json.encode(value) for name, value in said.items()}


def _metadata(raw: bytes) -> bytes:
    """Rules may ask for more than the vendor takes: with anything beside it, only the user's id goes on."""
    members = _members.decode(raw) if raw.lstrip()[:1] == b"{" else {}
    if members.keys() <= {"user_id"}:
        return raw
    kept = members.get("user_id")
    return b"{}" if kept is None else b'{"user_id":' + bytes(kept) + b"}"


def _without_foreign_thinking(raw: bytes) -> bytes:
    messages = msgspec.json.decode(raw)
    for message in messages:
        content = message.get("content")
        if isinstance(content, list):
            message["content"] = [
                block for block in content if not isinstance(block, dict) or block.get("signature") != UNSIGNED
            ]
    return msgspec.json.encode([message for message in messages if message.get("content") != []])
