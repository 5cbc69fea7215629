"""Route, decisions, feedback, health and metrics over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from django.db import OperationalError

from routerapp.serving.identifiers import make_id
from routerapp.store.keys import make_key
from routerapp.store.records import Begin, FeedbackGiven
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_snapshot, journal_of

GOOD = {"model": "auto", "messages": [{"role": "user", "content": "Say hello"}]}


@pytest.fixture
def running(tmp_path) -> Iterator[Running]:
    with running_gateway(tmp_path) as server:

        async def nothing_stored(work, /, *args, **kwargs):
            return None

        server.runtime.in_thread = nothing_stored
        yield server


@pytest.mark.parametrize("path", ["/v1/router/route", "/api/route"])
def test_route_decides_and_sends_and_records_nothing(running, path):
    response = running.post(GOOD, path)

    document = response.json()
    assert response.status_code == 200
    assert (document["deployment"], document["model"], document["provider"]) == ("cheap", "cheap", "cheap-provider")
    assert document["estimated_cost_usd"] > 0
    assert len(document["decision"]["seed"]) == 16
    assert [one["deployment"] for one in document["decision"]["plan"]] == ["cheap", "dear"]
    assert journal_of(running.runtime) == []


def test_a_decision_can_be_read_as_soon_as_the_answer_is_there(running):
    prompt = {"messages": [{"role": "user", "content": "Xylophone zebra"}]}
    decision_id = running.post(prompt).headers["x-router-decision-id"]

    with running.client() as client:
        document = client.get(f"/v1/router/decisions/{decision_id}").json()

    assert document["id"] == decision_id
    assert document["status"] == "ok"
    assert document["attempts"][0]["deployment"] == "cheap"
    assert document["decision"]["trace"]
    assert "zebra" not in str(document).lower()


def test_a_decision_of_another_key_is_not_found_unless_the_key_may_read(tmp_path):
    keys = {}

    def make_snapshot(given):
        from tests.runtimes import a_key

        keys.update(given, other=a_key(), auditor=a_key())
        return a_snapshot(keys=keys, callers={"auditor": {"scopes": ["read"]}})

    with running_gateway(tmp_path, make_snapshot) as running:
        path = "/v1/router/decisions/" + running.post(GOOD).headers["x-router-decision-id"]
        statuses = {}
        for name in ("app", "other", "auditor"):
            with httpx.Client(base_url=running.url, headers={"x-api-key": keys[name].full}, trust_env=False) as client:
                statuses[name] = client.get(path).status_code
                if name == "auditor":
                    refused = client.post("/v1/chat/completions", json=GOOD)

    assert statuses == {"app": 200, "other": 404, "auditor": 200}
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "scope_missing")


def test_a_young_unseen_decision_is_pending_an_old_or_invented_one_is_not_found(running):
    now_ms = int(time.time() * 1000)
    young, old = make_id(now_ms, lambda n: 7), make_id(now_ms - 60_000, lambda n: 7)
    with running.client() as client:
        pending = client.get(f"/v1/router/decisions/{young}")
        gone = client.get(f"/v1/router/decisions/{old}")
        odd = client.get("/v1/router/decisions/nonsense")

    assert (pending.status_code, pending.json()["error"]["code"]) == (404, "decision_pending")
    assert pending.headers["retry-after"] == "1"
    assert gone.json()["error"]["code"] == odd.json()["error"]["code"] == "decision_not_found"


def test_feedback_is_journalled_and_idempotent(running):
    decision_id = running.post(GOOD).headers["x-router-decision-id"]
    body = {"decision_id": decision_id, "rating": 0.8, "comment": "good"}

    first, again = (running.post(body, "/v1/feedback", headers={"idempotency-key": "once"}) for _ in range(2))
    other = running.post({"request_id": decision_id, "kind": "boolean", "value": False}, "/v1/feedback")

    assert {first.status_code, again.status_code, other.status_code} == {202}
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]
    given = [record for record in journal_of(running.runtime) if isinstance(record, FeedbackGiven)]
    assert (given[0].kind, given[0].value, given[0].comment, given[0].source) == ("rating", 0.8, "good", "app")
    assert (given[-1].kind, given[-1].value) == ("boolean", 0.0)


@pytest.mark.parametrize(
    "change",
    [
        {"rating": 5},
        {"rating": "high"},
        {"boolean": 1},
        {"label": "x" * 61},
        {"comment": "x" * 2_001},
        {"comment": ""},
        {},
        {"stars": 3},
        {"kind": "vote", "value": 1},
        {"decision_id": "nonsense", "rating": 1},
    ],
)
def test_feedback_that_makes_no_sense_is_400(running, change):
    body = {"decision_id": make_id(int(time.time() * 1000), lambda n: 1)} | change

    assert running.post(body, "/v1/feedback").status_code == 400


def test_health_and_metrics(running):
    running.post(GOOD)
    with httpx.Client(base_url=running.url, trust_env=False) as client:
        assert client.get("/livez").status_code == 200
        assert client.get("/readyz").json()["status"] == "ready"
        text = client.get("/metrics").text
        forwarded = client.get("/metrics", headers={"x-forwarded-for": "203.0.113.7"})

    assert 'signalbox_requests_total{origin="live",policy="support",status="ok",http_class="2xx"} 1' in text
    assert 'signalbox_attempts_total{deployment="cheap",error_class="none"} 1' in text
    assert 'signalbox_breaker_state{deployment="cheap"} 0' in text
    assert "signalbox_overhead_seconds_count 1" in text
    assert forwarded.status_code == 401


def test_a_draining_worker_is_not_ready_and_yet_answers_who_is_connected(running):
    running.runtime.is_draining = True
    with running.client() as client:
        ready = client.get("/readyz")
    answered = running.post(GOOD)
    running.runtime.is_draining = False

    assert (ready.status_code, ready.json()["status"]) == (503, "draining")
    assert answered.status_code == 200


def test_one_that_closes_takes_nothing_new(running):
    running.runtime.is_closing = True
    refused = running.post(GOOD)
    running.runtime.is_closing = False

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "draining")
    assert refused.headers["retry-after"] == "1"


def test_an_unforeseen_fault_is_500_without_details(running, monkeypatch, caplog):
    def fail(*args):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("routerapp.gateway.chat.parse_chat", fail)
    response = running.post(GOOD)

    assert response.status_code == 500
    assert response.json()["error"]["code"] == "internal_error"
    assert "secret" not in response.text
    assert response.json()["error"]["request_id"] in caplog.text


def test_metadata_is_stored_by_allow_list_and_user_as_a_hash(running):
    metadata = {"team": "legal", "ticket": "secret-4711", "tags": ["a", "b"]}
    running.post(GOOD | {"metadata": metadata, "user": "ada@example.org", "tags": ["b", "c"]})

    begin = next(record for record in journal_of(running.runtime) if isinstance(record, Begin))
    assert begin.inputs.facts.metadata == {"team": "legal"}
    assert begin.inputs.facts.tags == ("b", "c", "a")
    assert len(begin.user_hash) == 64
    raw = b"".join(path.read_bytes() for path in running.runtime.journal.folder.glob("*.log"))
    assert b"ada@" not in raw
    assert b"4711" not in raw


def test_what_only_the_database_knows_is_503_while_it_is_away(running, caplog):
    async def reload() -> None:
        raise OperationalError("unable to open database file")

    async def in_thread(work, *args):
        raise OperationalError("unable to open database file")

    running.runtime.reload, running.runtime.in_thread = reload, in_thread
    decision_id = make_id(int(time.time() * 1000), lambda bits: 1)
    with running.client(authorization=f"Bearer {make_key().full}") as client:
        unknown_key = client.get("/v1/models")
    with running.client() as client:
        decision = client.get(f"/v1/router/decisions/{decision_id}")
        answer = client.post("/v1/chat/completions", json=GOOD)

    assert answer.status_code == 200
    for refused in (unknown_key, decision):
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert refused.json()["error"]["code"] == "database_unavailable"
    assert not caplog.records


def test_an_unknown_key_makes_the_worker_look_for_a_newer_configuration_first(running):
    from tests.runtimes import a_key

    newcomer = a_key()
    runtime = running.runtime
    looks = []

    async def reload() -> None:
        looks.append(1)
        runtime.swap(a_snapshot(keys={"app": running.key, "new": newcomer}, serial=2))

    runtime.reload = reload
    with httpx.Client(base_url=running.url, trust_env=False, timeout=10) as client:
        found = client.get("/v1/models", headers={"x-api-key": newcomer.full})
        unknown = client.get("/v1/models", headers={"x-api-key": a_key().full})

    assert (found.status_code, unknown.status_code) == (200, 401)
    assert len(looks) == 2
