"""Who calls: reads the API key, checks form, checksum, hash and expiry against the snapshot. Never touches the database itself.

A well-formed key the snapshot does not know makes the worker look for a newer configuration once before it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.types import CallerFacts
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused
from routerapp.store.keys import ParsedKey, is_held_by, parse_key

CHAT = "chat"
# Keys that manage may read every decision; others see the ones they caused.
READS_ALL_DECISIONS = frozenset({"read", "edit", "publish", "admin"})


async def authenticate(runtime: Runtime, headers: Mapping[str, str]) -> CallerFacts:
    """Who holds the key; raises Refused 401, or 503 for an unknown key while nobody can say whether it is a new one."""
    parsed = parse_key(_presented(headers))
    if parsed is None:
        raise _unauthorized("The API key is mistyped, or not one of this Signalbox's.")
    caller = _find(runtime, parsed)
    if caller is None:
        await runtime.look_again()
        caller = _find(runtime, parsed)
    if caller is None:
        raise _unauthorized("The API key is unknown or has been revoked.")
    return caller


def require_scope(caller: CallerFacts, scope: str) -> None:
    if scope not in caller.scopes:
        raise Refused(403, "scope_missing", f"This API key does not have the scope {scope!r}.")


def may_read(caller: CallerFacts, key: str) -> bool:
    """Whether the caller may see what the key of this slug did."""
    return caller.slug == key or not READS_ALL_DECISIONS.isdisjoint(caller.scopes)


def _presented(headers: Mapping[str, str]) -> str:
    authorization = headers.get("authorization")
    if authorization is not None:
        kind, _, key = authorization.partition(" ")
        if kind.lower() != "bearer":
            raise _unauthorized("Send the API key as `Authorization: Bearer …`.")
        return key.strip()
    key = headers.get("x-api-key", "").strip()
    if not key:
        raise _unauthorized("An API key is required: send `Authorization: Bearer …` or `x-api-key`.", "missing_api_key")
    return key


def _find(runtime: Runtime, parsed: ParsedKey) -> CallerFacts | None:
    entry = runtime.snapshot.keys.get(parsed.prefix)
    if entry is None or not is_held_by(parsed, entry.key_hash):
        return None
    if entry.expires_at_ms is not None and entry.expires_at_ms <= runtime.clock.now_ms():
        raise _unauthorized("The API key has expired.")
    return entry.caller


def _unauthorized(message: str, code: str = "invalid_api_key") -> Refused:
    refused = Refused(401, code, message)
    refused.headers["www-authenticate"] = "Bearer"
    return refused
