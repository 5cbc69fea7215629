"""POST /v1/embeddings with the official OpenAI client, on simulated and on vendor-shaped upstreams."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import openai
import pytest

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.dispatch import DispatchTransport
from routerapp.providers.egress import EgressGuard
from routerapp.providers.simulated import SimulatedTransport
from routerapp.store.keys import NewKey
from routerapp.store.records import Begin, End
from routerapp.store.snapshot import Snapshot
from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_deployment, a_policy, a_snapshot, journal_of
from tests.vendors import Vendors, vendors

EMBEDDINGS = {"modality": "embeddings", "context_window": 8_192, "max_output_tokens": None, "has_tools": False}
PII_RULE = {
    "id": "pii",
    "when": {"field": "pii", "op": "intersects", "value": ["email"]},
    "use": {"pool": ["deployment:embed-local"], "strategy": {"kind": "ordered"}},
}
LONG = "word " * 20_000


@pytest.fixture(scope="module")
def upstream() -> Iterator[Vendors]:
    with vendors() as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, upstream: Vendors) -> Iterator[Running]:
    def make_snapshot(keys: Mapping[str, NewKey]) -> Snapshot:
        kinds = {"embed-wire": "openai", "embed-azure": "azure", "embed-gemini": "gemini"}
        wired = [a_deployment(slug, dollars=5, kind=kind) for slug, kind in kinds.items()]
        snapshot = a_snapshot(
            deployments=[
                a_deployment("chatty", dollars=0.001),
                a_deployment("embed", dollars=1),
                a_deployment("embed-local", dollars=2),
                *wired,
            ],
            policies=[a_policy(rules=[PII_RULE])],
            models={slug: EMBEDDINGS for slug in ("embed", "embed-local", *kinds)},
            keys=keys,
            aliases={"text-embedding-3-small": "model:embed"},
            base_urls={slug: f"{upstream.url}/{kind}/v1" for slug, kind in kinds.items()},
        )
        targets = {
            slug: replace(
                target, credential=None, options={"api_version": "2024-10-21"} if slug == "embed-azure" else {}
            )
            for slug, target in snapshot.targets.items()
        }
        return replace(snapshot, targets=targets)

    def make_transport() -> DispatchTransport:
        clock = SystemClock()
        outgoing = HttpTransport(EgressGuard(["127.0.0.1"]), clock)
        return DispatchTransport(outgoing, SimulatedTransport(clock, seed=1))

    with running_gateway(tmp_path_factory.mktemp("gateway"), make_snapshot, make_transport) as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key.full, max_retries=0) as client:
        yield client


def post(running: Running, **body: Any) -> Any:
    return running.post({"model": "auto", **body}, "/v1/embeddings")


def test_the_official_client_gets_vectors_their_cost_and_who_made_them(client: openai.OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(model="auto", input=["red apple", "red apple pie"])

    answer = raw.parse()
    assert [item.index for item in answer.data] == [0, 1]
    assert math.isclose(sum(v * v for v in answer.data[0].embedding), 1.0, rel_tol=1e-5)
    assert raw.headers["x-router-model"] == answer.model == "embed"
    usage = answer.usage.model_dump()
    assert usage["prompt_tokens"] == usage["total_tokens"] == 5
    assert usage["cost"] == pytest.approx(5e-6)
    assert float(raw.headers["x-router-cost-usd"]) == usage["cost"]


def test_the_same_text_has_the_same_vector_whatever_the_encoding(client: openai.OpenAI) -> None:
    packed = client.embeddings.create(model="text-embedding-3-small", input="hello", dimensions=16)
    plain = client.embeddings.create(model="embed", input="hello", dimensions=16, encoding_format="float")

    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert len(plain.data[0].embedding) == 16


def test_a_chat_never_reaches_an_embeddings_model_nor_the_other_way_round(running: Running) -> None:
    chat = running.post({"model": "embed", "messages": [{"role": "user", "content": "Hi"}]})
    vectors = post(running, model="chatty", input="Hi")

    for response, deployment in ((chat, "embed"), (vectors, "chatty")):
        assert response.status_code == 400
        error = response.json()["error"]
        assert error["code"] == "no_capable_model"
        assert [one["verdict"] for one in error["router"]["eliminated"]] == ["wrong_endpoint"]
        assert error["router"]["eliminated"][0]["deployment"] == deployment


def test_rules_read_the_input_and_may_ask_for_the_endpoint(running: Running) -> None:
    response = post(running, input=["harmless", "write to ann@example.com"], router={"explain": True})

    assert response.headers["x-router-rule"] == "pii"
    assert response.json()["model"] == "embed-local"
    assert response.json()["router_metadata"]["decision"]["features"]["pii"] == ["email"]


def test_token_numbers_count_exactly_and_as_possible_personal_data(running: Running) -> None:
    response = post(running, input=[[1, 2, 3], [4]], router={"explain": True})

    features = response.json()["router_metadata"]["decision"]["features"]
    assert (features["prompt_tokens"], features["tokens_exact"], features["scan_complete"]) == (4, True, False)
    assert response.headers["x-router-rule"] == "pii"
    assert len(response.json()["data"]) == 2


def test_each_input_has_the_context_window_to_itself(running: Running) -> None:
    many = post(running, input=["word " * 1_000] * 20)
    one = post(running, input=["short", LONG])

    assert many.status_code == 200
    assert one.status_code == 400
    verdicts = {entry["verdict"] for entry in one.json()["error"]["router"]["eliminated"]}
    assert verdicts == {"context_too_small", "wrong_endpoint"}


@pytest.mark.parametrize("model", ["embed-wire", "embed-azure", "embed-gemini"])
def test_vendors_answers_arrive_in_the_openai_shape(
    client: openai.OpenAI, upstream: Vendors, model: str, running: Running
) -> None:
    answer = client.embeddings.create(model=model, input=["a", "b"])

    assert [item.embedding for item in answer.data] == [[0.25, -0.5]] * 2
    assert answer.model == model
    path, headers, body = upstream.last()
    assert (
        path
        == {
            "embed-wire": "/openai/v1/embeddings",
            "embed-azure": "/azure/openai/deployments/embed-azure/embeddings?api-version=2024-10-21",
            "embed-gemini": "/gemini/v1/models/embed-gemini:batchEmbedContents",
        }[model]
    )
    assert running.key.full not in str(headers)
    assert "a" in str(body)


def test_what_the_vendor_does_not_count_is_counted_here_and_marked(running: Running) -> None:
    usage = post(running, model="embed-gemini", input="abcdefgh").json()["usage"]

    assert (usage["prompt_tokens"], usage["is_estimated"]) == (2, True)


def test_token_numbers_are_refused_where_only_text_is_taken(running: Running) -> None:
    response = post(running, model="embed-gemini", input=[1, 2])

    assert response.status_code == 400
    assert (response.json()["error"]["code"], response.json()["error"]["param"]) == ("unsupported_parameter", "input")


def test_a_base64_answer_passes_as_it_came(running: Running) -> None:
    item = post(running, model="embed-wire", input="a", encoding_format="base64").json()["data"][0]

    assert struct.unpack("<2f", base64.b64decode(item["embedding"])) == (0.25, -0.5)


def test_is_recorded_as_what_it_is(running: Running) -> None:
    decision = post(running, input="note this").headers["x-router-decision-id"]

    records = running.call(lambda: [one for one in journal_of(running.runtime) if one.id == decision])
    begin = next(one for one in records if isinstance(one, Begin))
    end = next(one for one in records if isinstance(one, End))
    assert (begin.endpoint, begin.inputs.facts.endpoint if begin.inputs else "") == ("embeddings", "embeddings")
    assert (end.status, end.output_tokens, end.input_tokens) == ("ok", 0, 2)


def test_the_route_only_answer_works_for_embeddings_too(running: Running) -> None:
    response = post(running, input="Hi", router={"dry_run": True})

    assert response.json()["model"] == "embed"
    assert response.json()["estimated_cost_usd"] == pytest.approx(1e-6)


def test_lists_the_embeddings_models_with_what_they_do(client: openai.OpenAI) -> None:
    listed = {model.id: model.model_dump() for model in client.models.list()}

    assert listed["embed-provider/embed"]["modality"] == "embeddings"
    assert listed["chatty-provider/chatty"]["modality"] == "chat"
    assert listed["text-embedding-3-small"]


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({}, "input", "missing_field"),
        ({"input": None}, "input", "missing_field"),
        ({"input": ""}, "input", "invalid_value"),
        ({"input": []}, "input", "invalid_type"),
        ({"input": {}}, "input", "invalid_type"),
        ({"input": 5}, "input", "invalid_type"),
        ({"input": [True]}, "input[0]", "invalid_type"),
        ({"input": ["a", ""]}, "input[1]", "invalid_value"),
        ({"input": ["a", 1]}, "input[1]", "invalid_type"),
        ({"input": [1, "a"]}, "input", "invalid_type"),
        ({"input": [-1]}, "input[0]", "invalid_type"),
        ({"input": [[1], [1.5]]}, "input[1]", "invalid_type"),
        ({"input": [[1], []]}, "input[1]", "invalid_value"),
        ({"input": ["a"] * 2_049}, "input", "invalid_value"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
        ({"input": "a", "encoding_format": {}}, "encoding_format", "invalid_value"),
        ({"input": "a", "dimensions": 0}, "dimensions", "invalid_value"),
        ({"input": "a", "dimensions": "8"}, "dimensions", "invalid_type"),
        ({"input": "a", "stream": True}, "stream", "invalid_value"),
        ({"input": "a", "model": 5}, "model", "invalid_type"),
        ({"input": "a", "router": {"nope": 1}}, "router.nope", "unknown_field"),
    ],
)
def test_bad_input_is_refused_by_name(running: Running, body: dict[str, Any], param: str, code: str) -> None:
    response = running.post(body, "/v1/embeddings")

    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["param"], error["code"]) == (param, code)
    assert "\n" not in error["message"]


@pytest.mark.parametrize("body", [b"", b"[", b"[]", b'{"input": "\xff"}', b'{"input":' + b"[" * 5_000])
def test_what_is_no_json_object_is_refused(running: Running, body: bytes) -> None:
    with running.client() as client:
        response = client.post("/v1/embeddings", content=body)

    assert response.status_code == 400


def test_needs_a_key(running: Running) -> None:
    with running.client(authorization="Bearer sb_live_nope") as client:
        assert client.post("/v1/embeddings", json={"input": "a"}).status_code == 401


def test_only_post(running: Running) -> None:
    with running.client() as client:
        assert client.get("/v1/embeddings").status_code == 405
