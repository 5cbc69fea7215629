"""One HTTP call while it is being answered: the ASGI triple, what has been read of it, and what has been written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.types import CallerFacts
from routerapp.gateway.answers import send_bytes
from routerapp.gateway.body import NOT_FOR_RULES, Message, Receive, Scope, Send, read_body_in_time, whole_body
from routerapp.gateway.json_guard import decode_any, decode_fields
from routerapp.gateway.protocol import WIRE, Wire
from routerapp.serving.recording import record_refusal
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused


class Call:
    def __init__(self, runtime: Runtime, scope: Scope, receive: Receive, send: Send) -> None:
        self.runtime = runtime
        self.scope = scope
        self.receive = receive
        self.headers: dict[str, str] = {}
        self.caller: CallerFacts | None = None
        self.has_started = False
        # Set by our own protocol; None under any other server, and where somebody stands between us and it.
        self.wire: Wire | None = scope.get(WIRE)
        self._send = send

    async def send(self, message: Message) -> None:
        self.has_started = True
        await self._send(message)

    async def reply(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """A whole JSON answer."""
        wire = self.wire
        if wire is not None and wire.is_free and self.scope["method"] != "HEAD":
            self.has_started = True
            wire.reply(status, headers, body, "application/json")
        else:
            await send_bytes(self.send, status, headers, body)

    async def body(self) -> bytes:
        wire = self.wire
        if wire is not None and not wire.more_body:
            return whole_body(self.headers, wire.take_body())
        return await read_body_in_time(self.headers, self.receive)

    async def document(self) -> dict[str, Any]:
        """The body as one JSON object, decoded."""
        fields = decode_fields(await self.body())
        return {name: decode_any(raw, name) for name, raw in fields.items()}

    def visible_headers(self) -> Mapping[str, str]:
        """What rules may ask about: everything but credentials."""
        return {name: value for name, value in self.headers.items() if name not in NOT_FOR_RULES}

    def record(self, refused: Refused) -> None:
        """A request with a good key is written down even when it could not be read, or we failed on it."""
        if self.caller is not None and not refused.decision_id:
            refused.decision_id = record_refusal(self.runtime, self.caller, "live", refused)
