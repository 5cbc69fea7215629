"""Kept content read back as a chat, for whoever asks something of its text that was not asked when it came."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from routerapp.engine.chat import Chat
from routerapp.models import Body

BATCH = 500


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


def whole_chats(request_ids: Sequence[str]) -> dict[str, Chat]:
    """Of these requests, by id: those whose content was kept whole."""
    found = {}
    for start in range(0, len(request_ids), BATCH):
        rows = Body.objects.filter(request_id__in=request_ids[start : start + BATCH], chat__isnull=False)
        for request_id, chat in rows.values_list("request_id", "chat"):
            if chat is not None and (whole := whole_chat(zlib.decompress(chat))) is not None:
                found[request_id] = whole
    return found


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
