"""How a connection that callers keep is ended without losing a request: the last answer on it says `connection: close`.

A connection closed while it is idle may meet a request that is on its way; so that is done only after some seconds of silence.
The only place that knows how uvicorn's connections look inside.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from routerapp.logs.access import SHORTCUT

Message = MutableMapping[str, Any]


def is_idle(connection: Any) -> bool:
    return connection.cycle is None or connection.cycle.response_complete


def close_after_this_answer(connection: Any) -> bool:
    """False when there is none to come, or its head is out and could not say so."""
    cycle = connection.cycle
    if is_idle(connection) or cycle.response_started or not cycle.keep_alive:
        return False
    cycle.keep_alive = False
    return True


def close_after_next_answer(connection: Any) -> None:
    close_after_this_answer(connection)
    if not isinstance(connection.app, LastAnswer):
        connection.app = LastAnswer(connection.app)


class LastAnswer:
    """The application, saying on every answer that the connection ends with it."""

    def __init__(self, application: Any) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
        # Whole answers would be written past us.
        scope.pop(SHORTCUT, None)

        async def send_last(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [pair for pair in message.get("headers", ()) if pair[0].lower() != b"connection"]
                message = {**message, "headers": [*headers, (b"connection", b"close")]}
            await send(message)

        await self._application(scope, receive, send_last)
