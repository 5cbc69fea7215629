"""Azure OpenAI: its two kinds of address, its header, and what its content filter does to answers and events."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from routerapp.providers.azure import AzureAdapter
from routerapp.providers.base import Target
from routerapp.providers.errors import ContextTooLong, CredentialRejected, ModelGone, RateLimited, UpstreamRejected
from tests import upstream as wire
from tests.providers.chats import make_chat, make_target

ADAPTER = AzureAdapter()
CHAT = make_chat()
RESOURCE = "https://acme.openai.azure.com"


def target(url: str = RESOURCE, **options: Any) -> Target:
    return make_target(kind="azure", url=url, upstream_model="gpt-4o-eu", credential="key-1", options=options)


# As documented: https://learn.microsoft.com/azure/ai-foundry/openai/concepts/content-filter
FILTERED_PROMPT = {
    "error": {
        "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
        "Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": {
                "hate": {"filtered": True, "severity": "high"},
                "jailbreak": {"filtered": False, "detected": True},
                "self_harm": {"filtered": False, "severity": "safe"},
            },
        },
    }
}
FIRST_EVENT = {
    "choices": [],
    "created": 0,
    "id": "",
    "model": "",
    "object": "",
    "prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {"hate": {"filtered": False}}}],
}


@pytest.mark.parametrize(
    "url", [RESOURCE, RESOURCE + "/", RESOURCE + "/openai", RESOURCE + "/openai/v1", RESOURCE + "/openai/v1/"]
)
def test_without_a_version_the_v1_api_takes_the_deployment_as_model(url: str) -> None:
    request = ADAPTER.build_request(CHAT, target(url), {})

    assert request.url == f"{RESOURCE}/openai/v1/chat/completions"
    assert json.loads(request.body)["model"] == "gpt-4o-eu"
    assert request.headers["api-key"] == "key-1"
    assert "authorization" not in request.headers


def test_with_a_version_the_deployment_stands_in_the_path() -> None:
    request = ADAPTER.build_request(CHAT, target(api_version="2024-10-21"), {})

    assert request.url == f"{RESOURCE}/openai/deployments/gpt-4o-eu/chat/completions?api-version=2024-10-21"


def test_a_deployments_name_cannot_lead_elsewhere() -> None:
    odd = make_target(kind="azure", url=RESOURCE, upstream_model="../x?y#z", options={"api_version": "2024-10-21"})

    assert "/deployments/..%2Fx%3Fy%23z/chat/" in ADAPTER.build_request(CHAT, odd, {}).url


def test_embeddings_have_their_path() -> None:
    chat = replace(make_chat(input="Hello"), endpoint="embeddings")

    assert ADAPTER.build_request(chat, target(), {}).url == f"{RESOURCE}/openai/v1/embeddings"
    versioned = ADAPTER.build_request(chat, target(api_version="2024-10-21"), {}).url
    assert versioned == f"{RESOURCE}/openai/deployments/gpt-4o-eu/embeddings?api-version=2024-10-21"


def test_a_refused_prompt_names_the_filters_and_is_the_callers_to_change() -> None:
    with pytest.raises(UpstreamRejected) as caught:
        ADAPTER.read_reply(CHAT, 400, {}, json.dumps(FILTERED_PROMPT).encode())

    assert caught.value.caller_message == "Azure's content filter refused the prompt (hate, jailbreak)."
    assert not caught.value.falls_back
    assert caught.value.body is not None


@pytest.mark.parametrize(
    "innererror", [None, [], {"content_filter_result": ["x"]}, {"content_filter_result": {"a": 1}}]
)
def test_a_refused_prompt_without_its_reasons_is_one_too(innererror: object) -> None:
    document = {"error": {**FILTERED_PROMPT["error"], "innererror": innererror}}

    with pytest.raises(UpstreamRejected, match="content filter refused the prompt"):
        ADAPTER.read_reply(CHAT, 400, {}, json.dumps(document).encode())


def test_other_refusals_keep_their_own_words() -> None:
    with pytest.raises(UpstreamRejected, match="bad value"):
        ADAPTER.read_reply(CHAT, 400, {}, wire.error("bad value", "invalid").encode())
    with pytest.raises(ContextTooLong):
        ADAPTER.read_reply(CHAT, 400, {}, wire.error("x", "context_length_exceeded").encode())


def test_a_filtered_answer_keeps_its_finish_reason() -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": ""}, "finish_reason": "content_filter"}
    body = wire.whole(choices=[{**choice, "content_filter_results": {"violence": {"filtered": True}}}])

    assert ADAPTER.read_reply(CHAT, 200, {}, body.encode()).finish_reason == "content_filter"


def test_the_first_event_without_a_choice_is_kept_from_the_caller() -> None:
    reader = ADAPTER.open_events(make_chat(stream=True))

    passed, facts = reader.read(b"data: " + json.dumps(FIRST_EVENT).encode() + b"\n\n")

    assert passed == b""
    assert facts.error is None
    assert facts.text_bytes == facts.finished == 0


def test_later_events_pass_with_their_filter_results() -> None:
    reader = ADAPTER.open_events(make_chat(stream=True))
    event = wire.event({"content": "Hi"}, prompt_filter_results=[])

    assert reader.read(event)[0] == event
    assert reader.read(wire.USAGE_EVENT)[1].is_usage_only
    assert reader.read(wire.DONE)[1].is_done


def test_errors_of_the_account_say_nothing_and_waits_are_heard() -> None:
    denied = {"error": {"code": "401", "message": "Access denied due to invalid subscription key acme-secret."}}
    with pytest.raises(CredentialRejected) as caught:
        ADAPTER.read_reply(CHAT, 401, {}, json.dumps(denied).encode())
    assert "acme" not in caught.value.message + caught.value.caller_message
    with pytest.raises(ModelGone):
        ADAPTER.read_reply(CHAT, 404, {}, wire.error("gone", "DeploymentNotFound").encode())
    with pytest.raises(RateLimited) as limited:
        ADAPTER.read_reply(CHAT, 429, {"retry-after-ms": "1500", "retry-after": "2"}, wire.error("slow").encode())
    assert limited.value.retry_after_ms == 1500
