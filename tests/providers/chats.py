"""Chats and targets for provider tests, spelled as a caller would send them."""

from __future__ import annotations

import json
from typing import Any

from routerapp.engine.chat import Chat
from routerapp.providers.base import Target


def make_chat(prompt: str = "Say hello.", **fields: Any) -> Chat:
    """Every keyword is a top-level field of the body; stream=True makes it a streamed one."""
    messages = fields.pop("messages", [{"role": "user", "content": prompt}])
    document = {"model": "auto", "messages": messages, **fields}
    raw = {name: json.dumps(value, ensure_ascii=False).encode() for name, value in document.items()}
    options = fields.get("stream_options") or {}
    return Chat(
        requested_model="auto",
        fields=raw,
        messages=tuple(messages),
        tools=tuple(fields.get("tools", ())),
        is_streaming=bool(fields.get("stream")),
        wants_stream_usage=bool(options.get("include_usage")),
        max_tokens=fields.get("max_tokens"),
    )


def make_target(deployment: str = "here", *, url: str = "https://api.example.com/v1", **more: Any) -> Target:
    return Target(deployment, more.pop("kind", "openai"), url, more.pop("upstream_model", "real-model"), **more)
