"""What is written down about one request, and when: begin, each attempt's end, end. Also keeps budget, metrics and the recent ring in step.

Every path through serve_chat ends in exactly one end(); a worker that dies before it leaves a begin that recovery closes.
"""

from __future__ import annotations

from routerapp.engine.chat import Chat
from routerapp.engine.money import attempt_cost
from routerapp.engine.types import CallerFacts
from routerapp.providers.base import Usage
from routerapp.serving.identifiers import make_id
from routerapp.serving.recent import RecentRequest
from routerapp.serving.route_chat import Prepared
from routerapp.serving.runtime import Runtime
from routerapp.serving.served import Refused
from routerapp.serving.units import hash_user
from routerapp.store.journal import JournalFull
from routerapp.store.records import AttemptEnd, Begin, End


class Recording:
    def __init__(self, runtime: Runtime, chat: Chat | None, caller: CallerFacts, origin: str) -> None:
        self.runtime = runtime
        self.caller = caller
        self.origin = origin
        self.chat = chat
        self.at_ms = runtime.clock.now_ms()
        self.id = make_id(self.at_ms, runtime.random_bits)
        self.started = runtime.clock.monotonic()
        self.upstream_seconds = 0.0
        self.reserved_nusd = 0
        self.attempts: list[AttemptEnd] = []
        self.ended: End | None = None
        self._recent: RecentRequest | None = None
        self._baseline_price = None

    @property
    def has_begun(self) -> bool:
        return self._recent is not None

    def begin(self, prepared: Prepared | None) -> None:
        """Written before the first upstream byte. Raises Refused 503 when nothing can be written any more."""
        chat, caller = self.chat, self.caller
        baseline = prepared.baseline() if prepared else None
        self._baseline_price = baseline[1] if baseline else None
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
            baseline=baseline,
            reservation_nusd=self.reserved_nusd,
        )
        self._write(begin)
        self._recent = self.runtime.recent.add(begin)

    def attempt_ended(self, attempt: AttemptEnd) -> None:
        """latency_ms of the attempts is the providers' share of the request's time."""
        self.attempts.append(attempt)
        if self._recent is not None:
            self._recent.attempts.append(attempt)
        self.runtime.metrics.attempt_ended(attempt.deployment, attempt.error_class)
        self.runtime.journal.append(attempt)

    def cost_nusd(self) -> int | None:
        """Sum over the attempts that are priced; None when none is."""
        return _sum([attempt.cost_nusd for attempt in self.attempts])

    def end(self, status: str, http_status: int, error_code: str = "") -> End:
        """Written before the last byte leaves. A second call changes nothing."""
        if self.ended is not None:
            return self.ended
        now = self.runtime.clock.monotonic()
        attempts = self.attempts
        last = attempts[-1] if attempts else None
        served = last if last is not None and status == "ok" else last
        input_tokens = _sum([attempt.input_tokens for attempt in attempts])
        output_tokens = _sum([attempt.output_tokens for attempt in attempts])
        cached_tokens = _sum([attempt.cached_tokens for attempt in attempts])
        self.ended = End(
            id=self.id,
            at_ms=self.runtime.clock.now_ms(),
            status=status,
            http_status=http_status,
            error_code=error_code,
            deployment=served.deployment if served else "",
            language_model=served.language_model if served else "",
            provider=served.provider if served else "",
            attempts=len(attempts),
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cached_tokens=cached_tokens,
            is_usage_estimated=any(attempt.is_usage_estimated for attempt in attempts),
            cost_nusd=self.cost_nusd(),
            baseline_cost_nusd=self._baseline_cost(last, status),
            ttft_ms=last.ttft_ms if last and status == "ok" else None,
            latency_ms=max(0, round((now - self.started) * 1000)),
            overhead_us=self.overhead_us(),
            finish_reason=last.finish_reason if last and status == "ok" else "",
        )
        self._settle(self.ended)
        return self.ended

    def overhead_us(self) -> int:
        """Our own share of the time so far."""
        elapsed = self.runtime.clock.monotonic() - self.started
        return max(0, round((elapsed - self.upstream_seconds) * 1_000_000))

    def _baseline_cost(self, last: AttemptEnd | None, status: str) -> int | None:
        """The baseline's price on what the answer used; failed attempts would not have been made there."""
        price = self._baseline_price
        if price is None or last is None or status != "ok" or last.input_tokens is None:
            return None
        return attempt_cost(price, last.input_tokens, last.output_tokens or 0, last.cached_tokens or 0)

    def _settle(self, end: End) -> None:
        runtime = self.runtime
        runtime.live.settle_spend(self.caller.slug, self.reserved_nusd, end.cost_nusd or 0, end.at_ms)
        runtime.metrics.request_ended(
            self.origin, end.status, end.deployment, end.latency_ms or 0, end.overhead_us or 0, end.cost_nusd
        )
        if self._recent is not None:
            self._recent.end = end
            runtime.journal.append(end)

    def _write(self, begin: Begin) -> None:
        journal = self.runtime.journal
        if not journal.has_room and self.runtime.snapshot.settings.get("when_spool_is_full", "refuse") == "refuse":
            raise spool_full()
        try:
            journal.append(begin)
        except JournalFull:
            raise spool_full() from None


def spool_full() -> Refused:
    return Refused(
        503,
        "spool_full",
        "The disk for records is full; requests are refused until there is room.",
        source="router",
        retry_after_ms=5_000,
    )


def _user_hash(chat: Chat | None, prepared: Prepared | None) -> str:
    if prepared is not None:
        return prepared.inputs.facts.user or ""
    return hash_user(chat.extras.user) if chat and chat.extras.user else ""


def _sum(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
