"""An answer out of the exact cache: nothing is sent upstream and nothing spent; the caller gets the bytes it would have got."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from routerapp.engine.chat import Chat
from routerapp.serving.answer_body import complete_answer
from routerapp.serving.headers import answer_headers
from routerapp.serving.recording import Recording
from routerapp.serving.route_chat import Prepared
from routerapp.serving.served import Served
from routerapp.serving.stored_answer import StoredAnswer
from routerapp.serving.stream_ending import ENDINGS
from routerapp.store.records import End


def serve_stored(recording: Recording, stored: StoredAnswer, prepared: Prepared, chat: Chat) -> Served:
    """The record is complete before a byte leaves: the answer is whole already."""
    headers = recording.headers(prepared)
    end = recording.end("ok", 200, outcome=stored.outcome)
    answer_headers(headers, end)
    served = Served(recording.id, prepared.decision, 200, headers, dialect=stored.outcome.dialect)
    if chat.is_streaming:
        served.stream = _events(stored, chat, end)
    else:
        served.body = complete_answer(stored.data, stored.outcome, None)
    return served


async def _events(stored: StoredAnswer, chat: Chat, end: End) -> AsyncGenerator[bytes, None]:
    yield stored.data
    for event in ENDINGS[stored.outcome.dialect].last(chat, stored.outcome, end, None):
        yield event
