"""A test of a provider says in plain words what is wrong and what to do, step by step, and gives nothing away."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from routerapp.models import AuditEvent, Provider
from routerapp.providers.errors import ConnectFailed
from routerapp.serving import diagnose_provider as diagnosing
from routerapp.serving.diagnose_provider import diagnose_provider
from routerapp.serving.diagnosis.values import Diagnosis
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from tests.factories import a_deployment, a_language_model, a_provider
from tests.misbehaving import CHAT, MODELS, Answer, FakeUpstream, fake_upstream
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db
KEY = "sk-very-secret-credential-0042"


@pytest.fixture
def upstream(settings: Any) -> Iterator[FakeUpstream]:
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, egress_allow=("127.0.0.1",))
    with fake_upstream() as fake:
        yield fake


def the_provider(url: str, **more: Any) -> Provider:
    return a_provider(slug="acme", kind="openai", base_url=url, credential=KEY, **more)


def diagnosis(**asked: Any) -> Diagnosis:
    found = diagnose_provider("acme", by=ADMIN, **{"seconds": 5.0} | asked)
    assert KEY not in repr(found)
    return found


def states(found: Diagnosis) -> dict[str, str]:
    return {step.name: step.state for step in found.steps}


def test_one_that_works_shows_every_step_and_what_it_lists(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.works().url}/v1")
    found = diagnosis(upstream_model="small-1")

    assert found.is_ok
    assert states(found) == {
        "Address allowed": "ok",
        "Name found": "ok",
        "Connected": "ok",
        "List of models": "ok",
        "Tiny call": "ok",
    }
    assert found.models == ("large-1", "small-1")
    sent = json.loads(upstream.seen[-1][3])
    assert (sent["model"], sent["max_completion_tokens"]) == ("small-1", 16)


def test_without_a_model_nothing_is_paid_for(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.works().url}/v1")

    assert diagnosis().is_ok
    assert [path for _, path, *_ in upstream.seen] == ["/v1/models"]


ANSWERS: dict[str, tuple[dict[str, Any], str, str]] = {
    "wrong key": ({"status": 401, "body": {"error": {"message": f"bad {KEY}"}}}, "credential_rejected", "rotate"),
    "not allowed": ({"status": 403, "body": {"error": "no"}}, "forbidden", "access"),
    "no money": ({"status": 402, "body": {}}, "no_credit", "credit"),
    "no quota": ({"status": 429, "body": {"error": {"message": "You exceeded your quota"}}}, "no_credit", "quota"),
    "limited": ({"status": 429, "body": {}, "headers": {"retry-after": "7"}}, "rate_limited", "in 7 seconds"),
    "down": ({"status": 503, "body": {"error": {"message": "overloaded"}}}, "upstream_down", "status page"),
    "a page": ({"body": "<html>Sign in</html>", "headers": {"content-type": "text/html"}}, "not_json", "proxy"),
    "a page refused": ({"status": 403, "body": "<!doctype html><h1>Blocked"}, "not_json", "proxy"),
    "not JSON": ({"body": "hello"}, "not_json", "something else"),
    "redirect": ({"status": 302, "headers": {"location": "https://sso.example/x"}}, "redirected", "proxy"),
    "TLS there": (
        {"status": 400, "body": "Client sent an HTTP request to an HTTPS server."},
        "tls_expected",
        "https://",
    ),
    "other": ({"status": 422, "body": {"error": {"message": "odd"}}}, "rejected", "option"),
    "wrong key, 400": (
        {"status": 400, "body": {"error": {"message": "API key not valid."}}},
        "credential_rejected",
        "",
    ),
    "deep": ({"body": "[" * 100_000}, "not_json", ""),
    "resets": ({"resets": True}, "broke_off", "https://"),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_that_is_wrong_is_named_with_what_to_do(upstream: FakeUpstream, case: str) -> None:
    said, code, remedy = ANSWERS[case]
    the_provider(f"{upstream.works().says(**said).url}/v1")
    found = diagnosis(upstream_model="small-1")

    assert found.finding.code == code
    assert remedy in found.finding.remedy
    assert states(found)["List of models"] == "fail"
    assert states(found)["Tiny call"] == "skipped"


def test_a_wrong_address_is_found_one_version_further(upstream: FakeUpstream) -> None:
    the_provider(upstream.works().url)
    found = diagnosis()

    assert found.finding.code == "wrong_address"
    assert f"{upstream.url}/v1" in found.finding.remedy


def test_an_address_with_the_path_of_a_call_is_cut(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.works().url}/v1/chat/completions")

    assert f"Cut the end off the address: {upstream.url}/v1." in diagnosis().finding.remedy


def test_a_server_without_a_list_works_all_the_same(upstream: FakeUpstream) -> None:
    upstream.says(body=CHAT, path="/v1/chat/completions")
    the_provider(f"{upstream.url}/v1")
    found = diagnosis(upstream_model="small-1")

    assert found.is_ok
    assert states(found)["List of models"] == "warn"


def test_an_unknown_model_is_told_from_a_wrong_address_and_the_nearest_named(upstream: FakeUpstream) -> None:
    said = {"error": {"message": "The model `smal-1` does not exist", "code": "model_not_found"}}
    the_provider(f"{upstream.works().says(404, said, '/v1/chat/completions').url}/v1")
    found = diagnosis(upstream_model="smal-1")

    assert found.finding.code == "unknown_model"
    assert "small-1" in found.finding.remedy


def test_a_call_in_another_dialect_is_said(upstream: FakeUpstream) -> None:
    said = {"type": "message", "content": [{"type": "text", "text": "ok"}]}
    the_provider(f"{upstream.works().says(200, said, '/v1/chat/completions').url}/v1")
    found = diagnosis(upstream_model="small-1")

    assert (found.finding.code, found.finding.remedy) == ("wrong_dialect", "Choose the kind for Anthropic.")


def test_a_list_in_another_dialect_is_an_obstacle_only_where_nothing_is_called(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.works().says(body={'candidates': []}).url}/v1")

    assert diagnosis().finding.remedy == "Choose the kind for Google Gemini."
    assert diagnosis(upstream_model="small-1").is_ok


def test_slow_works_but_is_said(upstream: FakeUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerapp.serving.diagnosis.answer_words.SLOW_MS", 100)
    upstream.works().answers["/v1/chat/completions"].seconds = 0.2
    the_provider(f"{upstream.url}/v1")
    found = diagnosis(upstream_model="small-1")

    assert found.is_ok
    assert [warning.code for warning in found.warnings] == ["slow"]


@pytest.mark.parametrize("answer", [Answer(body=MODELS, seconds=2), Answer(body=MODELS, drip=0.2)])
def test_a_server_that_hangs_or_drips_is_given_up_in_time(upstream: FakeUpstream, answer: Answer) -> None:
    upstream.answers["/v1/models"] = answer
    the_provider(f"{upstream.url}/v1")
    found = diagnosis(seconds=0.5)

    assert (found.finding.code, states(found)["List of models"]) == ("timeout", "fail")
    assert found.elapsed_ms < 1_500


def test_a_closed_port_is_said(upstream: FakeUpstream) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    the_provider(f"http://127.0.0.1:{port}/v1")
    found = diagnosis()

    assert found.finding.code == "connect_refused"
    assert str(port) in found.finding.words
    assert (states(found)["Name found"], states(found)["Connected"]) == ("ok", "fail")


def test_plain_http_behind_https_is_said(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.works().url.replace('http:', 'https:')}/v1")
    found = diagnosis()

    assert found.finding.code == "tls_failed"
    assert "http://" in found.finding.remedy
    assert states(found)["TLS"] == "fail"


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("http://10.1.2.3:8000/v1", "10.1.2.3"),
        ("http://localhost:11434/v1", "127.0.0.1"),
        ("http://169.254.169.254/v1", "169.254.169.254"),
    ],
)
def test_the_guard_is_named_with_the_entry_to_add(db: None, url: str, entry: str) -> None:
    the_provider(url)
    found = diagnosis()

    assert found.finding.code == "egress_refused"
    assert "SIGNALBOX_EGRESS_ALLOW" in found.finding.remedy
    assert entry in found.finding.remedy
    assert states(found)["Address allowed"] == "fail"


def test_a_name_on_a_private_network_is_named_as_the_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, ["10.0.0.9"])
    the_provider("http://gpu.corp.example/v1")

    assert "add gpu.corp.example to SIGNALBOX_EGRESS_ALLOW" in diagnosis().finding.remedy


def test_a_name_nobody_knows_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, None)
    the_provider("http://nowhere.example/v1")
    found = diagnosis()

    assert found.finding.code == "name_unknown"
    assert "nowhere.example" in found.finding.words


def _resolve(monkeypatch: pytest.MonkeyPatch, addresses: list[str] | None) -> None:
    real = diagnosing.try_call

    def lookup(host: str, port: int) -> list[str]:
        if addresses is None:
            raise ConnectFailed(f"The name {host} cannot be looked up.")
        return addresses

    monkeypatch.setattr(diagnosing, "try_call", lambda *call: real(*call, lookup=lookup))


def test_a_missing_credential_and_the_wrong_vendors_are_told_apart(upstream: FakeUpstream) -> None:
    upstream.works().key = "another"
    bare = a_provider(slug="bare", kind="openai", base_url=f"{upstream.url}/v1")
    the_provider(f"{upstream.url}/v1", preset="groq")

    assert diagnose_provider(bare.slug, by=ADMIN).finding.code == "credential_missing"
    assert "begin with gsk_" in diagnosis().finding.words


def test_a_credential_is_tried_before_it_is_kept(upstream: FakeUpstream) -> None:
    upstream.works().key = "the-new-one"
    the_provider(f"{upstream.url}/v1")

    assert not diagnosis().is_ok
    assert diagnosis(credential="the-new-one").is_ok


def test_an_upstream_that_repeats_the_key_gives_nothing_away(upstream: FakeUpstream) -> None:
    echo = {"error": {"message": f"<script>{KEY}</script>" + "x" * 5_000}}
    the_provider(f"{upstream.says(500, echo).url}/v1")
    assert len(diagnosis().finding.quote) <= 160

    upstream.says(200, {"data": [{"id": KEY}, {"id": "x" * 5_000}, {"id": 7}, {"id": "a\x00b"}, "plain"]})
    assert diagnosis().models == ("plain", "…")


def test_a_deployments_own_address_and_kind_of_model_count(upstream: FakeUpstream) -> None:
    provider = the_provider("http://10.1.2.3/v1")
    vectors = {"object": "list", "data": [{"index": 0, "embedding": [0.1]}], "usage": {"prompt_tokens": 1}}
    upstream.works().says(200, vectors, "/v1/embeddings")
    model = a_language_model(modality="embeddings")
    a_deployment(
        slug="own", provider=provider, base_url=f"{upstream.url}/v1", language_model=model, upstream_model="vec"
    )

    assert diagnosis(deployment="own").is_ok
    assert upstream.seen[-1][1] == "/v1/embeddings"


def test_a_simulated_one_works_without_a_network() -> None:
    a_provider(slug="acme", kind="simulated")

    assert diagnosis().is_ok


def test_it_takes_an_admin_and_leaves_a_line_in_the_audit_log(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.works().url}/v1")
    with pytest.raises(NotAllowed):
        diagnose_provider("acme", by=PUBLISHER)
    diagnosis(credential="something-else-entirely")
    event = AuditEvent.objects.get(action="test_provider")

    assert event.after == {"found": "ok", "asked_model": "", "with_new_key": True}


def test_a_deployment_of_another_provider_is_refused(upstream: FakeUpstream) -> None:
    the_provider(f"{upstream.url}/v1")
    a_deployment(slug="foreign")
    with pytest.raises(Invalid):
        diagnosis(deployment="foreign")
