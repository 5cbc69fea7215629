"""One line per HTTP answer, where the operator wants it: who, what, how long. Never a query string, a header of the caller's or a body."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_PATH = 200
# No name or id of ours is this long; the token in an invitation's link is.
LONGEST_SEGMENT = 40
# Under this name a server may offer to take a whole answer at once, past us.
SHORTCUT = "signalbox.wire"
_REQUEST_ID = b"x-router-request-id"
log = logging.getLogger("signalbox.access")


class AccessLog:
    """Around the whole application. An answer that was cut off has the status it began with; one that never began, 499.

    client_of: (peer, X-Forwarded-For) → whose request it is.
    """

    def __init__(self, app: App, client_of: Callable[[str, str], str] = lambda peer, _: peer) -> None:
        self._app = app
        self._client_of = client_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope.pop(SHORTCUT, None)
        answer = _Answer(send)
        try:
            await self._app(scope, receive, answer.send)
        finally:
            answer.write(scope, self._client(scope))

    def _client(self, scope: Scope) -> str | None:
        peer = scope.get("client")
        if not peer:
            return None
        forwarded = [value for name, value in scope.get("headers", ()) if name == b"x-forwarded-for"]
        return self._client_of(peer[0], b",".join(forwarded).decode("latin-1"))


class _Answer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self._began = time.monotonic()
        self._status = 499
        self._bytes = 0
        self._request_id: str | None = None

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            self._request_id = next(
                (value.decode("latin-1") for name, value in message.get("headers", ()) if name.lower() == _REQUEST_ID),
                None,
            )
        elif message["type"] == "http.response.body":
            self._bytes += len(message.get("body", b""))
        await self._send(message)

    def write(self, scope: Scope, client: str | None) -> None:
        path = shown_path(scope["path"])
        log.info(
            "%s %s",
            scope["method"],
            path,
            extra={
                "request_id": self._request_id,
                "method": scope["method"],
                "path": path,
                "status": self._status,
                "duration_ms": round((time.monotonic() - self._began) * 1000, 1),
                "bytes_sent": self._bytes,
                "client": client,
            },
        )


def shown_path(path: str) -> str:
    """Without what may be a secret: a path can hold one (an invitation's token, a key pasted into the wrong place)."""
    return "/".join(part if len(part) <= LONGEST_SEGMENT else "…" for part in path.split("/"))[:MOST_PATH]
