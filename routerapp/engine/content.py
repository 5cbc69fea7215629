"""The text of a chat, three ways. Never recorded by the engine; rules see it only through observations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from routerapp.engine.chat import Chat


class Content(msgspec.Struct, frozen=True, gc=False):
    """text: last user message; conversation: all text sent upstream, tool arguments and results included; system: system and developer messages."""

    text: str
    conversation: str
    system: str
    has_images: bool
    turns: int


def read_content(chat: Chat) -> Content:
    """Walk the messages once. Unknown part kinds contribute no text and raise nothing."""
    last_user = ""
    system: list[str] = []
    everything: list[str] = []
    has_images = False
    turns = 0
    for message in chat.messages:
        words = message.get("content")
        if type(words) is not str:
            words, saw_image = _text_of(words)
            has_images = has_images or saw_image
        everything.append(words)
        role = message.get("role")
        if role == "user":
            last_user = words
            turns += 1
        elif role in ("system", "developer"):
            system.append(words)
        if "tool_calls" in message:
            everything.extend(_tool_arguments(message["tool_calls"]))
    return Content(last_user, "\n".join(everything), "\n".join(system), has_images, max(turns, 1))


def _text_of(content: Any) -> tuple[str, bool]:
    if isinstance(content, str):
        return content, False
    if not isinstance(content, list):
        return "", False
    words: list[str] = []
    has_images = False
    for part in content:
        if not isinstance(part, dict):
            continue
        if isinstance(part.get("text"), str):
            words.append(part["text"])
        has_images = has_images or part.get("type") in ("image_url", "input_image", "image")
    return "\n".join(words), has_images


def _tool_arguments(calls: Any) -> Iterator[str]:
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("arguments"), str):
            yield function["arguments"]
