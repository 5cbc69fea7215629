"""The only retry and fallback loop. Executes one decision's plan: plain or streamed, one deadline and one cost ceiling over all of it.

    run = attempts.run(PlanJob(...))
    reply = await run.plain()                  # or raises AllFailed
    await run.open_stream()                    # or raises AllFailed; the first token has arrived when it returns
    async for events in run.events(): ...      # SSE events, never [DONE]; then run.outcome says whether the answer is complete
    await run.close()                          # always, in a finally: aborts what still runs, harmless otherwise
    run.outcome                                # at any time: status, attempts, tokens, cost

Until the first token nothing has been promised to the caller and the next target may be asked. After it an error ends the events and
stands in run.outcome.error; no finish reason is ever invented. Cancelling the task, or closing events(), aborts the upstream, books
what was used and tries nothing more. Must not know HTTP libraries, the ORM or the gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from routerapp.engine.types import InFlight, LiveDeployment, PlanStep, ProbePermit
from routerapp.engine.verdicts import Verdict
from routerapp.providers.base import Adapter, Reply, Transport
from routerapp.providers.clock import Clock
from routerapp.providers.errors import BadAnswer, ProviderError, TotalTimeout
from routerapp.serving.answer_stream import AnswerStream
from routerapp.serving.attempt import Attempt
from routerapp.serving.exchange import Exchange
from routerapp.serving.plan_gate import PlanGate
from routerapp.serving.plan_job import AllFailed, Outcome, PlanJob, SkippedStep
from routerapp.serving.retry_budget import RetryBudget
from routerapp.store.live import LiveState
from routerapp.store.secrets import SecretRefused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Backoff:
    """Full jitter: a random wait between nothing and base × 2^retry, capped (AWS Architecture Blog, 2015)."""

    base_ms: float = 250
    cap_ms: float = 4_000

    def wait_seconds(self, retry: int, chance: float) -> float:
        return chance * min(self.cap_ms, self.base_ms * 2.0**retry) / 1000


class Attempts:
    """What every plan needs; one per worker. random() gives floats in [0, 1)."""

    def __init__(
        self,
        transport: Transport,
        adapters: Mapping[str, Adapter],
        live: LiveState,
        clock: Clock,
        random: Callable[[], float],
        retry_budget: RetryBudget | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.transport = transport
        self.adapters = adapters
        self.live = live
        self.clock = clock
        self.random = random
        self.retry_budget = retry_budget or RetryBudget()
        self.backoff = backoff or Backoff()

    def run(self, job: PlanJob) -> PlanRun:
        return PlanRun(self, job)


class PlanRun:
    """One plan being executed. Use plain, or open_stream and events; once."""

    def __init__(self, attempts: Attempts, job: PlanJob) -> None:
        self._with = attempts
        self._job = job
        self._deadline = attempts.clock.monotonic() + job.decision.limits.total_ms / 1000
        self._tried: list[Attempt] = []
        self._skipped: list[SkippedStep] = []
        self._errors: list[ProviderError] = []
        self._gate: PlanGate | None = None
        self._stream: AnswerStream | None = None
        self._status = ""
        self._is_active = False
        self._is_closed = False
        self._has_used_effects = False
        self._steps_started = 0

    async def plain(self) -> Reply:
        """The whole answer. Raises AllFailed."""
        try:
            reply = await self._try_plan(self._ask_plain)
        finally:
            await self.close()
        return reply

    async def open_stream(self) -> None:
        """Returns when an upstream has sent its first token. Raises AllFailed."""
        try:
            self._stream = await self._try_plan(self._ask_stream)
        finally:
            if self._stream is None:
                await self.close()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Whole SSE events as the upstream sent them; what came together stays together. No [DONE], no usage (outcome.usage_event)."""
        if self._stream is None:
            raise RuntimeError("open_stream comes first")
        attempt = self._tried[-1]
        try:
            while (events := await self._stream.next_events()) is not None:
                yield events
            await self._succeed(attempt)
        except ProviderError as error:
            self._fail(attempt, error)
        except BaseException as problem:
            self._give_up(problem)
            raise
        finally:
            await self.close()

    async def close(self) -> None:
        """Ends what still runs as cancelled. May be called at any time and more than once."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._has_used_effects:
            self._with.live.release(self._job.effects)
        if self._tried and self._tried[-1].record is None:
            self._give_up(asyncio.CancelledError())
        if self._is_active:
            self._with.retry_budget.request_ended()

    @property
    def outcome(self) -> Outcome:
        attempt = self._tried[-1] if self._tried else None
        error = self._errors[-1] if self._errors and self._status not in ("ok", "cancelled") else None
        waits = [e.retry_after_ms for e in self._errors if e.retry_after_ms is not None]
        record = attempt.record if attempt else None
        usage_event = self._stream.usage_event if self._stream else None
        return Outcome(
            status=self._status or (error.status if error else "no_candidate"),
            error=error,
            attempts=tuple(one.record for one in self._tried if one.record is not None),
            skipped=tuple(self._skipped),
            deployment=attempt.step.deployment if attempt else "",
            language_model=record.language_model if record else "",
            provider=record.provider if record else "",
            served_model=attempt.served_model if attempt else "",
            finish_reason=attempt.finish_reason if attempt else "",
            ttft_ms=attempt.ttft_ms if attempt else None,
            upstream_seconds=sum(one.seconds for one in self._tried),
            retry_after_ms=min(waits) if waits and error and error.client_status in (429, 502) else None,
            usage_event=usage_event if self._job.chat.wants_stream_usage else None,
        )

    async def _try_plan(self, ask: Callable[[Attempt], Awaitable[T]]) -> T:
        """The loop: each step in order, each step again while a retry makes sense."""
        self._is_active = True
        self._with.retry_budget.request_started(self._with.clock.monotonic())
        plan = self._job.decision.plan
        try:
            for position, step in enumerate(plan):
                retry = 0
                while (attempt := self._start(step, retry)) is not None:
                    try:
                        return await ask(attempt)
                    except ProviderError as error:
                        self._fail(attempt, error)
                        wait = self._wait_before_retry(step, error, retry, plan[position + 1 :])
                    if wait is None:
                        break
                    await self._with.clock.sleep(wait)
                    retry += 1
        except (AllFailed, ProviderError):
            raise
        except BaseException as problem:
            self._give_up(problem)
            raise
        raise AllFailed(self.outcome)

    def _start(self, step: PlanStep, retry: int) -> Attempt | None:
        """The next attempt, or None with the reason noted. The primary's first one was decided this instant and is not asked again."""
        is_primary = not self._tried and not self._skipped
        if not is_primary:
            self._check_deadline()
            if not self._is_open(step, note=True):
                return None
        try:
            target = self._job.target(step.deployment)
        except (KeyError, SecretRefused):
            self._skipped.append(SkippedStep(step.deployment, Verdict.DEPLOYMENT_DISABLED))
            return None
        self._steps_started += retry == 0
        attempt = Attempt(self._job, step, self._steps_started, retry, target, self._with.live, self._with.clock)
        applied = [type(effect) for effect in self._job.effects if getattr(effect, "deployment", "") == step.deployment]
        is_counted = is_primary and InFlight in applied
        is_probe = ProbePermit in applied if is_counted else self._live_of(step).breaker == "half_open"
        attempt.start(is_counted=is_counted, is_probe=is_probe)
        self._has_used_effects = self._has_used_effects or is_counted
        self._tried.append(attempt)
        return attempt

    def _wait_before_retry(
        self, step: PlanStep, error: ProviderError, retry: int, rest: Sequence[PlanStep]
    ) -> float | None:
        """Seconds until the same deployment is asked again, or None to go on. Raises AllFailed where nothing may follow.

        An upstream that named a time is never asked before it, so it is not asked again here at all.
        """
        if not error.falls_back:
            raise AllFailed(self.outcome)
        if not error.is_retryable or error.retry_after_ms is not None or retry >= self._job.decision.limits.retries:
            return None
        if error.prefers_fallback and any(self._is_open(other) for other in rest):
            return None
        wait = self._with.backoff.wait_seconds(retry, self._with.random())
        now = self._with.clock.monotonic()
        if now + wait >= self._deadline or not self._is_open(step):
            return None
        return wait if self._with.retry_budget.try_take(now) else None

    def _is_open(self, step: PlanStep, *, note: bool = False) -> bool:
        """Whether the engine admits this step now. note: keep the reason when it does not."""
        if self._gate is None:
            self._gate = PlanGate(self._job)
        spent = sum(one.record.cost_nusd or 0 for one in self._tried if one.record)
        reason = self._gate.why_not(step, self._live_of(step), self._with.clock.now_ms(), spent)
        if reason is not None and note:
            self._skipped.append(SkippedStep(step.deployment, *reason))
        return reason is None

    def _live_of(self, step: PlanStep) -> LiveDeployment:
        view = self._with.live.view(self._with.clock.now_ms())
        return view.deployments.get(step.deployment) or LiveDeployment()

    def _check_deadline(self) -> None:
        if self._with.clock.monotonic() >= self._deadline:
            self._errors.append(TotalTimeout("The time for this request is over."))
            raise AllFailed(self.outcome)

    async def _ask_plain(self, attempt: Attempt) -> Reply:
        """Only while another target is left does giving up early on a silent one gain anything."""
        limits = self._job.decision.limits
        is_last = attempt.step is self._job.decision.plan[-1]
        exchange = self._exchange(attempt)
        await exchange.open(limits.total_ms if is_last else limits.first_token_ms)
        reply = await exchange.read_reply()
        await self._succeed(attempt)
        return reply

    async def _ask_stream(self, attempt: Attempt) -> AnswerStream:
        exchange = self._exchange(attempt)
        await exchange.open(self._job.decision.limits.first_token_ms)
        stream = AnswerStream(exchange, attempt, self._job.chat)
        await stream.wait_for_first_token()
        return stream

    def _exchange(self, attempt: Attempt) -> Exchange:
        adapter = self._with.adapters[attempt.target.kind]
        return Exchange(self._job, attempt, adapter, self._with.transport, self._with.clock, self._deadline)

    async def _succeed(self, attempt: Attempt) -> None:
        self._status = "ok"
        attempt.succeeded()
        if attempt.upstream is not None:
            await attempt.upstream.close()

    def _fail(self, attempt: Attempt, error: ProviderError) -> None:
        error.conceal(attempt.target.credential)
        self._errors.append(error)
        attempt.abort()
        attempt.failed(error)
        if self._gate is None:
            self._gate = PlanGate(self._job)
        self._gate.note(attempt.step, error)

    def _give_up(self, problem: BaseException) -> None:
        """The caller left, or we met something we cannot handle: the upstream must not go on working for nobody."""
        attempt = self._tried[-1] if self._tried else None
        if isinstance(problem, Exception):
            if attempt is not None and attempt.record is None:
                self._fail(attempt, BadAnswer(f"This answer could not be handled ({type(problem).__name__})."))
            return
        self._status = "cancelled"
        if attempt is not None and attempt.record is None:
            attempt.abort()
            attempt.cancelled()
