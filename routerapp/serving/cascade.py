"""The part of running a plan that only cascades have: an answer is read whole and checked before anybody gets any of it.

stream = await KeptStream.of(stream)       # a streamed answer, read to its end
codes = refusals_of(step, chat, answer)    # () where it passes or nothing asks
"""

from __future__ import annotations

from routerapp.engine.answer_checks import checks_of
from routerapp.engine.chat import Chat
from routerapp.engine.types import PlanStep
from routerapp.providers.base import Reply
from routerapp.serving.answer_acceptance import NOT_ACCEPTED, WrittenAnswer, failed_checks
from routerapp.serving.answer_stream import AnswerStream


class KeptStream:
    """A streamed answer that has ended, to be handed out as if it came now. The same face as AnswerStream."""

    def __init__(self, stream: AnswerStream, events: list[bytes]) -> None:
        self._stream = stream
        self._events = events
        self._at = 0

    @classmethod
    async def of(cls, stream: AnswerStream) -> KeptStream:
        """Raises ProviderError where the upstream breaks off; nothing was sent to anybody, so another may be asked."""
        events = []
        while (piece := await stream.next_events()) is not None:
            events.append(piece)
        return cls(stream, events)

    @property
    def data(self) -> bytes:
        return b"".join(self._events)

    @property
    def usage_event(self) -> bytes | None:
        return self._stream.usage_event

    @property
    def last_event(self) -> bytes | None:
        return self._stream.last_event

    async def next_events(self) -> bytes | None:
        if self._at == len(self._events):
            return None
        self._at += 1
        return self._events[self._at - 1]


def refusals_of(step: PlanStep, chat: Chat, answer: Reply | AnswerStream | KeptStream) -> tuple[str, ...]:
    """Warnings that name the checks this step's answer does not pass, such as not_accepted:schema."""
    if not step.accept_if or isinstance(answer, AnswerStream):
        return ()
    is_stream = isinstance(answer, KeptStream)
    written = WrittenAnswer(answer.data if isinstance(answer, KeptStream) else answer.body, is_stream=is_stream)
    return tuple(NOT_ACCEPTED + kind for kind in failed_checks(checks_of(step.accept_if), chat, written))
