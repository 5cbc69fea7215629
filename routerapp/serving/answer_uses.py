"""What becomes of one answer besides being sent: kept (redacted), stored in the exact cache, or taken from it. None for most requests.

uses = uses_of(runtime, prepared, chat, caller)      # None where the policy asks for none of it
uses.stored                                          # the answer, where there is one already
uses.take(...)                                       # the upstream's body or events, as they pass
uses.ended(outcome, now_ms)                          # stores it; returns what to keep
"""

from __future__ import annotations

from routerapp.engine.chat import Chat
from routerapp.engine.types import CallerFacts
from routerapp.serving.answer_text import AnswerText
from routerapp.serving.exact_cache import LARGEST_ANSWER_BYTES, cache_key, is_cacheable, storable
from routerapp.serving.kept_content import kept_answer, kept_chat
from routerapp.serving.plan_job import Outcome
from routerapp.serving.route_chat import Prepared
from routerapp.serving.runtime import Runtime
from routerapp.serving.stored_answer import StoredAnswer


class AnswerUses:
    def __init__(self, runtime: Runtime, prepared: Prepared, chat: Chat, caller: CallerFacts) -> None:
        self.stored: StoredAnswer | None = None
        self._runtime = runtime
        self._prepared = prepared
        self._chat = chat
        self._text = AnswerText() if prepared.decision.handling.keep_content != "off" else None
        self._key = cache_key(prepared, chat, caller) if is_cacheable(prepared, chat) else None
        self._parts: list[bytes] = []
        self._size = 0
        if self._key is not None:
            self.stored = runtime.answer_cache.find(self._key, prepared.now_ms)
        if self.stored is not None:
            self.take(self.stored.data)

    @property
    def cache(self) -> str:
        """hit, miss, or empty where the cache is off."""
        if self._key is None:
            return ""
        return "miss" if self.stored is None else "hit"

    @property
    def chat_body(self) -> bytes | None:
        """The chat as it is kept; None where it is not."""
        return None if self._text is None else kept_chat(self._chat)

    def take(self, data: bytes) -> None:
        """The whole body, or the next events of a stream."""
        if self._text is not None:
            (self._text.take_events if self._chat.is_streaming else self._text.take_body)(data)
        if self._key is not None and self._size <= LARGEST_ANSWER_BYTES:
            self._size += len(data)
            self._parts.append(data)

    def ended(self, outcome: Outcome | None, now_ms: int) -> bytes | None:
        """outcome: how it ended, None where nothing was asked. Returns the answer as it is kept, None where none is."""
        if outcome is not None and self._key is not None and self.stored is None:
            self._store(self._key, outcome, now_ms)
        self._parts.clear()
        choices = self._text.choices if self._text is not None else []
        return kept_answer(choices, self._text.is_cut) if self._text is not None and choices else None

    def _store(self, key: bytes, outcome: Outcome, now_ms: int) -> None:
        seconds = self._prepared.decision.handling.cache_ttl_seconds
        if seconds is None or not 0 < self._size <= LARGEST_ANSWER_BYTES:
            return
        answer = storable(self._prepared, self._chat, outcome, b"".join(self._parts))
        if answer is not None:
            self._runtime.answer_cache.store(key, answer, self._size, now_ms + seconds * 1000)


def uses_of(runtime: Runtime, prepared: Prepared, chat: Chat, caller: CallerFacts) -> AnswerUses | None:
    handling = prepared.decision.handling
    if handling.cache_ttl_seconds is None and handling.keep_content == "off":
        return None
    return AnswerUses(runtime, prepared, chat, caller)
