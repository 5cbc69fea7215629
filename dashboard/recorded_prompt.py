"""A recorded request opened in the playground: its prompt where content was kept, its features in any case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson

from routerapp.engine.types import Features
from routerapp.store.requests import load_body, load_detail


@dataclass(slots=True)
class RecordedPrompt:
    """problem says what is missing, in words."""

    id: str
    is_found: bool = True
    problem: str = ""
    features: Features | None = None
    initial: dict[str, Any] = field(default_factory=dict)


def load_recorded_prompt(request_id: str) -> RecordedPrompt:
    detail = load_detail(request_id)
    if detail is None:
        return RecordedPrompt(request_id, False, "There is no request with this id, or its retention is over.")
    features = (
        detail.decision.features if detail.decision else detail.recorded.inputs.features if detail.recorded else None
    )
    found = RecordedPrompt(request_id, features=features)
    if detail.row.policy:
        found.initial["target"] = f"policy:{detail.row.policy}"
    chat = load_body(request_id)[0] if detail.has_chat else None
    if chat is None:
        found.problem = (
            "Its content was not kept, so only what was seen in the prompt is shown. Paste a prompt to route it."
        )
        return found
    found.initial |= _form_values(chat)
    if not found.initial.get("prompt"):
        found.problem = "Its last message holds no text. Paste a prompt to route it."
    return found


def _form_values(chat: bytes) -> dict[str, Any]:
    """What the form can show of it: system prompt, last user message, parameters. Earlier turns are not taken along."""
    try:
        body = orjson.loads(chat)
    except orjson.JSONDecodeError:
        return {}
    messages = body.get("messages") if isinstance(body, dict) else None
    texts = {"system": "", "user": ""}
    for message in messages if isinstance(messages, list) else ():
        role = "system" if message.get("role") in ("system", "developer") else message.get("role")
        if role in texts and isinstance(message.get("content"), str):
            texts[role] = message["content"]
    values = {"prompt": texts["user"], "system": texts["system"]}
    return values | {name: body[name] for name in ("temperature", "max_tokens") if body.get(name) is not None}
