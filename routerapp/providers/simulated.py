"""The simulated provider: its adapter is the OpenAI dialect, its transport answers from a seeded plan and never opens a socket.

Works on any Clock, so that an hour of traffic takes a second of a virtual one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec
import orjson

from routerapp.providers.base import UpstreamRequest, Usage
from routerapp.providers.clock import Clock
from routerapp.providers.embeddings import write_embeddings
from routerapp.providers.errors import AnswerTooLarge, ConnectFailed, StreamBroken
from routerapp.providers.invented_vectors import invent_vectors
from routerapp.providers.openai import OpenAIAdapter
from routerapp.providers.simulation import Performance, SimulatedBody, plan_performance

HANG_SECONDS = 3600.0
_MOST_PIECES = 40
_REMEMBERED_BODIES = 50_000
_FAULT_TEXT = {
    400: "This simulated upstream refuses the request.",
    401: "Incorrect API key provided.",
    404: "The model does not exist.",
    429: "Rate limit reached.",
}
_decode = msgspec.json.Decoder(SimulatedBody).decode


class SimulatedAdapter(OpenAIAdapter):
    kind = "simulated"


class SimulatedTransport:
    """seed varies whole runs; the n-th identical body to one deployment draws anew, so that a retry can succeed."""

    def __init__(self, clock: Clock, seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self._seen: Counter[tuple[str, int]] = Counter()

    async def open(self, request: UpstreamRequest, connect_ms: int) -> SimulatedUpstream:
        target = request.target
        body = _decode(request.body)
        plan = plan_performance(
            target.simulation, body, request.body, target.deployment, self._salt(request), self._clock.now_ms()
        )
        if plan.fault == "refuse":
            raise ConnectFailed("Simulated: connection refused.")
        if plan.fault in ("hang", "timeout"):
            await self._clock.sleep(HANG_SECONDS)
            raise StreamBroken("Simulated: hung up.")
        if plan.fault is not None and plan.fault.isdecimal():
            await self._clock.sleep(plan.ttft_seconds / 4)
            return SimulatedUpstream(self._clock, plan, body, int(plan.fault))
        is_streaming = bool(body.stream)
        await self._clock.sleep(plan.ttft_seconds / 4 if is_streaming else plan.ttft_seconds + plan.generation_seconds)
        if plan.fault == "reset" and not is_streaming:
            raise StreamBroken("Simulated: connection reset.")
        return SimulatedUpstream(self._clock, plan, body, 200)

    async def close(self) -> None:
        self._seen.clear()

    def _salt(self, request: UpstreamRequest) -> str:
        if len(self._seen) > _REMEMBERED_BODIES:
            self._seen.clear()
        key = (request.target.deployment, hash(request.body))
        self._seen[key] += 1
        return f"{self._seed}|{self._seen[key]}"


class SimulatedUpstream:
    def __init__(self, clock: Clock, plan: Performance, body: SimulatedBody, status: int) -> None:
        self._clock = clock
        self._plan = plan
        self._body = body
        self._created = clock.now_ms() // 1000
        self.status = status
        self.connect_ms: int | None = None
        self.is_aborted = False
        is_stream = bool(body.stream) and status == 200 and plan.fault not in ("html", "error_body")
        self.headers: Mapping[str, str] = {"content-type": "text/event-stream" if is_stream else "application/json"}
        if status in (429, 503) and plan.retry_after_seconds is not None:
            self.headers = {**self.headers, "retry-after": str(plan.retry_after_seconds)}

    async def read(self, limit: int) -> bytes:
        body = self._whole_body()
        if len(body) > limit:
            raise AnswerTooLarge(f"The answer is larger than {limit} bytes.")
        return body

    def whole(self) -> None:
        """Its bytes take the time they were made to take."""

    async def chunks(self) -> AsyncIterator[bytes]:
        if self.headers["content-type"] != "text/event-stream":
            yield self._whole_body()
            return
        plan = self._plan
        pieces = self._pieces()
        pause = plan.generation_seconds / max(len(pieces) - 1, 1)
        await self._clock.sleep(plan.ttft_seconds * 3 / 4)
        yield self._event({"role": "assistant", "content": ""})
        for number, piece in enumerate(pieces):
            if number:
                await self._clock.sleep(pause)
            if number == (len(pieces) + 1) // 2:
                if plan.fault == "truncate":
                    return
                await self._break_off()
                if plan.fault == "rubbish":
                    yield b'data: {"choices": [{"delta": {"content"\n\n'
            yield self._event(piece)
        yield self._event({}, plan.finish_reason)
        if isinstance(self._body.stream_options, dict) and self._body.stream_options.get("include_usage"):
            yield (
                b"data: "
                + orjson.dumps({**self._frame("chat.completion.chunk"), "choices": [], "usage": self._usage()})
                + b"\n\n"
            )
        yield b"data: [DONE]\n\n"

    async def close(self) -> None:
        return None

    def abort(self) -> None:
        self.is_aborted = True

    async def _break_off(self) -> None:
        if self._plan.fault == "reset":
            raise StreamBroken("Simulated: connection reset.")
        if self._plan.fault == "stall":
            await self._clock.sleep(HANG_SECONDS)
            raise StreamBroken("Simulated: hung up.")

    def _whole_body(self) -> bytes:
        if self.status != 200:
            text = _FAULT_TEXT.get(self.status, "The simulated upstream failed.")
            return orjson.dumps({"error": {"message": text, "type": "simulated", "code": None}})
        if self._plan.fault == "html":
            return b"<html><body>502 Bad Gateway</body></html>"
        if self._plan.fault == "error_body":
            return b'{"error":{"message":"The simulated upstream failed.","type":"server_error","code":500}}'
        if self._body.input is not None:
            return self._cut(self._embeddings())
        message: dict[str, Any] = {"role": "assistant", "content": self._plan.answer.text or None}
        if self._plan.answer.tools:
            message["tool_calls"] = self._tool_calls()
        choice = {"index": 0, "message": message, "finish_reason": self._plan.finish_reason}
        body = orjson.dumps({**self._frame("chat.completion"), "choices": [choice], "usage": self._usage()})
        return self._cut(body)

    def _cut(self, body: bytes) -> bytes:
        return body[: len(body) // 2] if self._plan.fault in ("rubbish", "truncate") else body

    def _embeddings(self) -> bytes:
        body = self._body
        vectors = invent_vectors(body.input, body.model, body.dimensions)
        usage = Usage(self._plan.input_tokens, 0)
        return write_embeddings(vectors, body.model, usage, as_base64=body.encoding_format == "base64")

    def _pieces(self) -> list[dict[str, Any]]:
        answer = self._plan.answer
        if answer.tools:
            calls = [{"index": index, **call} for index, call in enumerate(self._tool_calls())]
            return [{"tool_calls": [call]} for call in calls]
        size = max(1, -(-len(answer.text) // _MOST_PIECES), 16)
        return [{"content": answer.text[start : start + size]} for start in range(0, len(answer.text), size)]

    def _tool_calls(self) -> list[dict[str, Any]]:
        return [
            {
                "id": f"call_{self._plan.upstream_id[-12:]}{number}",
                "type": "function",
                "function": {"name": tool.name, "arguments": tool.arguments},
            }
            for number, tool in enumerate(self._plan.answer.tools)
        ]

    def _event(self, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
        return b"data: " + orjson.dumps({**self._frame("chat.completion.chunk"), "choices": [choice]}) + b"\n\n"

    def _frame(self, kind: str) -> dict[str, Any]:
        return {
            "id": self._plan.upstream_id,
            "object": kind,
            "created": self._created,
            "model": self._body.model,
        }

    def _usage(self) -> dict[str, Any]:
        plan = self._plan
        return {
            "prompt_tokens": plan.input_tokens,
            "completion_tokens": plan.output_tokens,
            "total_tokens": plan.input_tokens + plan.output_tokens,
            "prompt_tokens_details": {"cached_tokens": plan.cached_tokens},
        }
