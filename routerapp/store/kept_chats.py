"""Kept content read back as a chat, for whoever asks something of its text that was not asked when it came."""

from __future__ import annotations

from typing import Any

import msgspec

from routerapp.engine.chat import Chat


class _Marks(msgspec.Struct, frozen=True):
    """What was done to the content when it was kept (serving/kept_content.py)."""

    redacted: int = 0
    is_cut: bool = False


class _Kept(msgspec.Struct):
    messages: list[dict[str, Any]] = []
    tools: Any = None
    response_format: Any = None
    signalbox: _Marks = _Marks()


_decode = msgspec.json.Decoder(_Kept).decode


def whole_chat(body: bytes) -> Chat | None:
    """None when it is no chat (an old format, or damaged), or not all of it was kept: an answer may hang on the very words taken out."""
    try:
        kept = _decode(body)
    except msgspec.DecodeError:
        return None
    if kept.signalbox.redacted or kept.signalbox.is_cut:
        return None
    form = kept.response_format.get("type") if isinstance(kept.response_format, dict) else None
    return Chat(
        requested_model="",
        fields={},
        messages=tuple(kept.messages),
        tools=tuple(kept.tools) if isinstance(kept.tools, list) else (),
        response_format=form if isinstance(form, str) else None,
    )
