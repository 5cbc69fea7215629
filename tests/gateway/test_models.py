"""GET /v1/models in both dialects, with the official clients."""

from __future__ import annotations

from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.gateway.server import Running, running_gateway
from tests.runtimes import a_deployment, a_snapshot

NAMES = ["auto", "policy/support", "fast", "cheap-provider/cheap", "dear-provider/dear"]
VECTORS = "vectors-provider/vectors"
AS_ANTHROPIC = {"anthropic-version": "2023-06-01"}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    def make_snapshot(keys):
        deployments = [a_deployment("cheap"), a_deployment("dear"), a_deployment("vectors")]
        models = {"vectors": {"modality": "embeddings"}, "cheap": {"name": "Cheap One", "max_output_tokens": 900}}
        return a_snapshot(keys=keys, deployments=deployments, models=models, aliases={"fast": "model:cheap"})

    with running_gateway(tmp_path_factory.mktemp("gateway"), make_snapshot) as server:
        yield server


@pytest.fixture
def client(running: Running) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=running.url, api_key=running.key.full, max_retries=0) as client:
        yield client


def test_anthropics_client_lists_every_page(client: anthropic.Anthropic) -> None:
    found = list(client.models.list(limit=2))

    assert [one.id for one in found] == NAMES
    cheap = found[3]
    assert (cheap.type, cheap.display_name, cheap.lifecycle, cheap.max_tokens) == ("model", "Cheap One", "active", 900)
    assert cheap.created_at.year == 1970


def test_pages_go_back_as_well(client: anthropic.Anthropic) -> None:
    page = client.models.list(limit=2, before_id=NAMES[4])

    assert [one.id for one in page.data] == NAMES[2:4]
    assert (page.first_id, page.last_id, page.has_more) == (NAMES[2], NAMES[3], True)
    assert client.models.list(limit=3, before_id=NAMES[2]).has_more is False


def test_either_client_asks_for_one(running: Running, client: anthropic.Anthropic) -> None:
    assert client.models.retrieve("cheap-provider/cheap").display_name == "Cheap One"
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=running.key.full, max_retries=0) as other:
        assert [one.id for one in other.models.list()] == [*NAMES, VECTORS]
        assert other.models.retrieve("policy/support").owned_by == "router"
        with pytest.raises(openai.NotFoundError) as refused:
            other.models.retrieve("nobody/nothing")
    assert refused.value.code == "model_not_found"


def test_a_name_nobody_has_is_told_in_the_callers_dialect(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError) as refused:
        client.models.retrieve("nobody/nothing")

    assert refused.value.body["error"]["type"] == "not_found_error"


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=many",
        "limit=",
        "limit=²",
        f"limit={'9' * 400}",
        "after_id=none",
        "before_id=%00",
        "after_id=auto&before_id=fast",
    ],
)
def test_a_page_that_cannot_be_is_refused_by_name(running: Running, query: str) -> None:
    with running.client(**AS_ANTHROPIC) as client:
        response = client.get(f"/v1/models?{query}")

    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_value")
    assert response.json()["error"]["param"] in query


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/auto"])
def test_only_a_key_that_may_chat_sees_names_and_only_with_get(running: Running, path: str) -> None:
    with running.client(authorization="Bearer nothing") as client:
        assert client.get(path).status_code == 401
    assert running.post({}, path).status_code == 405
