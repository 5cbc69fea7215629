"""The system prompt and turns of a Messages request as messages in the OpenAI shape. Pure.

What has no place there is noted as lost, so that only an upstream of the same dialect is asked, or the rest with a warning. Marks for
prompt caching and the thoughts of earlier turns are left out without a word: they are of no use to another vendor's model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from routerapp.engine.chat import Impossible

Block = Mapping[str, Any]
Part = dict[str, Any]
Message = dict[str, Any]

_THOUGHTS = frozenset({"thinking", "redacted_thinking"})
_REFERENCE = "This is kept at Anthropic; another vendor cannot read it."


def to_conversation(
    system: str | Sequence[Block], messages: Sequence[Message], lost: list[Impossible]
) -> list[Message]:
    """The checked members of the request; lost grows by what could not be said."""
    found: list[Message] = []
    if words := _system_text(system):
        found.append({"role": "system", "content": words})
    for index, message in enumerate(messages):
        role, content = message["role"], message["content"]
        place = f"messages[{index}].content"
        if role == "system":
            found.append({"role": "system", "content": _system_text(content)})
        elif isinstance(content, str):
            found.append({"role": role, "content": content})
        elif role == "assistant":
            found.append(_assistant(content, place, lost))
        else:
            found.extend(_user(content, place, lost))
    return found


def _system_text(content: str | Sequence[Block]) -> str:
    if isinstance(content, str):
        return content
    return "\n\n".join(block["text"] for block in content if block["type"] == "text" and block["text"])


def _assistant(content: Sequence[Block], place: str, lost: list[Impossible]) -> Message:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for number, block in enumerate(content):
        if block["type"] == "text":
            texts.append(block["text"])
        elif block["type"] == "tool_use":
            calls.append(_tool_call(block))
        elif block["type"] not in _THOUGHTS:
            lost.append(_unknown(block, f"{place}[{number}]"))
    return {"role": "assistant", "content": "".join(texts) or None} | ({"tool_calls": calls} if calls else {})


def _tool_call(block: Block) -> dict[str, Any]:
    arguments = msgspec.json.encode(block.get("input") or {}).decode()
    function = {"name": str(block.get("name", "")), "arguments": arguments}
    return {"id": str(block.get("id", "")), "type": "function", "function": function}


def _user(content: Sequence[Block], place: str, lost: list[Impossible]) -> Iterable[Message]:
    """Results of tools become messages of their own, before what the user says beside them; so do images in results."""
    results: list[Message] = []
    parts: list[Part] = []
    said: list[Part] = []
    for number, block in enumerate(content):
        where = f"{place}[{number}]"
        if block["type"] == "tool_result":
            results.append(_tool_result(block, where, parts, lost))
        else:
            said.extend(_parts(block, where, lost))
    parts += said
    if parts or not results:
        results.append({"role": "user", "content": _plainest(parts)})
    return results


def _tool_result(block: Block, place: str, beside: list[Part], lost: list[Impossible]) -> Message:
    content = block.get("content")
    texts: list[str] = []
    if isinstance(content, str):
        texts.append(content)
    for number, inner in enumerate(content if isinstance(content, list) else ()):
        if not isinstance(inner, dict):
            continue
        for part in _parts(inner, f"{place}.content[{number}]", lost):
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                beside.append(part)
    words = "\n".join(texts)
    if block.get("is_error") is True:
        words = f"Error: {words}"
    return {"role": "tool", "tool_call_id": str(block.get("tool_use_id", "")), "content": words}


def _plainest(parts: list[Part]) -> str | list[Part]:
    """One text stands alone: not every server knows lists of parts."""
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts


def _parts(block: Block, place: str, lost: list[Impossible]) -> list[Part]:
    kind = block.get("type")
    source = block.get("source")
    if kind == "text" and isinstance(block.get("text"), str):
        return [_text(block["text"])]
    if kind == "image" and isinstance(source, dict):
        return _image(source, place, lost)
    if kind == "document" and isinstance(source, dict):
        return _document(block, source, place, lost)
    if kind == "search_result":
        return _search_result(block)
    lost.append(_unknown(block, place))
    return []


def _image(source: Block, place: str, lost: list[Impossible]) -> list[Part]:
    if source.get("type") == "base64":
        url = f"data:{source.get('media_type', '')};base64,{source.get('data', '')}"
        return [{"type": "image_url", "image_url": {"url": url}}]
    if source.get("type") == "url":
        return [{"type": "image_url", "image_url": {"url": str(source.get("url", ""))}}]
    lost.append(Impossible(place, _REFERENCE, False))
    return []


def _document(block: Block, source: Block, place: str, lost: list[Impossible]) -> list[Part]:
    title = block.get("title")
    title = title if isinstance(title, str) and title else ""
    kind = source.get("type")
    if kind == "base64":
        data = f"data:{source.get('media_type', 'application/pdf')};base64,{source.get('data', '')}"
        return [{"type": "file", "file": {"filename": title or "document.pdf", "file_data": data}}]
    if kind == "text":
        return [_text(f"{title}\n\n{source.get('data', '')}" if title else str(source.get("data", "")))]
    if kind == "content":
        content = source.get("content")
        if isinstance(content, str):
            return [_text(content)]
        inner = [one for one in content if isinstance(one, dict)] if isinstance(content, list) else []
        return [part for one in inner for part in _parts(one, place, lost)]
    reason = "An address of a document cannot be passed on; send its bytes." if kind == "url" else _REFERENCE
    lost.append(Impossible(place, reason, False))
    return []


def _search_result(block: Block) -> list[Part]:
    content = block.get("content")
    texts = [str(one.get("text", "")) for one in content if isinstance(one, dict)] if isinstance(content, list) else []
    head = [str(block[name]) for name in ("title", "source") if isinstance(block.get(name), str)]
    return [_text("\n".join([*head, *texts]))]


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _unknown(block: Block, place: str) -> Impossible:
    return Impossible(place, f"Only Anthropic knows content of type {str(block.get('type'))[:40]!r}.", False)
