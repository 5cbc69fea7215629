"""What a simulated deployment does with one request: a pure, seeded plan of latency, tokens, text and faults. No I/O, no clock.

The same (seed, deployment, body, occurrence, instant) gives the same performance in every process.
"""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from routerapp.providers.invented import Invented, invent_answer
from routerapp.providers.invented_vectors import count_input_tokens, input_text

SLOW_FACTOR = 10
_SIGMA_OF_P95 = 1.645
_CACHE_BLOCK_TOKENS = 128


class SimulatedBody(msgspec.Struct, gc=False):
    """The part of the upstream body a simulation reads."""

    messages: list[dict[str, Any]] = []
    model: str = ""
    stream: bool | None = False
    stream_options: Any = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: Any = None
    tools: Any = None
    tool_choice: Any = None
    input: Any = None
    dimensions: int | None = None
    encoding_format: Any = None


@dataclass(frozen=True, slots=True)
class Performance:
    """fault: None, a status as text, or hang, timeout, stall, reset, rubbish, truncate, slow, refuse, html, error_body."""

    fault: str | None
    ttft_seconds: float
    generation_seconds: float
    answer: Invented
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    finish_reason: str
    retry_after_seconds: float | None
    upstream_id: str


def plan_performance(
    simulation: Mapping[str, Any], body: SimulatedBody, raw: bytes, deployment: str, salt: str, now_ms: int
) -> Performance:
    """salt holds every other seed. Durations are seconds of the deployment's own clock."""
    seed = hashlib.blake2b(f"{simulation.get('seed', 0)}|{salt}|{deployment}|".encode() + raw, digest_size=16)
    draw = random.Random(seed.digest())
    ttft_ms = _log_normal(draw, simulation.get("ttft_ms", {}))
    wanted_tokens = _output_tokens(draw, simulation.get("output_tokens", {}))
    fault = _fault(draw, simulation, prompt_of(body.messages) or input_text(body.input), now_ms)
    if fault == "slow":
        ttft_ms *= SLOW_FACTOR
    limit = body.max_completion_tokens or body.max_tokens
    if body.input is not None:
        return _embedding_performance(simulation, body, fault, ttft_ms, seed.hexdigest())
    answer = invent_answer(draw, body.messages, body, wanted_tokens)
    output_tokens = max(
        1, math.ceil(len(answer.text.encode()) / 4) + sum(len(t.arguments) // 4 + 8 for t in answer.tools)
    )
    is_cut = limit is not None and limit < output_tokens and not answer.tools
    if is_cut and limit is not None:
        output_tokens = max(limit, 1)
        answer = Invented(text=answer.text.encode()[: output_tokens * 4].decode("utf-8", "ignore"))
    input_tokens = max(1, sum(_text_size(m.get("content")) for m in body.messages) // 4 + 4 * len(body.messages))
    speed = float(simulation.get("tokens_per_second", 60)) * (0.85 + 0.3 * draw.random())
    return Performance(
        fault=fault,
        ttft_seconds=ttft_ms / 1000,
        generation_seconds=output_tokens / max(speed, 0.001),
        answer=answer,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=_cached_tokens(simulation, input_tokens, len(body.messages)),
        finish_reason="length" if is_cut else ("tool_calls" if answer.tools else "stop"),
        retry_after_seconds=simulation.get("retry_after_seconds"),
        upstream_id="chatcmpl-" + seed.hexdigest(),
    )


def _embedding_performance(
    simulation: Mapping[str, Any], body: SimulatedBody, fault: str | None, ttft_ms: float, upstream_id: str
) -> Performance:
    """Vectors come all at once and cost what was read."""
    return Performance(
        fault=fault,
        ttft_seconds=ttft_ms / 1000,
        generation_seconds=0.0,
        answer=Invented(),
        input_tokens=count_input_tokens(body.input),
        output_tokens=0,
        cached_tokens=0,
        finish_reason="",
        retry_after_seconds=simulation.get("retry_after_seconds"),
        upstream_id=upstream_id,
    )


def prompt_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """Text of the last user message."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            if isinstance(content, list):
                return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return ""


def _fault(draw: random.Random, simulation: Mapping[str, Any], prompt: str, now_ms: int) -> str | None:
    chance, pick = draw.random(), draw.random()
    for entry in simulation.get("script", ()):
        if str(entry.get("on", "")) in prompt:
            return str(entry.get("do", "")) or None
    for outage in simulation.get("outages", ()):
        if outage.get("from_ms", 0) <= now_ms < outage.get("to_ms", 0):
            return str(outage.get("error", "503"))
    errors = simulation.get("errors") or ["500"]
    if chance < float(simulation.get("error_share", 0)):
        return str(errors[int(pick * len(errors))])
    return None


def _log_normal(draw: random.Random, spread: Mapping[str, Any]) -> float:
    """Milliseconds with the stated median and 95th percentile."""
    p50 = float(spread.get("p50", 300))
    p95 = max(float(spread.get("p95", p50 * 2)), p50)
    deviate = draw.gauss(0, 1)
    if p50 <= 0:
        return 0.0
    return p50 * math.exp(math.log(p95 / p50) / _SIGMA_OF_P95 * deviate)


def _output_tokens(draw: random.Random, spread: Mapping[str, Any]) -> int:
    """Log-normal with the stated mean: sigma 0.5, as short answers are many and long ones few."""
    mean = float(spread.get("mean", 120))
    return max(1, min(int(mean * math.exp(0.5 * draw.gauss(0, 1) - 0.125)), int(spread.get("max", 4096))))


def _cached_tokens(simulation: Mapping[str, Any], input_tokens: int, messages: int) -> int:
    """A prefix of a longer conversation is cached, in whole blocks, as real providers do."""
    share = float(simulation.get("cached_share", 0.6 if messages > 2 else 0.0))
    return int(input_tokens * min(share, 1)) // _CACHE_BLOCK_TOKENS * _CACHE_BLOCK_TOKENS


def _text_size(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode("utf-8", "surrogatepass"))
    if isinstance(content, list):
        return sum(_text_size(part.get("text")) for part in content if isinstance(part, dict))
    return 0
