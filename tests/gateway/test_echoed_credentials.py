"""An upstream that sends our own credential back: in an answer, a stream, an error or a header. Callers and records never see it."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from routerapp.providers.base import Target
from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_deployment, a_snapshot, journal_of
from tests.scripted_upstream import Answer, Scripted, scripted_upstream, streamed, whole
from tests.upstream import DONE, STOP, USAGE, event

SECRET = "sk-planted-credential-0001"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Scripted]:
    with scripted_upstream() as scripted:
        yield scripted


@pytest.fixture(scope="module", params=["openai", "anthropic", "gemini"])
def running(request, upstream, tmp_path_factory) -> Iterator[Running]:
    kind = request.param

    def make_snapshot(keys):
        return a_snapshot(keys=keys, deployments=[a_deployment("loud", kind=kind)], base_urls={"loud": upstream.url})

    folder = tmp_path_factory.mktemp(kind)
    with running_gateway(
        folder, make_snapshot, lambda: HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock())
    ) as running:
        target = Target("loud", kind, upstream.url, "loud", credential=SECRET)
        running.runtime._targets["loud"] = target
        yield running


def ask(running: Running, **members) -> str:
    """Everything the caller sees, headers included."""
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **members}
    answer = running.post(body)
    return f"{answer.status_code} {dict(answer.headers)} {answer.text}"


def recorded(running: Running) -> str:
    return repr(journal_of(running.runtime))


ERROR = {"error": {"message": f"Incorrect API key provided: {SECRET}", "type": "invalid", "code": "x"}}


@pytest.mark.parametrize(
    "answer",
    [
        *(whole(ERROR, status, **{"x-request-id": SECRET}) for status in (400, 401, 403, 404, 422, 429, 500, 503)),
        Answer([b""], 302, {"location": f"http://127.0.0.1:1/?key={SECRET}"}),
        whole(f"<html>{SECRET}</html>".encode(), 200),
        whole(f'{{"id": "{SECRET}", "choices": "{SECRET}"'.encode()),
        streamed([f"data: {orjson.dumps(ERROR).decode()}\n\n".encode()]),
    ],
    ids=lambda answer: f"{answer.status}",
)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_do_not_tell(running, upstream, answer, stream):
    upstream.says(answer)

    seen = ask(running, stream=stream)

    assert SECRET not in seen
    assert SECRET not in recorded(running)


def test_a_successful_answer_does_not_tell(running, upstream):
    """Whatever the dialect: the whole document is one string of the credential after another."""
    text = f"The key is {SECRET}."
    upstream.says(
        whole(
            {
                "id": SECRET,
                "model": SECRET,
                "responseId": SECRET,
                "modelVersion": SECRET,
                "type": "message",
                "role": "assistant",
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn",
                "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
                "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}],
                "usage": USAGE | {"input_tokens": 3, "output_tokens": 3},
                "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 3, "totalTokenCount": 6},
            }
        )
    )

    seen = ask(running)

    assert seen.startswith("200") and "The key is …." in orjson.loads(seen[seen.index('{"') :] or b"{}").__repr__()
    assert SECRET not in seen
    assert SECRET not in recorded(running)


def test_a_stream_does_not_tell_even_when_a_packet_ends_within_the_credential(running, upstream):
    if "loud" in running.runtime._targets and running.runtime._targets["loud"].kind != "openai":
        pytest.skip("the seam is below the dialects; one is enough for streams")
    telling = event({"content": f"The key is {SECRET}."})
    at = telling.index(SECRET.encode()) + 9
    upstream.says(streamed([event({"role": "assistant"}), telling[:at], telling[at:], STOP, DONE]))

    seen = ask(running, stream=True)

    assert "The key is …." in seen
    assert "[DONE]" in seen
    assert SECRET not in seen
