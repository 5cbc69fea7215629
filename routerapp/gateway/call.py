"""One HTTP call while it is being answered: the ASGI triple, what has been read of it, and what has been written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from routerapp.engine.types import CallerFacts
from routerapp.gateway.body import NOT_FOR_RULES, Message, Receive, Scope, Send, read_body_in_time
from routerapp.gateway.json_guard import decode_any, decode_fields
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
        self._send = send

    async def send(self, message: Message) -> None:
        self.has_started = True
        await self._send(message)

    async def body(self) -> bytes:
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
