"""Prompts out of recent traffic, where a policy keeps content: as they were kept, redacted; what cannot be asked again is counted and left out."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from routerapp.models import Body, Origin, RoutedRequest, Status

MOST_READ = 20_000
BATCH = 500
ROLES = ("system", "developer", "user", "assistant")
# Of a chat's parameters those that change what a right answer is.
KEPT_OPTIONS = ("response_format", "temperature")


@dataclass(slots=True)
class KeptPrompts:
    """chats: newest first, each conversation once. left_out: why others are not among them -> how many."""

    chats: list[dict[str, Any]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def read_kept_prompts(since_ms: int, most: int) -> KeptPrompts:
    """Of live chats that were answered since then; each {text, messages, options}. Reads at most 20,000 kept bodies."""
    found, seen = KeptPrompts(), set[bytes]()
    for body in _bodies(since_ms):
        chat = _askable(body)
        if isinstance(chat, str):
            found.left_out[chat] += 1
            continue
        key = msgspec.json.encode(chat["messages"])
        if key in seen:
            found.left_out["repeated"] += 1
            continue
        seen.add(key)
        found.chats.append(chat)
        if len(found.chats) >= most:
            break
    return found


def has_kept_prompts() -> bool:
    """Whether any content is kept at all."""
    return Body.objects.filter(chat__isnull=False).exists()


def _bodies(since_ms: int) -> Iterator[bytes]:
    """Ids sort by time, and are indexed."""
    rows = Body.objects.filter(at_ms__gte=since_ms, chat__isnull=False).order_by("-request_id")
    ids = list(rows.values_list("request_id", flat=True)[:MOST_READ])
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        live = set(
            RoutedRequest.objects.filter(
                id__in=batch, origin=Origin.LIVE, status=Status.OK, endpoint="chat"
            ).values_list("id", flat=True)
        )
        bodies = dict(Body.objects.filter(request_id__in=live).values_list("request_id", "chat"))
        yield from (bytes(packed) for one in batch if (packed := bodies.get(one)) is not None)


def _askable(packed: bytes) -> dict[str, Any] | str:
    """The chat as it can be sent again, or why it cannot."""
    try:
        document = msgspec.json.decode(zlib.decompress(packed))
    except (zlib.error, msgspec.DecodeError):
        return "unreadable"
    if document.get("signalbox", {}).get("is_cut"):
        return "cut"
    if document.get("tools"):
        return "tools"
    messages = [_message(one) for one in document.get("messages", [])]
    if not messages or any(one is None for one in messages):
        return "no_plain_text"
    plain = [one for one in messages if one is not None]
    if plain[-1]["role"] != "user" or not plain[-1]["content"].strip():
        return "no_question"
    options = {name: document[name] for name in KEPT_OPTIONS if document.get(name) is not None}
    return {"text": plain[-1]["content"], "messages": plain, "options": options}


def _message(message: Any) -> dict[str, str] | None:
    if not isinstance(message, Mapping) or message.get("role") not in ROLES or message.get("tool_calls"):
        return None
    content = message.get("content")
    if isinstance(content, list):
        texts = [part["text"] for part in content if isinstance(part, Mapping) and isinstance(part.get("text"), str)]
        content = "\n".join(texts) if len(texts) == len(content) else None
    # A database's text has no NUL.
    if not isinstance(content, str) or "\0" in content:
        return None
    return {"role": message["role"], "content": content}
