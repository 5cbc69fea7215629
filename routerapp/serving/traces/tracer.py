"""Carries ended requests from the event loop to the collector: a bounded queue, one thread, batches. The loop only ever appends.

A collector that is down, slow or refusing costs spans, counted by reason, and never a request.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from routerapp.providers.otlp import NotDelivered, Span
from routerapp.serving.traces.context import TraceContext, begin_trace
from routerapp.serving.traces.spans import TracedRequest, spans_of

MOST_WAITING = 2_000
MOST_IN_BATCH = 200
FLUSH_SECONDS = 1.0
LAST_FLUSH_SECONDS = 5.0
TRIES = 4
log = logging.getLogger(__name__)


class Sends(Protocol):
    def send(self, spans: Sequence[Span]) -> int: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Counts:
    """Written by the thread alone, but for queue_full; read by whoever prints metrics."""

    sent: int = 0
    dropped: Counter[str] = field(default_factory=Counter)


class Tracer:
    """open_collector is called in the thread. sample: share of the traces that begin here. propagates: upstreams get a traceparent."""

    def __init__(
        self,
        open_collector: Callable[[], Sends],
        *,
        sample: float = 1.0,
        propagates: bool = False,
        flush_seconds: float = FLUSH_SECONDS,
    ) -> None:
        self.counts = Counts()
        self.propagates = propagates
        self._open_collector = open_collector
        self._sample = sample
        self._flush_seconds = flush_seconds
        self._waiting: deque[TracedRequest] = deque()
        self._stop = threading.Event()
        self._is_away = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Sends what waits, for a few seconds at most. Blocks."""
        self._stop.set()
        self._thread.join(LAST_FLUSH_SECONDS)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def begin(self, headers: Mapping[str, str], random_bits: Callable[[int], int]) -> TraceContext:
        return begin_trace(headers, self._sample, random_bits)

    def ended(self, traced: TracedRequest) -> None:
        """Called on the event loop; costs an append."""
        if not traced.context.is_sampled:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.counts.dropped["queue_full"] += 1 + len(traced.recent.attempts)
            return
        self._waiting.append(traced)

    def _run(self) -> None:
        try:
            collector = self._open_collector()
        except Exception as problem:
            log.error("Traces are off: %s: %s", type(problem).__name__, problem)
            return
        while not self._stop.wait(self._flush_seconds):
            self._flush(collector)
        self._flush(collector)
        collector.close()

    def _flush(self, collector: Sends) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(MOST_IN_BATCH, len(self._waiting)))]
            self._deliver(collector, self._spans(batch))

    def _spans(self, batch: Sequence[TracedRequest]) -> list[Span]:
        """One request that cannot be told must not take the others with it."""
        spans: list[Span] = []
        for traced in batch:
            try:
                spans += spans_of(traced)
            except Exception:
                log.exception("The spans of request %s could not be made.", traced.recent.begin.id)
                self.counts.dropped["not_encodable"] += 1
        return spans

    def _deliver(self, collector: Sends, spans: list[Span]) -> None:
        if not spans:
            return
        problem = ""
        for number in range(TRIES):
            try:
                refused = collector.send(spans)
            except NotDelivered as failure:
                problem = str(failure)
                # While stopping there is no time to wait for better days.
                is_last = not failure.is_retryable or number + 1 == TRIES
                if is_last or self._stop.wait(self._flush_seconds * 2**number):
                    break
            except Exception as failure:
                problem = type(failure).__name__
                break
            else:
                self.counts.sent += len(spans) - refused
                self.counts.dropped["refused"] += refused
                self._note("")
                return
        self.counts.dropped["not_delivered"] += len(spans)
        self._note(problem)

    def _note(self, problem: str) -> None:
        """One line when the collector goes, one when it is back."""
        if problem and not self._is_away:
            log.warning("Spans cannot be delivered: %s Requests are served as ever.", _sentence(problem))
        elif not problem and self._is_away:
            log.warning("Spans are delivered again; %d were lost.", self.counts.dropped["not_delivered"])
        self._is_away = bool(problem)


def _sentence(text: str) -> str:
    return text if text.endswith(".") else text + "."
