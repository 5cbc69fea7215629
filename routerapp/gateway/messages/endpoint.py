"""POST /v1/messages and /v1/messages/count_tokens: key, body, chat, answer in the Messages dialect, whichever upstream gives it."""

from __future__ import annotations

from routerapp.engine.content import read_content
from routerapp.engine.features import extract_features
from routerapp.gateway.answers import Events, send_json, send_stream
from routerapp.gateway.authenticate import CHAT, authenticate, require_scope
from routerapp.gateway.call import Call
from routerapp.gateway.chat import explained
from routerapp.gateway.disconnect import CancelWhenGone
from routerapp.gateway.messages.answer import to_message
from routerapp.gateway.messages.events import MessageEvents
from routerapp.gateway.messages.members import wants_thinking
from routerapp.gateway.messages.parse import DIALECT, parse_messages
from routerapp.serving.serve_chat import serve_chat
from routerapp.serving.served import Refused, Served

COUNTED_BY = {"x-router-token-count": "estimated"}


async def create(call: Call) -> None:
    call.caller = await authenticate(call.runtime, call.headers)
    try:
        require_scope(call.caller, CHAT)
        chat = explained(call, parse_messages(await call.body(), call.visible_headers()))
    except Refused as refused:
        call.record(refused)
        raise
    async with CancelWhenGone(call.receive, call.wire):
        served = await serve_chat(call.runtime, chat, call.caller)
        headers = {"request-id": served.decision_id, **served.headers} if served.decision_id else served.headers
        has_thinking = wants_thinking(chat.fields)
        if served.stream is not None:
            events = _retold(served, has_thinking=has_thinking)
            await send_stream(call.send, headers, events, call.runtime.clock, DIALECT)
        else:
            body = served.body or b""
            if served.dialect != DIALECT and not chat.extras.dry_run:
                body = to_message(body, served.decision_id, has_thinking=has_thinking)
            await call.reply(served.status, headers, body)


async def count_tokens(call: Call) -> None:
    """Our estimate, marked as one: which model would read the prompt is not decided here."""
    caller = await authenticate(call.runtime, call.headers)
    require_scope(caller, CHAT)
    chat = parse_messages(await call.body(), call.visible_headers(), is_count=True)
    features = extract_features(chat, read_content(chat), call.runtime.classifier)
    await send_json(call.send, {"input_tokens": features.prompt_tokens}, headers=COUNTED_BY)


def _retold(served: Served, *, has_thinking: bool) -> Events:
    assert served.stream is not None
    if served.dialect == DIALECT:
        return served.stream
    tokens = served.decision.features.prompt_tokens
    return RetoldStream(served.stream, MessageEvents(served.decision_id, tokens, has_thinking=has_thinking))


class RetoldStream:
    """A served stream in the Messages dialect. No generator: closing it before the first event must close the stream beneath."""

    def __init__(self, stream: Events, events: MessageEvents) -> None:
        self._stream = stream
        self._events = events

    def __aiter__(self) -> RetoldStream:
        return self

    async def __anext__(self) -> bytes:
        while not (written := self._events.feed(await self._stream.__anext__())):
            pass
        return written

    async def aclose(self) -> None:
        await self._stream.aclose()
