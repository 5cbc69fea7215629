"""Callers of the management API: one key a role, one that may only chat, and nobody."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from routerapp.models import APIKey, User
from tests.factories import a_key, a_user

SCOPE_OF_ROLE = {"viewer": "read", "editor": "edit", "publisher": "publish", "admin": "admin"}
NOBODY, CHAT_ONLY = "nobody", "chat-only"


class Caller:
    """Sends JSON with one key; `answer.json()` is what came back."""

    def __init__(self, key: APIKey | None) -> None:
        self.key = key
        self._client = Client(raise_request_exception=False)

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.key is not None:
            headers.setdefault("authorization", f"Bearer {self.key.full_key}")
        data = body if isinstance(body, bytes | str) else b"" if body is None else json.dumps(body)
        kind = headers.pop("content_type", "application/json")
        return self._client.generic(method, f"/api/{path}", data, content_type=kind, headers=headers)


def maker() -> User:
    return User.objects.filter(username="maker").first() or a_user(username="maker")


def calls_as(role: str) -> Caller:
    """The maker is an admin, so a key reaches exactly as far as its scope."""
    if role == NOBODY:
        return Caller(None)
    scopes = ["chat"] if role == CHAT_ONLY else ["chat", SCOPE_OF_ROLE[role]]
    return Caller(a_key(scopes=scopes, created_by=maker()))


def error_of(answer: Any) -> dict[str, Any]:
    """The error object, after checking that it has the one shape."""
    body = answer.json()
    assert set(body) == {"error"}, body
    assert {"code", "message", "details"} <= set(body["error"])
    assert all(set(one) == {"path", "code", "message"} for one in body["error"]["details"])
    assert body["error"]["message"]
    error: dict[str, Any] = body["error"]
    return error


def codes_of(answer: Any) -> dict[str, str]:
    """path -> code of every detail."""
    return {one["path"]: one["code"] for one in error_of(answer)["details"]}
