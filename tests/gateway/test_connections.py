"""Callers that leave, configurations that change under load, and a real upstream over the guarded client."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.egress import EgressGuard
from routerapp.providers.simulated import SimulatedTransport
from routerapp.store.records import Begin, End
from tests.gateway.server import running_gateway
from tests.runtimes import a_deployment, a_policy, a_snapshot, journal_of
from tests.upstream import MisbehavingUpstream

GOOD = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}
SLOW = {"ttft_ms": {"p50": 200, "p95": 210}, "tokens_per_second": 20, "output_tokens": {"mean": 400}}


def wait_for(condition, seconds: float = 60.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not happen in time")


def ends(runtime) -> list[End]:
    return [record for record in journal_of(runtime) if isinstance(record, End)]


@pytest.mark.parametrize("is_streaming", [True, False])
def test_a_caller_who_leaves_cancels_a_simulated_upstream(tmp_path, is_streaming):
    def make_snapshot(keys):
        return a_snapshot(keys=keys, simulations={"cheap": SLOW, "dear": SLOW})

    with running_gateway(tmp_path, make_snapshot) as running:
        with running.client() as client:
            if is_streaming:
                with client.stream("POST", "/v1/chat/completions", json=GOOD | {"stream": True}) as response:
                    next(response.iter_raw())
            else:
                with pytest.raises(httpx.ReadTimeout):
                    client.post("/v1/chat/completions", json=GOOD, timeout=0.3)
        left_at = time.monotonic()
        end = wait_for(lambda: ends(running.runtime))[0]

        # Long before the answer would have ended by itself.
        assert time.monotonic() - left_at < 10
        assert (end.status, end.http_status) == ("cancelled", 499)
        assert wait_for(lambda: running.runtime.in_flight == 0)


@pytest.mark.parametrize("is_streaming", [True, False])
def test_a_caller_who_leaves_closes_the_connection_to_a_real_upstream(tmp_path, is_streaming):
    with real_upstream(tmp_path, "slow" if is_streaming else "hang-head") as (running, upstream):
        with running.client() as client:
            if is_streaming:
                with client.stream("POST", "/v1/chat/completions", json=GOOD | {"stream": True}) as response:
                    next(response.iter_raw())
            else:
                with pytest.raises(httpx.ReadTimeout):
                    client.post("/v1/chat/completions", json=GOOD, timeout=0.3)

        assert wait_for(lambda: upstream.requests and upstream.requests[0].left.is_set())
        assert wait_for(lambda: ends(running.runtime))[0].status == "cancelled"
        time.sleep(0.1)
        assert len(upstream.requests) == 1


def test_a_real_upstream_gets_what_was_sent_without_our_extras(tmp_path):
    with real_upstream(tmp_path, "ok") as (running, upstream):
        extras = {
            "user": "ada",
            "metadata": {"team": "x"},
            "tags": ["t"],
            "router": {"explain": False},
            "models": ["up"],
        }
        own = {"seed": 7, "logit_bias": {"50256": -100}, "x_unknown": {"deep": [1, {"a": None}]}}
        response = running.post(GOOD | own | extras)

        assert response.status_code == 200
        assert response.json()["model"] == "real-model-0613"
        assert response.json()["usage"]["cost"] > 0
        sent = upstream.requests[0].body
        assert {name: sent[name] for name in own} == own
        assert sent["messages"] == GOOD["messages"]
        assert not set(extras) & set(sent)
        assert "authorization" not in upstream.requests[0].headers


def test_a_real_upstream_streams_through(tmp_path):
    with real_upstream(tmp_path, "ok") as (running, _), running.client() as client:
        with client.stream("POST", "/v1/chat/completions", json=GOOD | {"stream": True}) as response:
            text = response.read().decode()

        assert "Hello" in text
        assert "世界" in text
        assert text.endswith("data: [DONE]\n\n")
        assert '"usage"' not in text
        end = ends(running.runtime)[0]
        assert (end.input_tokens, end.output_tokens, end.cached_tokens) == (11, 3, 4)


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        ("429-wait-7", 429, "upstream_rate_limited"),
        ("500", 502, "upstream_unavailable"),
        ("401", 502, "credential_rejected"),
        ("404", 502, "model_gone"),
        ("400", 400, "upstream_rejected"),
        ("reset", 502, "stream_broken"),
        ("redirect", 502, "bad_answer"),
    ],
)
def test_a_real_upstream_that_fails_gives_a_clear_error(tmp_path, behaviour, status, code):
    with real_upstream(tmp_path, behaviour) as (running, _):
        response = running.post(GOOD)

        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (status, code)
        assert "secret" not in response.text
        if behaviour == "429-wait-7":
            assert response.headers["retry-after"] == "7"


def test_a_configuration_swapped_under_load_never_breaks_a_request(tmp_path):
    def snapshot_of(number: int, keys):
        names = ("one", "two") if number % 2 else ("three", "four")
        deployments = [a_deployment(f"{name}") for name in names]
        policies = [a_policy(f"policy-{number % 2}", strategy={"kind": "round_robin"})]
        return a_snapshot(deployments=deployments, policies=policies, keys=keys, serial=number)

    with running_gateway(tmp_path, lambda keys: snapshot_of(1, keys)) as running:
        stop = threading.Event()

        def swap() -> None:
            number = 2
            while not stop.is_set():
                snapshot = snapshot_of(number, {"app": running.key})
                running.call(lambda found=snapshot: running.runtime.swap(found))
                number += 1
                time.sleep(0.01)

        def ask(count: int) -> list[tuple[int, str, str]]:
            with running.client() as client:
                responses = [client.post("/v1/chat/completions", json=GOOD) for _ in range(count)]
            return [
                (one.status_code, one.headers["x-router-policy"], one.headers["x-router-model"]) for one in responses
            ]

        swapper = threading.Thread(target=swap)
        swapper.start()
        with ThreadPoolExecutor(8) as pool:
            answers = [answer for part in pool.map(ask, [25] * 8) for answer in part]
        stop.set()
        swapper.join()

        assert {status for status, _, _ in answers} == {200}
        assert {(policy, model) for _, policy, model in answers} == {
            ("policy-1", "one"),
            ("policy-1", "two"),
            ("policy-0", "three"),
            ("policy-0", "four"),
        }
        records = journal_of(running.runtime)
        assert len({record.id for record in records if isinstance(record, Begin)}) == 200
        assert len(ends(running.runtime)) == 200


class real_upstream:
    """A gateway whose only deployment is a server on loopback that behaves as asked."""

    def __init__(self, folder, behaviour: str) -> None:
        self._folder = folder
        self._behaviour = behaviour

    def __enter__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._upstream = MisbehavingUpstream()
        self._run(self._upstream.__aenter__())

        def make_snapshot(keys):
            deployments = [a_deployment("up", kind="openai", upstream_model="real-model")]
            return a_snapshot(deployments=deployments, keys=keys, base_urls={"up": self._upstream.url(self._behaviour)})

        def make_transport():
            clock = SystemClock()
            outgoing = HttpTransport(EgressGuard(("127.0.0.1",)), clock)
            return DispatchTransport(outgoing, SimulatedTransport(clock))

        self._gateway = running_gateway(self._folder, make_snapshot, make_transport)
        return self._gateway.__enter__(), self._upstream

    def __exit__(self, *problem) -> None:
        self._gateway.__exit__(*problem)
        self._run(self._upstream.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)
