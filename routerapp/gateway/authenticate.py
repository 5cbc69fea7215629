"""Who calls: reads the API key, checks form, checksum, hash and expiry against the snapshot. Never touches the database itself.

A well-formed key the snapshot does not know makes the worker look for a newer configuration once before it is refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from hashlib import blake2b

from routerapp.engine.types import CallerFacts
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused
from routerapp.store.keys import ParsedKey, is_held_by, parse_key
from routerapp.store.snapshot import KeyEntry

CHAT = "chat"
MOST_KNOWN_KEYS = 10_000
_DIGEST_KEY = secrets.token_bytes(32)
# Keys that manage may read every decision; others see the ones they caused.
READS_ALL_DECISIONS = frozenset({"read", "edit", "publish", "admin"})


async def authenticate(runtime: Runtime, headers: Mapping[str, str]) -> CallerFacts:
    """Who holds the key; raises Refused 401, or 503 for an unknown key while nobody can say whether it is a new one."""
    presented = _presented(headers)
    # Only a digest stays in memory, and only until the next configuration.
    digest = blake2b(presented.encode("utf-8", "surrogateescape"), digest_size=16, key=_DIGEST_KEY).digest()
    entry = runtime.known_keys.get(digest)
    if entry is not None:
        return _caller_of(runtime, entry)
    parsed = parse_key(presented)
    if parsed is None:
        raise _unauthorized("The API key is mistyped, or not one of this Signalbox's.")
    entry = _find(runtime, parsed)
    if entry is None:
        await runtime.look_again()
        entry = _find(runtime, parsed)
    if entry is None:
        raise _unauthorized("The API key is unknown or has been revoked.")
    if len(runtime.known_keys) < MOST_KNOWN_KEYS:
        runtime.known_keys[digest] = entry
    return _caller_of(runtime, entry)


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


def _find(runtime: Runtime, parsed: ParsedKey) -> KeyEntry | None:
    entry = runtime.snapshot.keys.get(parsed.prefix)
    return entry if entry is not None and is_held_by(parsed, entry.key_hash) else None


def _caller_of(runtime: Runtime, entry: KeyEntry) -> CallerFacts:
    if entry.expires_at_ms is not None and entry.expires_at_ms <= runtime.clock.now_ms():
        raise _unauthorized("The API key has expired.")
    return entry.caller


def _unauthorized(message: str, code: str = "invalid_api_key") -> Refused:
    refused = Refused(401, code, message)
    refused.headers["www-authenticate"] = "Bearer"
    return refused
