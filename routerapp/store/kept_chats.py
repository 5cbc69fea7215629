"""Kept content read back, for whoever asks something of its text that was not asked when it came."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


class _Choice(msgspec.Struct):
    content: Any = None


class _KeptAnswer(msgspec.Struct):
    choices: list[_Choice] = []
    signalbox: _Marks = _Marks()


@dataclass(frozen=True, slots=True)
class SchemaAnswer:
    """What was to be JSON of a schema. texts: what the choices said, without those that called a tool or declined."""

    schema: Mapping[str, Any]
    texts: tuple[str, ...]


_decode = msgspec.json.Decoder(_Kept).decode
_decode_answer = msgspec.json.Decoder(_KeptAnswer).decode


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


def schema_answers(request_ids: Sequence[str]) -> Iterator[tuple[str, SchemaAnswer]]:
    """Of these requests, by id: those that asked for JSON of a schema, where both sides were kept whole."""
    for start in range(0, len(request_ids), BATCH):
        rows = Body.objects.filter(
            request_id__in=request_ids[start : start + BATCH], chat__isnull=False, answer__isnull=False
        )
        for request_id, chat, answer in rows.values_list("request_id", "chat", "answer"):
            if chat and answer and (found := _schema_answer(zlib.decompress(chat), zlib.decompress(answer))):
                yield request_id, found


def _schema_answer(chat: bytes, answer: bytes) -> SchemaAnswer | None:
    try:
        asked, said = _decode(chat), _decode_answer(answer)
    except msgspec.DecodeError:
        return None
    if any(one.redacted or one.is_cut for one in (asked.signalbox, said.signalbox)):
        return None
    form = asked.response_format
    named = form.get("json_schema") if isinstance(form, dict) and form.get("type") == "json_schema" else None
    schema = named.get("schema") if isinstance(named, dict) else None
    texts = tuple(one.content for one in said.choices if isinstance(one.content, str) and one.content)
    return SchemaAnswer(schema, texts) if isinstance(schema, dict) and texts else None
