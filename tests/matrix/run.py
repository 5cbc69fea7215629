"""Runs cells of the matrix against one stage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import anthropic
import openai

from tests.gateway.server import Running
from tests.matrix.cells import Cell
from tests.matrix.node_clients import run_node
from tests.matrix.python_clients import Outcome, run_anthropic, run_openai


class PythonClients:
    def __init__(self, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic) -> None:
        self._openai = openai_client
        self._anthropic = anthropic_client

    def run(self, cell: Cell) -> Outcome:
        if cell.dialect == "anthropic":
            return run_anthropic(self._anthropic, cell.job)
        return run_openai(self._openai, cell.job)


@contextmanager
def python_clients(running: Running) -> Iterator[PythonClients]:
    with ExitStack() as stack:
        key, url = running.key.full, running.url
        yield PythonClients(
            stack.enter_context(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)),
            stack.enter_context(anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)),
        )


def node_outcomes(running: Running, cells: Sequence[Cell]) -> dict[str, Outcome]:
    """By cell id. Raises CannotRun."""
    found: dict[str, Outcome] = {}
    for dialect in ("openai", "anthropic"):
        jobs = [cell.job for cell in cells if cell.dialect == dialect and cell.language == "Node"]
        found |= run_node(f"{dialect}.mjs", running.url, running.key.full, jobs)
    return found
