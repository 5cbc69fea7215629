"""The words of an answer, read out of a whole body or of streamed events as they pass, in either dialect. Bounded; raises nothing."""

from __future__ import annotations

from typing import Any

import msgspec

from routerapp.engine.redact import KEPT_CHARACTERS
from routerapp.providers.errors import ProviderError
from routerapp.providers.sse import EventSplitter, data_of

MOST_CHOICES = 16
MOST_TOOL_CALLS = 128


class AnswerText:
    """choices: content, refusal, tool_calls (name and arguments as they came) and finish_reason of each."""

    def __init__(self, most: int = KEPT_CHARACTERS) -> None:
        self.is_cut = False
        self._left = most
        self._choices: dict[int, dict[str, Any]] = {}
        self._splitter = EventSplitter()

    @property
    def choices(self) -> list[dict[str, Any]]:
        found = []
        for _, choice in sorted(self._choices.items()):
            calls = [call for _, call in sorted(choice.get("tool_calls", {}).items())]
            found.append({**choice, "tool_calls": calls} if calls else choice)
        return found

    def take_body(self, body: bytes) -> None:
        self._take(body)

    def take_events(self, events: bytes) -> None:
        try:
            for event in self._splitter.feed(events):
                data = data_of(event)
                if data is not None:
                    self._take(data)
        except ProviderError:
            self.is_cut = True

    def _take(self, data: bytes) -> None:
        try:
            document = msgspec.json.decode(data)
        except (msgspec.DecodeError, RecursionError):
            return
        if not isinstance(document, dict):
            return
        choices = document.get("choices")
        if isinstance(choices, list):
            for place, choice in enumerate(choices):
                if isinstance(choice, dict):
                    self._take_choice(choice, place)
        elif isinstance(document.get("type"), str):
            self._take_message(document)

    def _take_choice(self, choice: dict[str, Any], place: int) -> None:
        index = choice.get("index")
        kept = self._choice(index if isinstance(index, int) else place)
        if kept is None:
            return
        message = choice.get("delta") or choice.get("message")
        if isinstance(message, dict):
            for name in ("content", "refusal"):
                self._add(kept, name, message.get(name))
            calls = message.get("tool_calls")
            for number, call in enumerate(calls if isinstance(calls, list) else ()):
                if isinstance(call, dict) and isinstance(call.get("function"), dict):
                    index = call.get("index")
                    function = call["function"]
                    self._add_call(kept, index if isinstance(index, int) else number, function, "arguments")
        if isinstance(choice.get("finish_reason"), str):
            kept["finish_reason"] = choice["finish_reason"][:40]

    def _take_message(self, event: dict[str, Any]) -> None:
        """The Messages dialect: a whole message, or one event of it."""
        kept = self._choice(0)
        if kept is None:
            return
        if event["type"] == "message":
            blocks = event.get("content")
            for place, block in enumerate(blocks if isinstance(blocks, list) else ()):
                self._take_block(kept, place, block)
            self._stopped(kept, event)
        elif event["type"] in ("content_block_start", "content_block_delta"):
            index = event.get("index")
            block = event.get("content_block") or event.get("delta")
            self._take_block(kept, index if isinstance(index, int) else 0, block)
        elif event["type"] == "message_delta":
            self._stopped(kept, event.get("delta"))

    def _take_block(self, kept: dict[str, Any], place: int, block: Any) -> None:
        if not isinstance(block, dict):
            return
        kind = block.get("type")
        if kind in ("text", "text_delta"):
            self._add(kept, "content", block.get("text"))
        elif kind == "input_json_delta":
            self._add_call(kept, place, block, "partial_json")
        elif kind == "tool_use":
            given = block.get("input")
            arguments = msgspec.json.encode(given).decode() if given else ""
            self._add_call(kept, place, {"name": block.get("name"), "arguments": arguments}, "arguments")

    def _stopped(self, kept: dict[str, Any], message: Any) -> None:
        reason = message.get("stop_reason") if isinstance(message, dict) else None
        if isinstance(reason, str):
            kept["finish_reason"] = reason[:40]

    def _choice(self, index: int) -> dict[str, Any] | None:
        if index not in self._choices and len(self._choices) >= MOST_CHOICES:
            self.is_cut = True
            return None
        return self._choices.setdefault(index, {"content": ""})

    def _add_call(self, kept: dict[str, Any], index: int, function: dict[str, Any], arguments: str) -> None:
        calls = kept.setdefault("tool_calls", {})
        if index not in calls and len(calls) >= MOST_TOOL_CALLS:
            self.is_cut = True
            return
        call = calls.setdefault(index, {"name": "", "arguments": ""})
        self._add(call, "name", function.get("name"))
        self._add(call, "arguments", function.get(arguments))

    def _add(self, holder: dict[str, Any], name: str, words: Any) -> None:
        if not isinstance(words, str) or not words:
            return
        kept = words[: self._left]
        self._left -= len(kept)
        self.is_cut = self.is_cut or len(kept) < len(words)
        if kept:
            holder[name] = holder.get(name, "") + kept
