"""Embeddings on every kind: what goes upstream, what is read out of it, and vectors the simulated provider invents."""

import base64
import json
import math
import struct
from typing import Any

import pytest
from msgspec.structs import replace

from routerapp.engine.chat import Chat
from routerapp.providers.base import UpstreamRequest, Usage
from routerapp.providers.clock import SystemClock
from routerapp.providers.embeddings import count_inputs
from routerapp.providers.errors import BadAnswer, ProviderError
from routerapp.providers.gemini.adapter import GeminiAdapter
from routerapp.providers.openai import OpenAIAdapter
from routerapp.providers.registry import ADAPTERS
from routerapp.providers.simulated import SimulatedTransport
from tests.providers.chats import make_chat, make_target

OPENAI, GEMINI = OpenAIAdapter(), GeminiAdapter()


def asked(value: Any, **fields: Any) -> Chat:
    chat = make_chat(input=value, **fields)
    return replace(
        chat, endpoint="embeddings", fields={name: raw for name, raw in chat.fields.items() if name != "messages"}
    )


def openai_body(*vectors: list[float] | str, **more: Any) -> bytes:
    data = [{"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)]
    usage = {"prompt_tokens": 5, "total_tokens": 5}
    return json.dumps({"object": "list", "data": data, "model": "embed-3", "usage": usage, **more}).encode()


def gemini_request(chat: Chat) -> UpstreamRequest:
    url = "https://generativelanguage.googleapis.com/v1beta"
    return GEMINI.build_request(chat, make_target(kind="gemini", url=url, upstream_model="gemini-embedding-001"), {})


@pytest.mark.parametrize(
    ("value", "inputs"),
    [("Hello", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1, 2], [3]], 2), ([], 1), ([""], 1)],
)
def test_counts_the_inputs(value: object, inputs: int) -> None:
    assert count_inputs(asked(value)) == inputs


def test_openai_gets_the_callers_bytes_at_its_own_path() -> None:
    chat = asked(["a", "b"], dimensions=8, encoding_format="base64")

    request = OPENAI.build_request(chat, make_target(credential="key-1"), {"input": "x"})

    assert request.url == "https://api.example.com/v1/embeddings"
    assert json.loads(request.body) == {
        "model": "real-model",
        "input": ["a", "b"],
        "dimensions": 8,
        "encoding_format": "base64",
    }


def test_an_openai_answer_passes_as_it_came_and_costs_only_what_was_read() -> None:
    body = openai_body([0.1, 0.2], "AAAA")

    reply = OPENAI.read_reply(asked(["a", "b"]), 200, {}, body)

    assert reply.body == body
    assert (reply.usage, reply.model, reply.text_bytes) == (Usage(5, 0), "embed-3", 0)


def test_missing_usage_is_not_zero() -> None:
    assert OPENAI.read_reply(asked("a"), 200, {}, openai_body([0.1], usage=None)).usage == Usage(None, 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"<html>", b'{"data": 5}', b'{"data": []}', b'{"data": [{}]}', openai_body([1.0], [2.0])],
)
def test_a_wrong_number_of_vectors_or_another_shape_is_no_answer(body: bytes) -> None:
    with pytest.raises(BadAnswer):
        OPENAI.read_reply(asked("a"), 200, {}, body)


def test_gemini_gets_one_request_for_each_text() -> None:
    request = gemini_request(asked(["a", "b"], dimensions=8))

    assert request.url.endswith("/v1beta/models/gemini-embedding-001:batchEmbedContents")
    one = {"model": "models/gemini-embedding-001", "outputDimensionality": 8}
    assert json.loads(request.body) == {
        "requests": [{**one, "content": {"parts": [{"text": text}]}} for text in ("a", "b")]
    }


def test_gemini_answers_in_the_openai_shape_in_the_wished_encoding() -> None:
    body = json.dumps({"embeddings": [{"values": [0.5, -1]}, {"values": [0.25, 1]}]}).encode()

    plain = json.loads(GEMINI.read_reply(asked(["a", "b"]), 200, {}, body).body)
    packed = json.loads(GEMINI.read_reply(asked(["a", "b"], encoding_format="base64"), 200, {}, body).body)

    assert [item["embedding"] for item in plain["data"]] == [[0.5, -1.0], [0.25, 1.0]]
    assert struct.unpack("<2f", base64.b64decode(packed["data"][0]["embedding"])) == (0.5, -1.0)
    assert "usage" not in plain


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"embeddings": []}',
        b'{"embeddings": [{"values": []}]}',
        b'{"embeddings": [{"values": ["x"]}]}',
        b'{"embeddings": [{"values": 3}]}',
        b'{"embeddings": [{"values": [1]}, {"values": [2]}]}',
        b"<html>",
    ],
)
def test_gemini_vectors_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(ProviderError):
        GEMINI.read_reply(asked("a"), 200, {}, body)


def test_token_numbers_mean_nothing_to_another_vendor() -> None:
    assert [one.field for one in GEMINI.impossible(asked([1, 2, 3]), make_target(kind="gemini"))] == ["input"]
    assert OPENAI.impossible(asked([1, 2, 3]), make_target()) == ()


async def simulated(chat: Chat, **simulation: Any) -> Any:
    target = make_target(kind="simulated", simulation={"ttft_ms": {"p50": 0, "p95": 0}, **simulation})
    adapter = ADAPTERS["simulated"]
    upstream = await SimulatedTransport(SystemClock()).open(adapter.build_request(chat, target, {}), 100)
    return json.loads(adapter.read_reply(chat, upstream.status, upstream.headers, await upstream.read(1 << 20)).body)


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


async def test_simulated_vectors_have_length_one_and_the_same_text_has_the_same() -> None:
    first = await simulated(asked(["red apple", "red apple pie", "tax return"]))
    again = await simulated(asked("red apple"))

    vectors = [item["embedding"] for item in first["data"]]
    assert vectors[0] == again["data"][0]["embedding"]
    assert all(math.isclose(sum(v * v for v in vector), 1.0) for vector in vectors)
    assert likeness(vectors[0], vectors[1]) > 0.5 > abs(likeness(vectors[0], vectors[2]))
    assert first["usage"]["prompt_tokens"] == first["usage"]["total_tokens"] == 7


async def test_simulated_vectors_have_the_wished_length_and_take_token_numbers() -> None:
    assert len((await simulated(asked("a", dimensions=12)))["data"][0]["embedding"]) == 12
    assert len((await simulated(asked([[1, 2], [3]])))["data"]) == 2
    packed = (await simulated(asked("a", dimensions=3, encoding_format="base64")))["data"][0]["embedding"]
    assert len(base64.b64decode(packed)) == 12


async def test_simulated_faults_meet_embeddings_too() -> None:
    with pytest.raises(ProviderError):
        await simulated(asked("please fail"), script=[{"on": "fail", "do": "503"}])
    with pytest.raises(BadAnswer):
        await simulated(asked("a"), error_share=1, errors=["rubbish"])
