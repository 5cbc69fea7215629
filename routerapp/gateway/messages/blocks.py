"""The blocks of a streamed Message in the making: pieces come in any order, events go out with one block open at a time. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from routerapp.providers.anthropic.native import UNSIGNED

# A call that is interrupted again and again by others waits for the end instead of being read anew each time.
MOST_LOOKS = 50
_DELTAS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Block:
    """kind: text, thinking or tool_use. What was added and not yet taken is kept."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.id = self.name = ""
        self.has_begun = self.is_over = False
        self._pieces: list[str] = []
        self._taken = 0
        self._looks = 0

    def add(self, text: str) -> None:
        if text:
            self._pieces.append(text)

    def take(self) -> str:
        text = "".join(self._pieces[self._taken :])
        self._taken = len(self._pieces)
        return text

    @property
    def can_begin(self) -> bool:
        return self.kind != "tool_use" or bool(self.id and self.name)

    def may_end(self) -> bool:
        """Whether nothing can follow in it, now that another block has begun."""
        if self.kind != "tool_use":
            return True
        self._looks += 1
        if self._looks > MOST_LOOKS or not (self._pieces and self._pieces[-1].rstrip().endswith("}")):
            return False
        try:
            _members("".join(self._pieces))
        except (ValueError, RecursionError):
            return False
        return True


class Blocks:
    """The first block of the queue is open; the others wait until it is over. events: what is to be written, (name, members)."""

    def __init__(self, request_id: str) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._request_id = request_id
        self._queue: list[Block] = []
        self._calls: dict[int, Block] = {}
        self._index = 0

    def add_text(self, kind: str, text: str) -> None:
        if not self._queue or self._queue[-1].kind != kind:
            self._queue.append(Block(kind))
        self._queue[-1].add(text)
        self._flush()

    def add_call(self, number: int | None, call_id: str, name: str, arguments: str) -> None:
        """number: None where the server counts nothing; then an id begins a call and anything else belongs to the newest."""
        if number is None:
            number = len(self._calls) if call_id or not self._calls else len(self._calls) - 1
        block = self._calls.get(number)
        # Some servers number every call 0: another id with a name is another call.
        if block is None or (name and call_id and block.id not in ("", call_id)):
            block = self._calls[number] = Block("tool_use")
            self._queue.append(block)
        block.id = block.id or call_id
        block.name = block.name or name
        if not block.is_over:
            block.add(arguments)
            self._flush()

    def finish(self) -> None:
        for block in self._queue:
            self._write(block)
            self._end(block)
        self._queue.clear()

    def _flush(self) -> None:
        while self._queue:
            head = self._queue[0]
            if not head.has_begun and not head.can_begin:
                return
            self._write(head)
            if len(self._queue) == 1 or not head.may_end():
                return
            self._end(head)
            self._queue.pop(0)

    def _write(self, block: Block) -> None:
        if not block.has_begun:
            block.has_begun = True
            self.events.append(("content_block_start", {"index": self._index, "content_block": self._opening(block)}))
        if text := block.take():
            kind, member = _DELTAS.get(block.kind, ("input_json_delta", "partial_json"))
            self._delta({"type": kind, member: text})

    def _end(self, block: Block) -> None:
        block.is_over = True
        if block.kind == "thinking":
            self._delta({"type": "signature_delta", "signature": UNSIGNED})
        self.events.append(("content_block_stop", {"index": self._index}))
        self._index += 1

    def _delta(self, delta: dict[str, Any]) -> None:
        self.events.append(("content_block_delta", {"index": self._index, "delta": delta}))

    def _opening(self, block: Block) -> dict[str, Any]:
        if block.kind == "text":
            return {"type": "text", "text": ""}
        if block.kind == "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        call_id = block.id or f"toolu_{self._request_id}_{self._index}"
        return {"type": "tool_use", "id": call_id, "name": block.name, "input": {}}
