"""Spans reach a collector, and a collector that does not take them costs no request anything."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from routerapp.providers.egress import EgressGuard
from routerapp.providers.otlp import Collector, NotDelivered, Span
from routerapp.serving.recent import RecentRequest
from routerapp.serving.traces.context import begin_trace
from routerapp.serving.traces.spans import TracedRequest
from routerapp.serving.traces.tracer import MOST_WAITING, Tracer
from routerapp.store.records import AttemptEnd, Begin, End
from tests.otlp_collector import otlp_collector

LOOPBACK = EgressGuard(["127.0.0.1"])


def a_request(number: int = 0) -> TracedRequest:
    begin = Begin(id=f"r-{number}", at_ms=1_000, origin="live", requested_model="auto\ud800")
    attempt = AttemptEnd(
        id=begin.id,
        number=1,
        role="primary",
        at_ms=1_001,
        deployment="d",
        language_model="m",
        provider="p",
        status="ok",
        latency_ms=20,
    )
    recent = RecentRequest(begin, [attempt], End(id=begin.id, at_ms=1_030, status="ok", http_status=200, latency_ms=30))
    return TracedRequest(recent, begin_trace({}, 1.0, lambda n: number + 2), {})


class Down:
    """Fails as told; counts how often it was asked."""

    def __init__(self, *, is_retryable: bool) -> None:
        self.asked = 0
        self.is_retryable = is_retryable

    def send(self, spans: Sequence[Span]) -> int:
        self.asked += 1
        raise NotDelivered("HTTP 503", is_retryable=self.is_retryable)

    def close(self) -> None:
        return None


def wait_until(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_batch_arrives_whole_with_the_headers_it_was_given():
    with otlp_collector() as collector:
        tracer = Tracer(
            lambda: Collector(f"{collector.url}/v1/traces", {"x-token": "t"}, LOOPBACK, {"service.name": "signalbox"}),
            flush_seconds=0.01,
        )
        for number in range(300):
            tracer.ended(a_request(number))
        tracer.start()
        spans = collector.wait_for(600)
        tracer.close()

    assert len(spans) == tracer.counts.sent == 600
    assert collector.headers[0]["x-token"] == "t"
    assert not tracer.counts.dropped.total()


def test_what_a_collector_refuses_is_counted():
    with otlp_collector() as collector:
        collector.rejects = 1
        tracer = Tracer(lambda: Collector(f"{collector.url}/v1/traces", {}, LOOPBACK, {}), flush_seconds=0.01)
        tracer.start()
        tracer.ended(a_request())
        wait_until(lambda: tracer.counts.sent)
        tracer.close()

    assert (tracer.counts.sent, tracer.counts.dropped["refused"]) == (1, 1)


@pytest.mark.parametrize(("is_retryable", "tries"), [(True, 4), (False, 1)])
def test_what_is_never_taken_is_dropped_and_counted(is_retryable, tries, caplog):
    down = Down(is_retryable=is_retryable)
    tracer = Tracer(lambda: down, flush_seconds=0.001)
    tracer.start()
    for number in range(3):
        tracer.ended(a_request(number))
        wait_until(lambda number=number: tracer.counts.dropped["not_delivered"] == 2 * (number + 1))
    tracer.close()

    assert down.asked == 3 * tries
    assert len(caplog.records) == 1, "one line per outage"


def test_a_full_queue_drops_the_newest_and_counts_them():
    tracer = Tracer(lambda: Down(is_retryable=True))
    for number in range(MOST_WAITING + 10):
        tracer.ended(a_request(number))

    assert tracer.waiting == MOST_WAITING
    assert tracer.counts.dropped["queue_full"] == 20


def test_handing_over_takes_no_time_worth_speaking_of():
    tracer = Tracer(lambda: Down(is_retryable=True))
    requests = [a_request(number) for number in range(MOST_WAITING)]
    began = time.thread_time()
    for one in requests:
        tracer.ended(one)

    assert (time.thread_time() - began) / len(requests) < 50e-6


@pytest.mark.parametrize("status", [400, 401, 500, 503])
def test_what_a_collector_says_when_it_refuses_is_repeated_nowhere(status, caplog):
    with otlp_collector() as collector:
        collector.status = status
        headers = {"authorization": "Bearer planted-otlp"}
        tracer = Tracer(lambda: Collector(f"{collector.url}/v1/traces", headers, LOOPBACK, {}), flush_seconds=0.001)
        tracer.start()
        tracer.ended(a_request())
        wait_until(lambda: tracer.counts.dropped["not_delivered"] == 2)
        tracer.close()

    assert f"HTTP {status}" in caplog.text
    assert "planted-otlp" not in caplog.text + repr(tracer.counts)


def test_closing_does_not_wait_for_a_slow_collector_for_long():
    with otlp_collector() as collector:
        collector.seconds = 3
        tracer = Tracer(lambda: Collector(f"{collector.url}/v1/traces", {}, LOOPBACK, {}), flush_seconds=0.001)
        tracer.start()
        tracer.ended(a_request())
        wait_until(lambda: collector.asked)
        began = time.monotonic()
        tracer.close()

    assert time.monotonic() - began < 6


def test_an_address_the_guard_refuses_is_never_connected_to(caplog):
    with otlp_collector() as collector:
        tracer = Tracer(lambda: Collector(f"{collector.url}/v1/traces", {}, EgressGuard(), {}), flush_seconds=0.001)
        tracer.start()
        tracer.ended(a_request())
        wait_until(lambda: tracer.counts.dropped["not_delivered"] == 2)
        tracer.close()

    assert collector.asked == 0
    assert "SIGNALBOX_EGRESS_ALLOW" in caplog.text


def test_one_request_that_cannot_be_told_does_not_take_the_others_with_it(monkeypatch):
    from routerapp.serving.traces import tracer as module

    real = module.spans_of
    monkeypatch.setattr(module, "spans_of", lambda one: 1 / 0 if one.recent.begin.id == "r-1" else real(one))
    with otlp_collector() as collector:
        tracer = Tracer(lambda: Collector(f"{collector.url}/v1/traces", {}, LOOPBACK, {}), flush_seconds=0.01)
        for number in range(3):
            tracer.ended(a_request(number))
        tracer.start()
        collector.wait_for(4)
        tracer.close()

    assert tracer.counts.dropped["not_encodable"] == 1
