"""One upstream call from start to its record: times it, counts what it used, tells the live state and the journal. Never retries."""

from __future__ import annotations

from collections.abc import Sequence

from routerapp.engine.money import attempt_cost, price_at
from routerapp.engine.types import DeploymentFacts, PlanStep, Price
from routerapp.providers.base import Reply, Target, Upstream, Usage
from routerapp.providers.clock import Clock
from routerapp.providers.errors import BadAnswer, ProviderError
from routerapp.serving.plan_job import PlanJob
from routerapp.serving.usage import NOTHING_USED, CountedUsage, count_usage
from routerapp.store.live import LiveState
from routerapp.store.records import AttemptEnd

# Begins the warning that names a field of the chat which the upstream was not sent.
DROPPED = "dropped:"
_MESSAGE_CHARACTERS = 300


class Attempt:
    """Mutable while it runs; ended exactly once, by succeeded, failed or cancelled."""

    def __init__(
        self, job: PlanJob, step: PlanStep, number: int, retry: int, target: Target, live: LiveState, clock: Clock
    ) -> None:
        self.step = step
        self.target = target
        self.upstream: Upstream | None = None
        self.usage: Usage | None = None
        self.text_bytes = 0
        self.finish_reason = ""
        self.served_model = ""
        self.upstream_id = ""
        self.ttft_ms: int | None = None
        self.warnings: tuple[str, ...] = ()
        self.record: AttemptEnd | None = None
        self.seconds = 0.0
        self._job = job
        self._number = number
        self._retry = retry
        self._live = live
        self._clock = clock
        self._deployment: DeploymentFacts = job.config.deployments[step.deployment]
        self._is_probe = False
        self._head_ms: int | None = None
        self._at_ms = clock.now_ms()
        self._started = clock.monotonic()

    def start(self, *, is_counted: bool, is_probe: bool) -> None:
        """is_counted: the decision's effects have already counted it, and its probe."""
        self._is_probe = is_probe
        if self._job.hold is not None:
            self._job.hold.started(self.step.deployment)
        tokens = self._job.decision.features.prompt_tokens
        self._live.attempt_started(
            self.step.deployment, self._at_ms, is_counted=is_counted, is_probe=is_probe, tokens=tokens
        )

    @property
    def span(self) -> tuple[float, float]:
        """From its start to its end, or to now while it runs; in the clock's monotonic seconds."""
        return self._started, self._started + self.seconds if self.record else self._clock.monotonic()

    @property
    def traceparent(self) -> str | None:
        """What the upstream is told of the trace; None where it is told nothing."""
        trace = self._job.trace
        return None if trace is None else trace.traceparent(self._number, self._retry)

    @property
    def elapsed_ms(self) -> int:
        return round((self._clock.monotonic() - self._started) * 1000)

    @property
    def price(self) -> Price | None:
        return price_at(self._deployment.prices, self._at_ms)

    def opened(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._head_ms = self.elapsed_ms

    def answered(self, reply: Reply) -> None:
        self.usage = reply.usage
        self.text_bytes = reply.text_bytes
        self.finish_reason = reply.finish_reason or ""
        self.served_model = reply.model
        self.upstream_id = reply.upstream_id

    def succeeded(self) -> AttemptEnd:
        return self._end("ok", None, self._count(), is_ok=True)

    def failed(self, error: ProviderError) -> AttemptEnd:
        """An upstream that took the prompt may bill for it: then what it used is estimated."""
        has_used = error.reached_model or self.text_bytes > 0 or self.usage is not None
        used = self._count() if has_used else NOTHING_USED
        return self._end(error.status, error, used, is_ok=False if error.cools_down else None)

    def cancelled(self) -> AttemptEnd:
        return self._end("cancelled", None, self._count(), is_ok=None)

    def abort(self) -> None:
        if self.upstream is not None:
            self.upstream.abort()

    def _count(self) -> CountedUsage:
        hold = self._job.hold
        most = None if hold is None else hold.most_output_tokens(self.step.deployment)
        return count_usage(self.usage, self._job.decision.features.prompt_tokens, self.text_bytes, most)

    def _end(self, status: str, error: ProviderError | None, used: CountedUsage, *, is_ok: bool | None) -> AttemptEnd:
        if self.record is not None:
            return self.record
        self.seconds = self._clock.monotonic() - self._started
        price = self.price
        is_free = used.input_tokens == 0 and used.output_tokens == 0
        cost = None if price is None else attempt_cost(price, *used.billed)
        self.record = AttemptEnd(
            id=self._job.request_id,
            number=self._number,
            role=self.step.role,
            retry=self._retry,
            at_ms=self._at_ms,
            deployment=self.step.deployment,
            language_model=self._deployment.model,
            provider=self._deployment.provider,
            status=status,
            error_class=error.error_class if error else "",
            error_message=error.message[:_MESSAGE_CHARACTERS] if error else "",
            http_status=(error.http_status if error else 0) or (self.upstream.status if self.upstream else 0),
            connect_ms=self.upstream.connect_ms if self.upstream else None,
            ttft_ms=self.ttft_ms,
            latency_ms=round(self.seconds * 1000),
            input_tokens=used.input_tokens,
            output_tokens=used.output_tokens,
            cached_tokens=used.cached_tokens,
            cache_write_tokens=used.cache_write_tokens,
            is_usage_estimated=used.is_estimated,
            price=price,
            cost_nusd=0 if is_free else cost,
            finish_reason=self.finish_reason,
            upstream_id=self.upstream_id[:100],
            warnings=self.warnings,
        )
        # A plain answer has no first token of its own; the time to its head is the latency signal we have.
        self._live.attempt_ended(
            self.step.deployment,
            self._clock.now_ms(),
            ok=is_ok,
            ttft_ms=self.ttft_ms if self._job.chat.is_streaming else self._head_ms,
            is_live=self._job.is_live,
            is_probe=self._is_probe,
            retry_after_ms=error.retry_after_ms if error else None,
            tokens=used.output_tokens or 0,
        )
        if self._job.hold is not None:
            self._job.hold.ended(self.step.deployment)
        self._job.on_attempt(self.record)
        return self.record


def upstream_seconds(attempts: Sequence[Attempt]) -> float:
    """The time in which at least one of them ran; they come in the order of their starts."""
    if len(attempts) == 1 and attempts[0].record:
        return attempts[0].seconds
    seconds, until = 0.0, float("-inf")
    for attempt in attempts:
        start, end = attempt.span
        seconds += max(0.0, end - max(start, until))
        until = max(until, end)
    return seconds


def unhandled(problem: Exception) -> BadAnswer:
    """What a problem of ours is to the caller: the answer was there and is lost."""
    return BadAnswer(f"This answer could not be handled ({type(problem).__name__}).")
