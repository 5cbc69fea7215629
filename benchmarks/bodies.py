"""The requests of the benchmarks: 2 KB (twelve messages and a tool) and 50 KB (the same with a document in it)."""

from __future__ import annotations

import json
from typing import Any

PARAGRAPH = (
    "Please review the following change and tell me whether the retry loop can ever exceed its deadline. "
    "The customer (order 48213, paid 129.90 EUR) wrote that nothing arrived; answer politely and shortly. "
)
FIFTY_KB = 50_000


def a_body(model: str = "auto", **more: Any) -> bytes:
    """2 KB, twelve messages and one tool."""
    return _body(model, "Why is the sky blue?", more)


def a_long_body(model: str = "auto", **more: Any) -> bytes:
    """50 KB: the last question comes with a document."""
    document = (PARAGRAPH * (FIFTY_KB // len(PARAGRAPH) + 1))[: FIFTY_KB - 2_100]
    return _body(model, document, more)


def _body(model: str, question: str, more: dict[str, Any]) -> bytes:
    turns = [
        {"role": "user" if n % 2 else "assistant", "content": "Please look at this again. " * 5} for n in range(10)
    ]
    messages = [{"role": "system", "content": "You are helpful."}, *turns, {"role": "user", "content": question}]
    tool = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}
    return json.dumps({"model": model, "messages": messages, "tools": [tool], **more}).encode()
