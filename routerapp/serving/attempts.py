"""The only retry and fallback loop. Executes one decision's plan: plain or streamed, one deadline and one cost ceiling over all of it.

    run = attempts.run(PlanJob(...))
    reply = await run.plain()                  # or raises AllFailed
    await run.open_stream()                    # or raises AllFailed; the first token has arrived when it returns
    async for events in run.events(): ...      # SSE events, never [DONE]; then run.outcome says whether the answer is complete
    await run.close()                          # always, in a finally: aborts what still runs, harmless otherwise
    run.outcome                                # at any time: status, attempts, tokens, cost

Until the first token nothing has been promised to the caller and the next target may be asked; a hedge is asked while the one before
it is still silent, and whoever is slower is aborted and booked. After it an error ends the events and stands in run.outcome.error; no
finish reason is ever invented. Cancelling the task, or closing events(), aborts the upstream, books what was used and tries nothing
more. Must not know HTTP libraries, the ORM or the gateway.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

import msgspec

from routerapp.engine.types import InFlight, LiveDeployment, PlanStep, ProbePermit
from routerapp.engine.verdicts import Verdict
from routerapp.providers.base import Adapter, Reply, Transport, dialect_of
from routerapp.providers.clock import Clock
from routerapp.providers.errors import ProviderError, TotalTimeout
from routerapp.serving.answer_stream import AnswerStream
from routerapp.serving.attempt import Attempt, unhandled, upstream_seconds
from routerapp.serving.backoff import Backoff
from routerapp.serving.cascade import Beside, KeptStream, refusals_of
from routerapp.serving.exchange import Exchange
from routerapp.serving.plan_gate import PlanGate
from routerapp.serving.plan_job import AllFailed, Outcome, PlanJob, SkippedStep
from routerapp.serving.race import race
from routerapp.serving.retry_budget import RetryBudget
from routerapp.serving.unsaid import left_unsaid
from routerapp.store.live import LiveState
from routerapp.store.secrets import SecretRefused

T = TypeVar("T", Reply, AnswerStream | KeptStream)
HEDGE = "hedge"


class PlanOver(Exception):
    """Nothing may follow in this plan, though steps are left."""


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
        self._answering: Attempt | None = None
        self._skipped: list[SkippedStep] = []
        self._errors: list[ProviderError] = []
        self._stream: AnswerStream | KeptStream | None = None
        self._status = ""
        self._is_active = False
        self._is_closed = False
        self._has_used_effects = False
        self._numbers: dict[str, int] = {}

    async def plain(self) -> Reply:
        """The whole answer. Raises AllFailed."""
        try:
            attempt, reply = await self._try_plan(self._ask_plain)
            await self._succeed(attempt)
        finally:
            await self.close()
        return reply

    async def open_stream(self) -> None:
        """Returns when an upstream has sent its first token. Raises AllFailed."""
        try:
            _, self._stream = await self._try_plan(self._ask_stream)
        finally:
            if self._stream is None:
                await self.close()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Whole SSE events as the upstream sent them; what came together stays together. No [DONE], no usage (outcome.usage_event)."""
        attempt = self._answering
        if self._stream is None or attempt is None:
            raise RuntimeError("open_stream comes first")
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
        if any(attempt.record is None for attempt in self._tried):
            self._give_up(asyncio.CancelledError())
        if self._is_active:
            self._with.retry_budget.request_ended()

    @property
    def outcome(self) -> Outcome:
        attempt = self._answering or (self._tried[-1] if self._tried else None)
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
            upstream_seconds=upstream_seconds(self._tried),
            retry_after_ms=min(waits) if waits and error and error.client_status in (429, 502) else None,
            usage_event=usage_event if self._job.chat.wants_stream_usage else None,
            last_event=self._stream.last_event if self._stream else None,
            dialect=self._dialect_of(attempt),
            warnings=attempt.warnings if attempt else (),
        )

    @cached_property
    def _gate(self) -> PlanGate:
        """Made when a second attempt is thinkable: most plans end with their first."""
        return PlanGate(self._job)

    async def _try_plan(self, ask: Callable[[Attempt], Awaitable[T]]) -> tuple[Attempt, T]:
        """The loop: each step in order, a hedge beside the step before it. An answer that does not pass is better than none after it."""
        self._is_active = True
        self._with.retry_budget.request_started(self._with.clock.monotonic())
        plan = self._job.decision.plan
        position = 0
        kept: tuple[Attempt, T] | None = None
        try:
            while position < len(plan):
                step, hedge_after_ms = plan[position], self._hedge_after_ms(position)
                if hedge_after_ms is None:
                    found, used = await self._try_step(position, ask), 1
                else:
                    found, used = await self._race_step(position, ask, hedge_after_ms)
                if found is not None and (not step.accept_if or await self._is_accepted(step, *found)):
                    self._answering = found[0]
                    return found
                kept = found or kept
                position += used
        except PlanOver:
            pass
        except BaseException as problem:
            self._give_up(problem)
            raise
        if kept is None:
            raise AllFailed(self.outcome)
        self._answering = kept[0]
        return kept

    async def _is_accepted(self, step: PlanStep, attempt: Attempt, answer: T) -> bool:
        """One that is not is booked at once, with the checks that it failed."""
        refusals = await refusals_of(step, self._job, answer, self._ask_beside)
        if refusals:
            attempt.warnings += refusals
            await self._book(attempt)
        return not refusals

    async def _ask_beside(self, beside: Beside) -> bytes | None:
        """One more call that a check needs, as a plan of its own within what is left of this one; None where it gets no answer."""
        seconds_left, spent = self._deadline - self._with.clock.monotonic(), self._spent(self._with.clock.now_ms())
        job = beside.job(self._job, len(self._tried), spent, seconds_left)
        run = PlanRun(self._with, job)
        try:
            return (await run.plain()).body if run._is_open(job.decision.plan[0], note=True) else None
        except AllFailed:
            return None
        finally:
            self._tried += run._tried

    async def _try_step(
        self, position: int, ask: Callable[[Attempt], Awaitable[T]], *, is_hedge: bool = False
    ) -> tuple[Attempt, T] | None:
        """One step, again while a retry makes sense (a hedge is an extra already: never). None: the next step's turn."""
        plan = self._job.decision.plan
        step = plan[position]
        if step.role == HEDGE and not is_hedge:
            step = msgspec.structs.replace(step, role="fallback")
        retry = 0
        while (attempt := self._start(step, retry)) is not None:
            try:
                return attempt, await ask(attempt)
            except ProviderError as error:
                self._fail(attempt, error)
                if is_hedge:
                    return None
                wait = self._wait_before_retry(step, error, retry, plan[position + 1 :])
            except Exception as problem:
                self._fail(attempt, unhandled(problem))
                raise
            if wait is None:
                return None
            await self._with.clock.sleep(wait)
            retry += 1
        return None

    def _hedge_after_ms(self, position: int) -> int | None:
        plan = self._job.decision.plan
        is_hedged = position + 1 < len(plan) and plan[position + 1].role == HEDGE
        return self._job.decision.limits.hedge_after_ms if is_hedged else None

    async def _race_step(
        self, position: int, ask: Callable[[Attempt], Awaitable[T]], hedge_after_ms: int
    ) -> tuple[tuple[Attempt, T] | None, int]:
        """The answer of a step or of its hedge, and how many steps that took: 1 while the hedge may still follow as a fallback."""
        hedge = self._job.decision.plan[position + 1]
        used = 1

        def start_hedge() -> Coroutine[Any, Any, tuple[Attempt, T] | None] | None:
            nonlocal used
            now = self._with.clock.monotonic()
            if now >= self._deadline or not self._is_open(hedge) or not self._with.retry_budget.try_take(now):
                return None
            used = 2
            return self._try_step(position + 1, ask, is_hedge=True)

        first = self._try_step(position, ask)
        found = await race(self._with.clock, first, hedge_after_ms / 1000, start_hedge, self._drop_losers)
        return found, used

    def _drop_losers(self, found: tuple[Attempt, object] | None) -> None:
        for attempt in self._tried:
            if attempt.record is None and (found is None or attempt is not found[0]):
                attempt.cancelled()
                attempt.abort()

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
        warnings = left_unsaid(self._with.adapters[target.kind], self._job, target)
        if isinstance(warnings, SkippedStep):
            self._skipped.append(warnings)
            return None
        number = self._numbers.setdefault(step.deployment, self._job.numbers_after + len(self._numbers) + 1)
        attempt = Attempt(self._job, step, number, retry, target, self._with.live, self._with.clock)
        attempt.warnings = warnings + self._job.warnings_of(step.deployment)
        is_counted = is_probe = False
        if is_primary:
            for effect in self._job.effects:
                if type(effect) is InFlight and effect.deployment == step.deployment:
                    is_counted = True
                elif type(effect) is ProbePermit and effect.deployment == step.deployment:
                    is_probe = True
        if not is_counted:
            is_probe = self._live_of(step).breaker == "half_open"
        attempt.start(is_counted=is_counted, is_probe=is_probe)
        self._has_used_effects = self._has_used_effects or is_counted
        self._tried.append(attempt)
        return attempt

    def _wait_before_retry(
        self, step: PlanStep, error: ProviderError, retry: int, rest: Sequence[PlanStep]
    ) -> float | None:
        """Seconds until the same deployment is asked again, or None to go on. Raises PlanOver where nothing may follow.

        An upstream that named a time is never asked before it, so it is not asked again here at all.
        """
        if not error.falls_back:
            raise PlanOver
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
        now_ms = self._with.clock.now_ms()
        reason = self._gate.why_not(step, self._live_of(step), now_ms, self._spent(now_ms), is_starting=note)
        if reason is not None and note:
            self._skipped.append(SkippedStep(step.deployment, *reason))
        return reason is None

    def _spent(self, now_ms: int) -> int:
        """Nano-dollars of all attempts so far; of one that is not booked yet, what it is expected to cost."""
        ended = sum(one.record.cost_nusd or 0 for one in self._tried if one.record)
        running = [one.step for one in self._tried if one.record is None]
        return ended + sum(self._gate.cost_of(step, self._live_of(step), now_ms) for step in running)

    def _live_of(self, step: PlanStep) -> LiveDeployment:
        view = self._with.live.view(self._with.clock.now_ms())
        return view.deployments.get(step.deployment) or LiveDeployment()

    def _check_deadline(self) -> None:
        if self._with.clock.monotonic() >= self._deadline:
            self._errors.append(TotalTimeout("The time for this request is over."))
            raise PlanOver

    async def _ask_plain(self, attempt: Attempt) -> Reply:
        """Only while another target is left does giving up early on a silent one gain anything."""
        limits = self._job.decision.limits
        is_last = attempt.step.deployment == self._job.decision.plan[-1].deployment
        exchange = self._exchange(attempt)
        await exchange.open(limits.total_ms if is_last else limits.first_token_ms)
        return await exchange.read_reply()

    async def _ask_stream(self, attempt: Attempt) -> AnswerStream | KeptStream:
        exchange = self._exchange(attempt)
        await exchange.open(self._job.decision.limits.first_token_ms)
        stream = AnswerStream(exchange, attempt, self._job.chat)
        await stream.wait_for_first_token()
        return await KeptStream.of(stream) if attempt.step.accept_if else stream

    def _dialect_of(self, attempt: Attempt | None) -> str:
        return dialect_of(self._with.adapters[attempt.target.kind], self._job.chat) if attempt else "openai"

    def _exchange(self, attempt: Attempt) -> Exchange:
        adapter = self._with.adapters[attempt.target.kind]
        return Exchange(self._job, attempt, adapter, self._with.transport, self._with.clock, self._deadline)

    async def _succeed(self, attempt: Attempt) -> None:
        self._status = "ok"
        await self._book(attempt)

    async def _book(self, attempt: Attempt) -> None:
        attempt.succeeded()
        if attempt.upstream is not None:
            await attempt.upstream.close()

    def _fail(self, attempt: Attempt, error: ProviderError) -> None:
        error.conceal(attempt.target.credential)
        self._errors.append(error)
        attempt.abort()
        attempt.failed(error)
        self._gate.note(attempt.step, error)

    def _give_up(self, problem: BaseException) -> None:
        """The caller left, or we met something we cannot handle: the upstream must not go on working for nobody."""
        running = [attempt for attempt in self._tried if attempt.record is None]
        if isinstance(problem, Exception):
            for attempt in running:
                self._fail(attempt, unhandled(problem))
            return
        self._status = "cancelled"
        for attempt in running:
            attempt.abort()
            attempt.cancelled()
