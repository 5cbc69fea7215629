"""What is kept of a chat and of its answer where the policy keeps content: redacted, bounded, in the OpenAI shape (docs/recorded-formats.md).

Never kept: credentials, headers, the caller's own `user` and metadata, images, sound and files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from routerapp.engine.canonical import canonical_bytes
from routerapp.engine.chat import Chat
from routerapp.engine.redact import Redactor

# How a kept document says what was done to it.
MARKS = "signalbox"
_FIELD_BYTES = 64 * 1024
_NOT_PARAMETERS = frozenset({"messages", "tools", "model", "user", "metadata", "stream_options"})
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})


def kept_chat(chat: Chat) -> bytes:
    """Messages, tools and parameters as canonical JSON."""
    redactor = Redactor()
    # The newest messages are what a prompt is about, so they come first to the allowance; the order stays.
    messages = [_message(message, redactor) for message in reversed(chat.messages)][::-1]
    document: dict[str, Any] = {"model": redactor.text(chat.requested_model), "messages": messages}
    if chat.tools:
        document["tools"] = redactor.value(list(chat.tools))
    for name, raw in chat.shared_fields.items():
        if name not in _NOT_PARAMETERS:
            document[redactor.text(name)] = _parameter(raw, redactor)
    return _marked(document, redactor)


def kept_answer(choices: list[dict[str, Any]], is_cut: bool) -> bytes:
    """choices: content, tool_calls and finish_reason of each, as AnswerText has read them."""
    redactor = Redactor()
    document = {"choices": [redactor.value(choice) for choice in choices]}
    redactor.is_cut = redactor.is_cut or is_cut
    return _marked(document, redactor)


def _marked(document: dict[str, Any], redactor: Redactor) -> bytes:
    return canonical_bytes({**document, MARKS: {"redacted": redactor.found, "is_cut": redactor.is_cut}})


def _message(message: Mapping[str, Any], redactor: Redactor) -> dict[str, Any]:
    kept = {str(name): redactor.value(value) for name, value in message.items() if name != "content"}
    content = message.get("content")
    if isinstance(content, list):
        kept["content"] = [_part(part, redactor) for part in content]
    else:
        kept["content"] = redactor.value(content)
    return kept


def _part(part: Any, redactor: Redactor) -> Any:
    """Of a part that is no text only what kind it is: nothing here looks into images."""
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind in _TEXT_PARTS:
        return redactor.value(part)
    return {"type": redactor.text(str(kind))[:40], "is_left_out": True}


def _parameter(raw: bytes, redactor: Redactor) -> Any:
    if len(raw) > _FIELD_BYTES:
        redactor.is_cut = True
        return None
    try:
        return redactor.value(msgspec.json.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        return None
