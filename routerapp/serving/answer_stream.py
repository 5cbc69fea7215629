"""A streamed answer: events out of packets, passed on as they came, watched for text, usage, errors and a proper end.

Nothing is handed out before the first token, so that until then another upstream may answer instead.
"""

from __future__ import annotations

from routerapp.engine.chat import Chat
from routerapp.providers.base import ANSWER_LIMIT_BYTES, ChunkFacts
from routerapp.providers.errors import AnswerTooLarge, BadAnswer, ProviderError, StreamBroken
from routerapp.providers.sse import EventSplitter
from routerapp.serving.attempt import DROPPED, Attempt
from routerapp.serving.exchange import Exchange


class AnswerStream:
    """usage_event, last_event: the upstream's events that hold only the usage, and that say the answer is over; both kept back."""

    def __init__(self, exchange: Exchange, attempt: Attempt, chat: Chat) -> None:
        self.usage_event: bytes | None = None
        self.last_event: bytes | None = None
        self._exchange = exchange
        self._attempt = attempt
        self._choices = 1 if DROPPED + "n" in attempt.warnings else chat.answers_wanted
        self._reader = exchange.adapter.open_events(chat)
        self._splitter = EventSplitter()
        self._ready: list[bytes] = []
        self._error: ProviderError | None = None
        self._size = 0
        self._finished = 0
        self._has_begun = False
        self._is_over = False

    async def wait_for_first_token(self) -> None:
        """Raises ProviderError; whatever had arrived by then is dropped with the upstream."""
        await self._refuse_whole_answer()
        while not self._has_begun:
            await self._pull(is_first_token=True)
            if self._error is not None:
                raise self._error
        self._attempt.ttft_ms = self._attempt.elapsed_ms

    async def next_events(self) -> bytes | None:
        """All that is ready, one event or more. None when the upstream properly ended, else ProviderError after the last good event."""
        while not self._ready:
            if self._error is not None:
                raise self._error
            if self._is_over:
                return None
            await self._pull(is_first_token=False)
        events = self._ready[0] if len(self._ready) == 1 else b"".join(self._ready)
        self._ready.clear()
        return events

    async def _refuse_whole_answer(self) -> None:
        """An error status, or a whole document where a stream was asked for: an error body, a proxy's page, a server that cannot."""
        kind = self._exchange.upstream.headers.get("content-type", "")
        if self._exchange.is_ok and "json" not in kind and "html" not in kind:
            return
        await self._exchange.read_reply()
        raise BadAnswer("The upstream answered a streaming request with a whole answer.")

    async def _pull(self, *, is_first_token: bool) -> None:
        """One packet; a problem in it is kept until the good events before it are out."""
        packet = await self._exchange.next_packet(is_first_token=is_first_token)
        try:
            if packet is None:
                self._end()
            else:
                self._take(packet)
        except ProviderError as error:
            self._error = error

    def _take(self, packet: bytes) -> None:
        self._size += len(packet)
        if self._size > ANSWER_LIMIT_BYTES:
            raise AnswerTooLarge(f"The answer is larger than {ANSWER_LIMIT_BYTES} bytes.")
        for event in self._splitter.feed(packet):
            if self._is_over:
                return
            self._take_event(event)

    def _take_event(self, event: bytes) -> None:
        passed, facts = self._reader.read(event)
        if facts.error is not None:
            raise facts.error
        self._note(facts)
        if facts.usage_event:
            self.usage_event = facts.usage_event
        if facts.is_usage_only:
            self.usage_event = passed
        elif facts.is_done:
            self.last_event = passed
        elif passed and (self._has_begun or not facts.is_comment):
            self._ready.append(passed)

    def _note(self, facts: ChunkFacts) -> None:
        attempt = self._attempt
        attempt.text_bytes += facts.text_bytes
        if facts.usage is not None:
            attempt.usage = facts.usage
        if facts.finish_reason is not None:
            attempt.finish_reason = facts.finish_reason
        attempt.served_model = attempt.served_model or facts.model
        attempt.upstream_id = attempt.upstream_id or facts.upstream_id
        self._finished += facts.finished
        self._is_over = facts.is_done
        self._has_begun = self._has_begun or facts.is_done or facts.text_bytes > 0 or facts.finished > 0

    def _end(self) -> None:
        """The connection ended: fine after [DONE], or once every choice has its finish reason; else the answer was cut."""
        rest = self._splitter.rest()
        try:
            if rest.strip():
                self._take_event(rest.rstrip() + b"\n\n")
        except BadAnswer:
            raise StreamBroken("The upstream's answer ended in the middle of an event.") from None
        if not self._is_over and self._finished < self._choices:
            raise StreamBroken("The upstream's answer ended in the middle.")
        self._is_over = self._has_begun = True
