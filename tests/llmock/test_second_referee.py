"""llmock, written by others, reads what we send in each dialect as they understand it: text, images, tools with their results, schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator

import anthropic
import openai
import pytest

from tests.gateway.server import Running
from tests.llmock.server import LLMock
from tests.llmock.stage import PAIRS, a_gateway
from tests.matrix.cells import TASKS, WEATHER, Task
from tests.matrix.python_clients import Outcome, run_anthropic, run_openai

ASKED = [task for task in TASKS if task.name in ("text", "tools", "image", "schema")]
CASES = [
    (dialect, upstream, task, mode)
    for dialect, upstream in PAIRS
    for task in ASKED
    # llmock does not know Anthropic's output_config yet, and answers it with prose.
    if (upstream, task.name) != ("anthropic", "schema")
    for mode in task.modes
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: LLMock) -> Iterator[Running]:
    with a_gateway(tmp_path_factory.mktemp("gateway"), server) as running:
        yield running


def run(gateway: Running, dialect: str, upstream: str, task: Task, mode: str) -> Outcome:
    job = {"kind": mode, "model": f"policy/{upstream}", "members": task.members[dialect], "weather": WEATHER}
    if dialect == "anthropic":
        with anthropic.Anthropic(base_url=gateway.url, api_key=gateway.key.full, max_retries=0) as client:
            return run_anthropic(client, job)
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=gateway.key.full, max_retries=0) as other:
        return run_openai(other, job)


@pytest.mark.parametrize(
    ("dialect", "upstream", "task", "mode"), CASES, ids=[f"{d} at {u} {t.name} {m}" for d, u, t, m in CASES]
)
def test_it_takes_what_we_send(
    llmock: LLMock, gateway: Running, dialect: str, upstream: str, task: Task, mode: str
) -> None:
    outcome = run(gateway, dialect, upstream, task, mode)

    assert "error" not in outcome
    turns = outcome["turns"]
    assert len(turns) == (2 if task.cities else 1)
    if task.cities:
        assert [name for name, _ in turns[0]["calls"]] == ["get_weather"]
    if task.name == "schema":
        found = json.loads(turns[0]["text"])
        assert isinstance(found["name"], str) and isinstance(found["age"], int)
    assert turns[-1]["text"]
    assert [one["status"] for one in llmock.requests()] == [200] * len(turns)
    assert llmock.verdict()["findings"] == []
