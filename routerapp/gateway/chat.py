"""POST /v1/chat/completions: key, body, chat, answer. The caller leaving cancels everything that is still running for it."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from routerapp.engine.chat import Chat
from routerapp.gateway.answers import send_stream
from routerapp.gateway.authenticate import CHAT, authenticate, require_scope
from routerapp.gateway.call import Call
from routerapp.gateway.disconnect import CancelWhenGone
from routerapp.gateway.requests import parse_chat
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused


async def complete(call: Call) -> None:
    call.caller = await authenticate(call.runtime, call.headers)
    try:
        require_scope(call.caller, CHAT)
        chat = await read_chat(call)
    except Refused as refused:
        call.record(refused)
        raise
    async with CancelWhenGone(call.receive, call.wire):
        served = await serve_chat(call.runtime, chat, call.caller)
        if served.stream is not None:
            await send_stream(call.send, served.headers, served.stream, call.runtime.clock)
        else:
            await call.reply(served.status, served.headers, served.body or b"")


async def read_chat(call: Call) -> Chat:
    """The body as a Chat."""
    return explained(call, parse_chat(await call.body(), call.visible_headers()))


def explained(call: Call, chat: Chat) -> Chat:
    """`x-router-explain: 1` asks for the trace as router.explain does."""
    if call.headers.get("x-router-explain") in ("1", "true"):
        chat = msgspec.structs.replace(chat, extras=replace(chat.extras, explain=True))
    return chat
