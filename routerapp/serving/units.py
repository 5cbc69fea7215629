"""The unit of a request: what stays with one user or conversation, so that sticky choices and experiment arms hold. Always a keyed hash.

Order of DESIGN §3: router.sticky_key, session metadata, user, else a fingerprint of key, system and first user message.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from routerapp.engine.chat import Chat
from routerapp.engine.content import Content
from routerapp.engine.types import CallerFacts
from routerapp.store.secrets import keyed_hash, pepper

SESSION_NAMES = ("session_id", "session", "conversation_id", "thread_id")
FINGERPRINT_CHARACTERS = 4_096


class Units(msgspec.Struct, frozen=True, gc=False):
    """kind: sticky_key, session, user, fingerprint or per_request. The rest are keyed hashes or None."""

    unit: str | None
    kind: str
    user: str | None
    tenant: str | None
    prompt: str | None


def find_units(chat: Chat, content: Content, caller: CallerFacts) -> Units:
    extras = chat.extras
    user = hash_user(extras.user) if extras.user else None
    unit, kind = _unit(chat, content, caller, user)
    owner = caller.team or caller.slug
    return Units(
        unit=unit,
        kind=kind,
        user=user,
        tenant=_tenant(owner, pepper()) if owner else None,
        prompt=_hash("prompt", content.text[:FINGERPRINT_CHARACTERS]) if content.text else None,
    )


def hash_user(user: str) -> str:
    """What is recorded of the caller's `user`: the same person gives the same hash in this installation only."""
    return keyed_hash("user", user)


def _unit(chat: Chat, content: Content, caller: CallerFacts, user: str | None) -> tuple[str | None, str]:
    extras = chat.extras
    if extras.sticky_key:
        return _hash(caller.slug, "sticky", extras.sticky_key), "sticky_key"
    for name in SESSION_NAMES:
        if session := extras.metadata.get(name):
            return _hash(caller.slug, "session", session), "session"
    if user is not None:
        return _hash(caller.slug, "user", user), "user"
    first = _first_user_text(chat.messages)
    if first:
        return _hash(caller.slug, content.system[:FINGERPRINT_CHARACTERS], first), "fingerprint"
    return None, "per_request"


@lru_cache(maxsize=10_000)
def _tenant(owner: str, _pepper: bytes) -> str:
    """Teams and keys are few, and asked for in every request."""
    return _hash("tenant", owner)


def _hash(*parts: str) -> str:
    return keyed_hash("unit", "\0".join(parts))


def _first_user_text(messages: tuple[Mapping[str, Any], ...]) -> str:
    for message in messages:
        if message.get("role") != "user":
            continue
        content = message.get("content")
        if isinstance(content, list):
            content = "\n".join(
                part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
            )
        return content[:FINGERPRINT_CHARACTERS] if isinstance(content, str) else ""
    return ""
