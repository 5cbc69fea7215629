"""One request and its answer on the wire, under the plan's clocks: connect, first token, idle and total. Knows nothing of retries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from typing import TypeVar

from routerapp.providers.base import ANSWER_LIMIT_BYTES, ERROR_BODY_LIMIT_BYTES, Adapter, Reply, Transport, Upstream
from routerapp.providers.clock import Clock
from routerapp.providers.errors import AnswerTooLarge, FirstTokenTimeout, IdleTimeout, TotalTimeout, UpstreamTimeout
from routerapp.serving.attempt import Attempt
from routerapp.serving.concealer import concealer_for
from routerapp.serving.log_probabilities import asking_for_log_probabilities
from routerapp.serving.plan_job import PlanJob

T = TypeVar("T")
_LATE = {
    FirstTokenTimeout: "No first token within the time for it.",
    IdleTimeout: "The upstream stopped in the middle of its answer.",
}


class Exchange:
    """deadline: the plan's end, in the clock's monotonic seconds."""

    def __init__(
        self, job: PlanJob, attempt: Attempt, adapter: Adapter, transport: Transport, clock: Clock, deadline: float
    ) -> None:
        self.adapter = adapter
        self._job = job
        self._attempt = attempt
        self._transport = transport
        self._clock = clock
        self._deadline = deadline
        self._first_token_at = clock.monotonic() + job.decision.limits.first_token_ms / 1000
        self._idle_seconds = job.decision.limits.idle_ms / 1000
        self._upstream: Upstream | None = None
        self._packets: AsyncIterator[bytes] | None = None
        self._concealer = concealer_for(attempt.target.credential)

    async def open(self, head_ms: float) -> Upstream:
        """Sends; returns when the answer's head is there. head_ms: how long that may take."""
        limits = self._job.decision.limits
        parameters = asking_for_log_probabilities(
            self._attempt.step, self._job.parameters_of(self._attempt.step.deployment)
        )
        request = self.adapter.build_request(self._job.chat, self._attempt.target, parameters)
        if (traceparent := self._attempt.traceparent) is not None:
            request = replace(request, headers={**request.headers, "traceparent": traceparent})
        opening = self._transport.open(request, limits.connect_ms)
        upstream = await self._within(opening, head_ms / 1000, FirstTokenTimeout)
        self._upstream = upstream
        self._attempt.opened(upstream)
        return upstream

    @property
    def upstream(self) -> Upstream:
        if self._upstream is None:
            raise RuntimeError("open comes first")
        return self._upstream

    @property
    def is_ok(self) -> bool:
        return 200 <= self.upstream.status < 300

    async def read_reply(self) -> Reply:
        """The whole body as a reply; raises the error it states."""
        body = await self._read_body(ANSWER_LIMIT_BYTES if self.is_ok else ERROR_BODY_LIMIT_BYTES)
        headers = self.upstream.headers
        if self._concealer is not None:
            headers = self._concealer.headers(headers)
        reply = self.adapter.read_reply(self._job.chat, self.upstream.status, headers, body)
        self._attempt.answered(reply)
        return reply

    async def next_packet(self, *, is_first_token: bool = False) -> bytes | None:
        """Bytes as they arrive, None at the end; our credential is in none of them."""
        packet = await self._next_raw_packet(is_first_token=is_first_token)
        if self._concealer is None:
            return packet
        return self._concealer.packet(packet) if packet is not None else self._concealer.rest() or None

    async def _next_raw_packet(self, *, is_first_token: bool) -> bytes | None:
        """Waits for the first token on its own clock, for anything later on the idle one."""
        if self._packets is None:
            self._packets = self.upstream.chunks()
        if is_first_token:
            seconds = self._first_token_at - self._clock.monotonic()
            return await self._within(anext(self._packets, None), max(seconds, 0), FirstTokenTimeout)
        return await self._within(anext(self._packets, None), self._idle_seconds, IdleTimeout)

    async def _read_body(self, limit: int) -> bytes:
        """A broken upstream's error body is read only as far as it can matter."""
        body = self.upstream.whole()
        if body is not None:
            if len(body) > limit and self.is_ok:
                raise AnswerTooLarge(f"The answer is larger than {limit} bytes.")
            return body if self._concealer is None else self._concealer.packet(body) + self._concealer.rest()
        parts, size = [], 0
        while (packet := await self.next_packet()) is not None:
            parts.append(packet)
            size += len(packet)
            if size > limit:
                if self.is_ok:
                    raise AnswerTooLarge(f"The answer is larger than {limit} bytes.")
                break
        return b"".join(parts)

    async def _within(self, awaitable: Awaitable[T], seconds: float, late: type[UpstreamTimeout]) -> T:
        left = self._deadline - self._clock.monotonic()
        try:
            return await self._clock.wait_for(awaitable, max(min(seconds, left), 0))
        except TimeoutError:
            if left > seconds:
                raise late(_LATE[late]) from None
        error = TotalTimeout("The time for this request is over.")
        # A deployment that used up what a first token may take has failed, whoever's clock rang.
        error.cools_down = self._attempt.elapsed_ms >= self._job.decision.limits.first_token_ms
        raise error
