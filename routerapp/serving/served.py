"""What serving hands back for one chat: an answer, or the reason there is none. HTTP words only; who writes bytes to a socket is the gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from routerapp.engine.types import Decision


@dataclass(slots=True)
class Served:
    """body is set for a plain answer, stream for a streamed one; both carry the OpenAI shape. headers are ready to send.

    cost_nusd, served_model and finish_reason are known at once for a plain answer, and after the last chunk for a stream.
    """

    decision_id: str
    decision: Decision
    status: int
    headers: Mapping[str, str]
    body: bytes | None = None
    stream: AsyncIterator[bytes] | None = None


class Refused(Exception):
    """No answer, and why. code is stable (docs/api.md); source is who can change it: client, policy, router or provider.

    detail goes into the error object as it is, so it must not quote prompt text.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        source: str = "client",
        param: str | None = None,
        retry_after_ms: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.source = source
        self.param = param
        self.retry_after_ms = retry_after_ms
        self.detail = detail or {}
        self.headers: dict[str, str] = {}
        self.decision_id = ""


@dataclass(slots=True)
class Stopwatch:
    """Splits a request's time into ours and the providers'. Monotonic seconds in, whole units out."""

    started: float
    upstream_seconds: float = 0.0
    marks: dict[str, float] = field(default_factory=dict)

    def overhead_us(self, now: float) -> int:
        return max(0, round((now - self.started - self.upstream_seconds) * 1_000_000))

    def latency_ms(self, now: float) -> int:
        return max(0, round((now - self.started) * 1000))
