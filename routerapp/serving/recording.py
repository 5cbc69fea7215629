"""What is written down about one request, and when: begin, each attempt's end, end. Also keeps budget, metrics and the recent ring in step.

Every path through serve_chat ends in exactly one end(); a worker that dies before it leaves a begin that recovery closes.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from msgspec.structs import replace

from routerapp.engine.chat import Chat
from routerapp.engine.money import attempt_cost
from routerapp.engine.types import CallerFacts, Price
from routerapp.serving.admission import Admission
from routerapp.serving.answer_acceptance import is_refused
from routerapp.serving.answer_uses import AnswerUses
from routerapp.serving.headers import decision_headers
from routerapp.serving.identifiers import make_id
from routerapp.serving.plan_job import CHECK, Outcome, PlanJob
from routerapp.serving.recent import RecentRequest
from routerapp.serving.route_chat import Prepared
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused, internal_error
from routerapp.serving.sticky_units import note_served
from routerapp.serving.traces.spans import TracedRequest
from routerapp.serving.units import hash_user
from routerapp.store.journal import JournalFull
from routerapp.store.records import AttemptEnd, Begin, End

# HTTP's "client closed request", as nginx records it; nobody is there to receive it.
CLIENT_CLOSED = 499
log = logging.getLogger(__name__)


class Recording:
    def __init__(self, runtime: Runtime, chat: Chat | None, caller: CallerFacts, origin: str) -> None:
        self.runtime = runtime
        self.chat = chat
        self.caller = caller
        self.origin = origin
        self.at_ms = runtime.clock.now_ms()
        self.id = make_id(self.at_ms, runtime.random_bits)
        self.admission = Admission(runtime, chat, caller, self.at_ms)
        self.uses: AnswerUses | None = None
        tracer = runtime.tracer
        self._trace = tracer.begin(chat.headers if chat else {}, runtime.random_bits) if tracer else None
        self.ended: End | None = None
        self._prepared: Prepared | None = None
        self._started = runtime.clock.monotonic()
        self._recent: RecentRequest | None = None
        self._baseline: Price | None = None
        self._is_unrecorded = False
        self._answered: AttemptEnd | None = None

    def begin(self, prepared: Prepared | None) -> None:
        """Written before the first upstream byte. Raises Refused 503 when there is no room for records."""
        chat, caller = self.chat, self.caller
        self._prepared = prepared
        baseline = prepared.baseline() if prepared else None
        self._baseline = baseline[1] if baseline else None
        begin = Begin(
            id=self.id,
            at_ms=prepared.now_ms if prepared else self.at_ms,
            origin=self.origin,
            key=caller.slug,
            team=caller.team,
            user_hash=_user_hash(chat, prepared),
            requested_model=chat.requested_model if chat else "",
            is_streaming=chat.is_streaming if chat else False,
            decision=prepared.decision if prepared else None,
            inputs=prepared.inputs if prepared else None,
            live=prepared.live if prepared else None,
            chat_body=self.uses.chat_body if self.uses else None,
            baseline=baseline,
            reservation_nusd=self.admission.held_nusd,
            endpoint=chat.endpoint if chat else "chat",
            dialect=chat.dialect if chat else "openai",
        )
        self._append_begin(begin)
        # The ring is for decisions; content in it would be up to a quarter of a megabyte a request.
        self._recent = self.runtime.recent.add(replace(begin, chat_body=None) if begin.chat_body else begin)

    async def begun(self, prepared: Prepared) -> None:
        """Where records have to survive a power cut: waits until begin does, before anything is sent. Raises Refused 503.

        The decision's effects are applied before it waits, and taken back when nothing will be sent.
        """
        live = self.runtime.live
        live.apply(prepared.effects)
        try:
            is_safe = await self.runtime.journal.durable()
        except BaseException:
            live.release(prepared.effects)
            self.end("cancelled", CLIENT_CLOSED, "client_closed")
            raise
        if not is_safe and self._refuses_when_full:
            live.release(prepared.effects)
            raise spool_full()

    def job(self, prepared: Prepared) -> PlanJob:
        """The decision as work for attempts; every attempt's end comes back here."""
        assert self.chat is not None
        return PlanJob(
            request_id=self.id,
            chat=self.chat,
            decision=prepared.decision,
            inputs=prepared.inputs,
            config=prepared.snapshot.config,
            target=self.runtime.target,
            on_attempt=self._attempt_ended,
            evidence=prepared.snapshot.evidence,
            effects=prepared.effects,
            is_live=self.origin == "live",
            hold=self.admission.hold,
            trace=self._trace if self.runtime.tracer and self.runtime.tracer.propagates else None,
        )

    def headers(self, prepared: Prepared) -> dict[str, str]:
        """What every reply to a decided request carries."""
        headers = decision_headers(self.id, prepared.decision) | self.admission.headers()
        if self.uses is not None and self.uses.cache:
            headers["x-router-cache"] = self.uses.cache
        return headers

    def end(self, status: str, http_status: int, error_code: str = "", outcome: Outcome | None = None) -> End:
        """Written before the last byte leaves. A second call changes nothing."""
        if self.ended is not None:
            return self.ended
        is_ok = outcome is not None and status == "ok"
        uses, now_ms = self.uses, self.runtime.clock.now_ms()
        self.ended = End(
            id=self.id,
            at_ms=now_ms,
            status=status,
            http_status=http_status,
            error_code=error_code,
            deployment=outcome.deployment if outcome else "",
            language_model=outcome.language_model if outcome else "",
            provider=outcome.provider if outcome else "",
            attempts=len(outcome.attempts) if outcome else 0,
            input_tokens=outcome.input_tokens if outcome else None,
            output_tokens=outcome.output_tokens if outcome else None,
            cached_tokens=outcome.cached_tokens if outcome else None,
            is_usage_estimated=outcome.is_usage_estimated if outcome else False,
            cost_nusd=outcome.cost_nusd if outcome else 0,
            baseline_cost_nusd=self._baseline_cost(outcome) if is_ok else None,
            ttft_ms=outcome.ttft_ms if outcome and is_ok else None,
            latency_ms=max(0, round(self._elapsed() * 1000)),
            overhead_us=self.overhead_us(outcome),
            finish_reason=outcome.finish_reason if outcome and is_ok else "",
            answer=uses.ended(outcome, now_ms) if uses else None,
            cache=uses.cache if uses else "",
            saved_nusd=outcome.saved_nusd if outcome else None,
            lost_cache_tokens=self._note_served(outcome, now_ms),
            warnings=outcome.warnings if outcome else (),
        )
        self._settle(self.ended)
        self._hand_over(outcome)
        return self.ended

    def refuse(self, refused: Refused, prepared: Prepared | None = None, outcome: Outcome | None = None) -> None:
        """Record that there is no answer, and why; and let the refusal carry the id."""
        refused.decision_id = self.id
        try:
            if self._recent is None:
                self.begin(prepared)
        except Refused:
            # Counted, not told: the journal has said why, and there may be thousands of these a second.
            self.runtime.metrics.request_unrecorded()
        status = outcome.status if outcome and outcome.attempts else refused.request_status
        self.end(status, refused.status, refused.code, outcome)

    def abandon(self, problem: BaseException, outcome: Outcome) -> BaseException:
        """The answer was never finished: the caller left or the worker stops, else it is a fault of ours. Returns what to raise."""
        if not isinstance(problem, Exception):
            self.end("cancelled", CLIENT_CLOSED, "client_closed", outcome)
            return problem
        log.error("Request %s failed.", self.id, exc_info=problem)
        fault = internal_error()
        fault.decision_id = self.id
        self.end("interrupted", fault.status, fault.code, outcome)
        return fault

    def overhead_us(self, outcome: Outcome | None) -> int:
        """Our own share of the time so far."""
        upstream = outcome.upstream_seconds if outcome else 0.0
        return max(0, round((self._elapsed() - upstream) * 1_000_000))

    def _elapsed(self) -> float:
        return self.runtime.clock.monotonic() - self._started

    def _attempt_ended(self, attempt: AttemptEnd) -> None:
        if self._recent is not None:
            self._recent.attempts.append(attempt)
        self.admission.note(attempt)
        self.runtime.metrics.attempt_ended(attempt)
        if attempt.status == "ok" and self._answered is None and attempt.role != CHECK and not is_refused(attempt):
            # The end follows in the same turn of the event loop: one write for both.
            self._answered = attempt
        else:
            self._append(attempt)

    def _baseline_cost(self, outcome: Outcome | None) -> int | None:
        """The baseline's price on what the answer used; failed attempts would not have been made there."""
        last = outcome.answered if outcome and outcome.attempts else None
        if self._baseline is None or last is None or last.input_tokens is None:
            return None
        parts = (last.cached_tokens or 0, last.cache_write_tokens or 0)
        return attempt_cost(self._baseline, last.input_tokens, last.output_tokens or 0, *parts)

    def _note_served(self, outcome: Outcome | None, now_ms: int) -> int | None:
        if outcome is None or self._prepared is None:
            return None
        return note_served(self.runtime.live, self._prepared, outcome, now_ms)

    def _settle(self, end: End) -> None:
        runtime = self.runtime
        self.admission.release()
        decision = self._prepared.decision if self._prepared else None
        runtime.metrics.request_ended(self.origin, decision.policy if decision else "", end, self.caller)
        if self._recent is not None:
            self._recent.end = replace(end, answer=None) if end.answer else end
            self._append(end)

    def _hand_over(self, outcome: Outcome | None) -> None:
        """To whoever sends spans; nothing is built here."""
        tracer, context, recent = self.runtime.tracer, self._trace, self._recent
        if tracer is None or context is None or recent is None:
            return
        targets = self._prepared.snapshot.targets if self._prepared else {}
        tracer.ended(TracedRequest(recent, context, targets, outcome.served_model if outcome else ""))

    def _append_begin(self, begin: Begin) -> None:
        """Raises Refused 503 where there is no room; where requests are served all the same, none of this one's records is written."""
        runtime = self.runtime
        if runtime.journal.has_room:
            with suppress(JournalFull):
                runtime.journal.append(begin)
                return
        if self._refuses_when_full:
            raise spool_full()
        self._is_unrecorded = True
        runtime.metrics.request_unrecorded()

    @property
    def _refuses_when_full(self) -> bool:
        return bool(self.runtime.snapshot.settings.get("when_spool_is_full", "refuse") == "refuse")

    def _append(self, record: AttemptEnd | End) -> None:
        """A record that finds no room is counted and lost: the answer itself is worth more than its row."""
        answered, self._answered = self._answered, None
        if self._is_unrecorded:
            return
        try:
            if answered is None:
                self.runtime.journal.append(record)
            else:
                self.runtime.journal.append(answered, record)
        except JournalFull:
            self.runtime.metrics.record_lost()


def record_refusal(runtime: Runtime, caller: CallerFacts, origin: str, refused: Refused) -> str:
    """A request that never became a chat; returns its id."""
    recording = Recording(runtime, None, caller, origin)
    recording.refuse(refused)
    refused.headers.update(recording.admission.headers())
    return recording.id


def spool_full() -> Refused:
    return Refused(
        503,
        "spool_full",
        "There is no room for records on the disk; requests are refused until there is.",
        source="router",
        retry_after_ms=5_000,
    )


def _user_hash(chat: Chat | None, prepared: Prepared | None) -> str:
    if prepared is not None:
        return prepared.inputs.facts.user or ""
    return hash_user(chat.extras.user) if chat and chat.extras.user else ""
