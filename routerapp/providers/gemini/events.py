"""A Gemini stream as chunks of the OpenAI dialect. Keeps count of roles and tool calls; each event stands for itself otherwise.

Gemini has no [DONE]: an answer is whole once every candidate has its finish reason. The usage grows with each event.
"""

from __future__ import annotations

from typing import Any

import msgspec

from routerapp.providers.base import ChunkFacts
from routerapp.providers.errors import BadAnswer, ProviderError
from routerapp.providers.gemini.answer import (
    Answer,
    Candidate,
    Parts,
    block_reason,
    decode_answer,
    google,
    index_of,
    logprobs_of,
    openai_usage,
    read_parts,
    reason_for,
    text,
    text_bytes,
    usage_of,
)
from routerapp.providers.gemini.failures import stated_error
from routerapp.providers.gemini.words import encode
from routerapp.providers.sse import data_of

_COMMENT = ChunkFacts(is_comment=True)


class GeminiEvents:
    """created: Unix seconds for every chunk, as the dialect has it."""

    def __init__(self, created: int) -> None:
        self._created = created
        self._calls: dict[int, int] = {}
        self._begun: set[int] = set()
        self._closed: set[int] = set()

    def read(self, event: bytes) -> tuple[bytes, ChunkFacts]:
        data = data_of(event)
        if data is None:
            return event, _COMMENT
        try:
            return self._read(_answer_in(data))
        except ProviderError as error:
            return b"", ChunkFacts(error=error)

    def _read(self, answer: Answer) -> tuple[bytes, ChunkFacts]:
        chunks: list[bytes] = []
        size, reasons = 0, []
        for position, candidate in enumerate(answer.candidates or ()):
            index = index_of(candidate, position)
            delta, parts = self._delta(candidate, index, text(answer.response_id))
            size += text_bytes(parts)
            reason = self._finish(candidate, index, parts)
            if reason is not None:
                reasons.append(reason)
            if delta or reason is not None:
                chunks.append(self._chunk(answer, [self._choice(index, delta, reason, candidate)]))
        if not answer.candidates and (blocked := block_reason(answer)) is not None:
            reasons.append("content_filter")
            delta = {"role": "assistant", "refusal": f"Gemini refused the prompt: {blocked}."}
            chunks.append(self._chunk(answer, [{"index": 0, "delta": delta, "finish_reason": "content_filter"}]))
        usage = openai_usage(answer.usage_metadata)
        facts = ChunkFacts(
            usage=usage_of(answer.usage_metadata),
            finish_reason=reasons[0] if reasons else None,
            text_bytes=size,
            finished=len(reasons),
            model=text(answer.model_version),
            upstream_id=text(answer.response_id),
            usage_event=self._chunk(answer, [], usage=usage) if usage is not None else b"",
        )
        return b"".join(chunks), facts

    def _delta(self, candidate: Candidate, index: int, answer_id: str) -> tuple[dict[str, Any], Parts]:
        before = self._calls.get(index, 0)
        parts = read_parts(candidate, f"call_{answer_id or 'gemini'}_{index}", before)
        self._calls[index] = before + len(parts.tool_calls)
        delta: dict[str, Any] = {}
        if parts.content:
            delta["content"] = parts.content
        if parts.reasoning:
            delta["reasoning_content"] = parts.reasoning
        if parts.tool_calls:
            delta["tool_calls"] = [{"index": before + n, **call} for n, call in enumerate(parts.tool_calls)]
        if parts.images:
            delta["images"] = parts.images
        delta |= google(parts.signature)
        if delta and index not in self._begun:
            self._begun.add(index)
            delta = {"role": "assistant", **delta}
        return delta, parts

    def _finish(self, candidate: Candidate, index: int, parts: Parts) -> str | None:
        if candidate.finish_reason is None or index in self._closed:
            return None
        has_calls = self._calls.get(index, 0) > 0
        reason = reason_for(candidate.finish_reason, has_calls=has_calls, has_content=index in self._begun)
        self._closed.add(index)
        return reason

    def _choice(self, index: int, delta: dict[str, Any], reason: str | None, candidate: Candidate) -> dict[str, Any]:
        choice: dict[str, Any] = {"index": index, "delta": delta, "finish_reason": reason}
        logprobs = logprobs_of(candidate.logprobs_result)
        return choice if logprobs is None else choice | {"logprobs": logprobs}

    def _chunk(self, answer: Answer, choices: list[dict[str, Any]], **more: Any) -> bytes:
        document = {
            "id": text(answer.response_id),
            "object": "chat.completion.chunk",
            "created": self._created,
            "model": text(answer.model_version),
            "choices": choices,
            **more,
        }
        return b"data: " + encode(document) + b"\n\n"


def _answer_in(data: bytes) -> Answer:
    try:
        answer = decode_answer(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
        raise BadAnswer("The upstream sent something that is not an event of Gemini's.") from problem
    if answer.error is not None:
        raise stated_error(200, {}, data)
    return answer
