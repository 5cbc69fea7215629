"""An answer as small events for the playground's page: one JSON object a line. Text is data here and must be shown as text."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any

import orjson

from routerapp.providers.sse import EventSplitter, data_of
from routerapp.serving.served import Refused, Served


def line(kind: str, **facts: Any) -> bytes:
    return orjson.dumps({"kind": kind, **facts}) + b"\n"


def error_line(refused: Refused) -> bytes:
    return line(
        "error",
        code=refused.code,
        message=refused.message,
        status=refused.status,
        source=refused.source,
        decision=refused.decision_id,
    )


async def answer_lines(served: Served, chosen: Mapping[str, str], elapsed_ms: Any) -> AsyncGenerator[bytes, None]:
    """start, then text as it comes, then usage and end, or error. elapsed_ms(): since the request was sent."""
    splitter, first_ms = EventSplitter(), None
    try:
        yield line("start", decision=served.decision_id, **chosen)
        if served.stream is None:
            for one in plain_lines(served.body or b"", elapsed_ms()):
                yield one
            return
        async for packet in served.stream:
            for event in splitter.feed(packet):
                data = data_of(event)
                if data is None or data == b"[DONE]":
                    continue
                for kind, facts in _read(data):
                    if kind == "text" and first_ms is None:
                        first_ms = elapsed_ms()
                    yield line(kind, **facts)
    finally:
        if served.stream is not None:
            await served.stream.aclose()
    yield line("end", ttft_ms=first_ms, latency_ms=elapsed_ms())


def plain_lines(body: bytes, latency_ms: int) -> list[bytes]:
    """The same events of an answer that came at once."""
    return [*(line(kind, **facts) for kind, facts in _read(body)), line("end", ttft_ms=None, latency_ms=latency_ms)]


def _read(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """Texts, usage and errors of one chunk or one whole answer in the OpenAI shape."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        return []
    found: list[tuple[str, dict[str, Any]]] = []
    if isinstance(document.get("error"), dict):
        error = document["error"]
        found.append(("error", {"code": error.get("code"), "message": error.get("message"), "status": 0}))
    for choice in document.get("choices") or ():
        message = choice.get("delta") or choice.get("message") or {}
        if isinstance(message.get("content"), str) and message["content"]:
            found.append(("text", {"text": message["content"]}))
        if message.get("tool_calls"):
            found.append(("text", {"text": orjson.dumps(message["tool_calls"]).decode()}))
        if choice.get("finish_reason"):
            found.append(("finish", {"reason": choice["finish_reason"]}))
    usage = document.get("usage")
    if isinstance(usage, dict):
        names = ("prompt_tokens", "completion_tokens", "cost", "is_estimated")
        found.append(("usage", {name: usage.get(name) for name in names}))
    return found
