"""Real requests, a real collector: what spans say, what they never say, and that a broken collector is nobody's problem."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from routerapp.observability_settings import OtlpSettings
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from routerapp.serving.traces.tracer import Tracer
from routerapp.serving.watching import make_tracer
from tests.gateway.server import Running, running_gateway
from tests.otlp_collector import Collector, attributes_of, otlp_collector
from tests.process.product import PROJECT
from tests.runtimes import a_deployment, a_policy, a_snapshot
from tests.scripted_upstream import Scripted, scripted_upstream, streamed, whole
from tests.upstream import DONE, ROLE, STOP, USAGE_EVENT, WORDS
from tests.upstream import whole as openai_body

LOOPBACK = EgressGuard(["127.0.0.1"])
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CHAT = {"model": "auto", "messages": [{"role": "user", "content": "planted prompt"}], "user": "planted user"}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    with scripted_upstream() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def running(upstream, tmp_path_factory) -> Iterator[Running]:
    def make_snapshot(keys):
        deployments = [a_deployment("first", kind="openai"), a_deployment("second", kind="openai", dollars=2)]
        policy = a_policy(strategy={"kind": "ordered"}, pool=["deployment:first"], fallbacks=["deployment:second"])
        urls = {"first": f"{upstream.url}/v1", "second": f"{upstream.url}/v1"}
        return a_snapshot(keys=keys, deployments=deployments, policies=[policy], base_urls=urls)

    with running_gateway(
        tmp_path_factory.mktemp("traces"), make_snapshot, lambda: HttpTransport(LOOPBACK, SystemClock())
    ) as running:
        yield running


@pytest.fixture
def collector(running) -> Iterator[Collector]:
    with otlp_collector() as collector:
        otlp = OtlpSettings(f"{collector.url}/v1/traces", {"x-token": "planted"}, propagates=True)
        tracer = make_tracer(otlp, LOOPBACK, "boot-1")
        tracer._flush_seconds = 0.02
        tracer.start()
        running.runtime.tracer = tracer
        yield collector
        running.runtime.tracer = None
        tracer.close()


def test_a_request_is_a_server_span_with_its_decision_and_one_client_span_per_attempt(running, upstream, collector):
    upstream.says(whole({"error": {"message": "no"}}, 404), whole(openai_body("planted answer").encode()))
    with running.client(traceparent=PARENT) as client:
        answer = client.post("/v1/chat/completions", json=CHAT)
    server, failed, served = collector.wait_for(3)

    assert (server.kind, failed.kind, served.kind) == (2, 3, 3)
    assert {span.trace_id.hex() for span in (server, failed, served)} == {TRACE}
    assert server.parent_span_id.hex() == "00f067aa0ba902b7"
    assert failed.parent_span_id == served.parent_span_id == server.span_id
    said = attributes_of(server)
    assert server.name == "POST /v1/chat/completions"
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.request.model"] == "auto"
    assert said["gen_ai.response.model"] == "real-model-0613"
    assert said["gen_ai.usage.input_tokens"] == 11
    assert said["http.response.status_code"] == 200
    assert said["signalbox.request_id"] == answer.headers["x-router-request-id"]
    assert said["signalbox.attempts"] == 2
    assert attributes_of(server.events[0])["signalbox.plan"] == ["first", "second"]
    first, second = attributes_of(failed), attributes_of(served)
    assert failed.status.code == 2 and first["error.type"] == "model_gone"
    assert (first["server.address"], first["server.port"]) == ("127.0.0.1", upstream.port)
    assert (first["signalbox.role"], second["signalbox.role"]) == ("primary", "fallback")
    assert second["gen_ai.provider.name"] == "second-provider"
    assert second["gen_ai.response.id"] == "up-1"
    assert second["gen_ai.response.finish_reasons"] == ["stop"]
    assert served.name == "chat second"
    assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 1e18 for span in (server, failed, served))


def test_upstreams_are_told_of_the_attempts_span(running, upstream, collector):
    upstream.says(whole(openai_body().encode()))
    with running.client(traceparent=PARENT) as client:
        client.post("/v1/chat/completions", json=CHAT)
    _, attempt = collector.wait_for(2)

    assert upstream.asked[0].headers["traceparent"] == f"00-{TRACE}-{attempt.span_id.hex()}-01"


def test_no_span_holds_content_credentials_or_what_an_upstream_said(running, upstream, collector):
    upstream.says(whole({"error": {"message": "planted upstream words"}}, 400))
    running.post(CHAT, headers={"cookie": "planted cookie", "x-planted": "planted header"})
    upstream.says(streamed([ROLE, *WORDS, STOP, USAGE_EVENT, DONE]))
    running.post(CHAT | {"stream": True})
    collector.wait_for(4)
    sent = b"".join(collector.bodies)

    assert b"planted" not in sent
    assert b"Hello" not in sent
    assert running.key.full.encode() not in sent


def test_a_stream_tells_its_time_to_the_first_token(running, upstream, collector):
    upstream.says(streamed([ROLE, *WORDS, STOP, USAGE_EVENT, DONE]))
    running.post(CHAT | {"stream": True})
    server, attempt = collector.wait_for(2)

    assert attributes_of(attempt)["gen_ai.response.time_to_first_chunk"] >= 0
    assert attributes_of(server)["gen_ai.request.stream"] is True


def test_an_unsampled_trace_is_not_sent_but_continued(running, upstream, collector):
    upstream.says(whole(openai_body().encode()))
    with running.client(traceparent=PARENT[:-2] + "00") as client:
        client.post("/v1/chat/completions", json=CHAT)
    running.post(CHAT)
    spans = collector.wait_for(2)

    assert TRACE not in {span.trace_id.hex() for span in spans}
    assert upstream.asked[0].headers["traceparent"].startswith(f"00-{TRACE}-")
    assert upstream.asked[0].headers["traceparent"].endswith("-00")


def test_refusals_are_spans_too(running, collector):
    running.post({"model": "no/such", "messages": CHAT["messages"]})
    running.post({"nonsense": True})
    spans = collector.wait_for(2)

    assert {attributes_of(span)["http.response.status_code"] for span in spans} == {400, 404}
    assert "model_not_found" in {attributes_of(span)["error.type"] for span in spans}
    assert not any(span.status.code for span in spans)


def test_without_tracing_nothing_is_sent_upstream_about_traces(running, upstream):
    upstream.says(whole(openai_body().encode()))
    with running.client(traceparent=PARENT) as client:
        client.post("/v1/chat/completions", json=CHAT)

    assert "traceparent" not in upstream.asked[0].headers


@pytest.mark.parametrize(("status", "seconds"), [(500, 0.0), (200, 5.0), (None, 0.0)])
def test_a_collector_that_fails_or_sleeps_or_is_away_slows_no_request(running, upstream, status, seconds):
    upstream.says(whole(openai_body().encode()))
    with otlp_collector() as collector:
        collector.status, collector.seconds = status or 200, seconds
        url = f"{collector.url if status else 'http://127.0.0.1:9'}/v1/traces"
        tracer = make_tracer(OtlpSettings(url), LOOPBACK, "boot-1")
        tracer._flush_seconds = 0.01
        tracer.start()
        running.runtime.tracer = tracer
        began = time.monotonic()
        with running.client() as client:
            answers = [client.post("/v1/chat/completions", json=CHAT).status_code for _ in range(30)]
        took = time.monotonic() - began
        running.runtime.tracer = None
        tracer._stop.set()

    assert answers == [200] * 30
    assert took < 30, "each would wait five seconds"
    assert isinstance(tracer, Tracer)


def test_nothing_of_opentelemetry_is_loaded_while_tracing_is_off(tmp_path):
    code = (
        "import os, sys; os.environ['SIGNALBOX_DATA_DIR']=sys.argv[1]; import routerapp.asgi;"
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'google.protobuf'))])"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path)],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "[]"
