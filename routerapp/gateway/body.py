"""Reads the head and the body of one HTTP request within limits: bytes are counted as they come, whatever the length header claims."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from routerapp.providers.alarms import within
from routerapp.serving.served import Refused

MAX_BODY_BYTES = 10 * 1024 * 1024
MAX_HEADER_BYTES = 32 * 1024
BODY_SECONDS = 60
NOT_FOR_RULES = frozenset({"authorization", "x-api-key", "cookie", "proxy-authorization"})

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ClientGone(Exception):
    """The caller closed the connection; there is nobody to answer."""


def read_headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Lower-case names; a repeated header's values are joined by a comma. Raises Refused 431."""
    headers: dict[str, str] = {}
    size = 0
    for name, value in raw:
        size += len(name) + len(value) + 4
        word = name.decode("latin-1")
        headers[word] = f"{headers[word]}, {value.decode('latin-1')}" if word in headers else value.decode("latin-1")
    if size > MAX_HEADER_BYTES:
        raise Refused(431, "headers_too_large", f"The headers are larger than {MAX_HEADER_BYTES // 1024} KB.")
    return headers


async def read_body_in_time(headers: dict[str, str], receive: Receive) -> bytes:
    """As read_body; raises Refused 408 when the caller does not send it all in time."""
    try:
        return await within(BODY_SECONDS, read_body(headers, receive))
    except TimeoutError:
        raise Refused(408, "body_too_slow", f"The body did not arrive within {BODY_SECONDS} seconds.") from None


def whole_body(headers: dict[str, str], body: bytes) -> bytes:
    """The body, where all of it has arrived already; raises Refused 413 or 415."""
    _check_declared(headers)
    if len(body) > MAX_BODY_BYTES:
        raise _too_large()
    return body


async def read_body(headers: dict[str, str], receive: Receive) -> bytes:
    """The whole body; raises Refused 413 or 415, or ClientGone."""
    _check_declared(headers)
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > MAX_BODY_BYTES:
            raise _too_large()
        parts.append(part)
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


def _check_declared(headers: dict[str, str]) -> None:
    if headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "encoding_refused", "Compressed bodies are not accepted. Send the JSON as it is.")
    declared = headers.get("content-length", "0")
    if declared.isdecimal() and int(declared[:20]) > MAX_BODY_BYTES:
        raise _too_large()


def _too_large() -> Refused:
    return Refused(413, "body_too_large", f"The body is larger than {MAX_BODY_BYTES // 1024 // 1024} MB.")
