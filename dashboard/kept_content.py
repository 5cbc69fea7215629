"""Kept content of one request, as lines for its page. All of it is other people's text: data to be escaped, never markup."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from routerapp.store.requests import load_body

NO_PARAMETERS = frozenset({"messages", "tools", "model", "signalbox"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One message: who speaks, and what. note: what stands beside the text, such as a tool's name."""

    role: str
    text: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class KeptContent:
    """chat, answer: None where it was not kept. redacted: pieces taken out of both; is_cut: more was there than is kept."""

    chat: tuple[Turn, ...] | None
    answer: tuple[Turn, ...] | None
    parameters: tuple[tuple[str, str], ...]
    redacted: int
    is_cut: bool


def load_kept_content(request_id: str) -> KeptContent:
    chat, answer = (_document(raw) for raw in load_body(request_id))
    marks = [one.get("signalbox", {}) for one in (chat, answer) if one is not None]
    return KeptContent(
        chat=None if chat is None else tuple(_turns(chat)),
        answer=None if answer is None else tuple(_answers(answer)),
        parameters=tuple(_parameters(chat or {})),
        redacted=sum(one.get("redacted", 0) for one in marks),
        is_cut=any(one.get("is_cut") for one in marks),
    )


def _document(raw: bytes | None) -> dict[str, Any] | None:
    document = None if raw is None else orjson.loads(raw)
    return document if isinstance(document, dict) else None


def _turns(chat: dict[str, Any]) -> Iterator[Turn]:
    for message in _list(chat.get("messages")):
        role = str(message.get("role", "")) if isinstance(message, dict) else "?"
        yield Turn(role, _text(message.get("content") if isinstance(message, dict) else message))
        for call in _list(message.get("tool_calls")) if isinstance(message, dict) else ():
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                yield Turn(role, _text(function.get("arguments")), f"calls {function.get('name', '')}")


def _answers(answer: dict[str, Any]) -> Iterator[Turn]:
    choices = _list(answer.get("choices"))
    for number, choice in enumerate(choices, start=1):
        role = f"answer {number}" if len(choices) > 1 else "answer"
        calls = _list(choice.get("tool_calls"))
        if choice.get("content") or not calls:
            yield Turn(role, _text(choice.get("content")))
        if choice.get("refusal"):
            yield Turn(role, _text(choice["refusal"]), "refuses")
        for call in calls:
            yield Turn(role, _text(call.get("arguments")), f"calls {call.get('name', '')}")


def _parameters(chat: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in chat.items():
        if name not in NO_PARAMETERS:
            yield name, value if isinstance(value, str) else orjson.dumps(value).decode()
    if tools := _list(chat.get("tools")):
        names = (tool.get("function", {}).get("name", "?") for tool in tools if isinstance(tool, dict))
        yield "tools", ", ".join(map(str, names))


def _text(content: Any) -> str:
    if isinstance(content, str) or content is None:
        return content or ""
    parts = [_part(part) for part in content] if isinstance(content, list) else [orjson.dumps(content).decode()]
    return "\n".join(parts)


def _part(part: Any) -> str:
    if isinstance(part, dict):
        return str(part["text"]) if isinstance(part.get("text"), str) else f"[{part.get('type', 'part')}, left out]"
    return str(part)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
