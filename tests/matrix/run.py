"""Runs cells of the matrix against one stage, each at most once; the cells of Node together, since starting it takes the longest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import anthropic
import openai

from tests.gateway.server import Running
from tests.matrix.cells import DIALECTS, Cell, cells
from tests.matrix.node_clients import CannotRun, run_node
from tests.matrix.python_clients import Outcome, run_anthropic, run_openai
from tests.matrix.stage import a_stage


class Matrix:
    def __init__(self, running: Running, openai_client: openai.OpenAI, anthropic_client: anthropic.Anthropic) -> None:
        self._running = running
        self._openai = openai_client
        self._anthropic = anthropic_client
        self._found: dict[str, Outcome] = {}
        self._why_no_node: CannotRun | None = None

    def fault_in(self, cell: Cell) -> str:
        """Empty where the cell is as it must be. Raises CannotRun."""
        if cell.id not in self._found:
            self._run_node() if cell.language == "Node" else self._run_python(cell)
        return cell.fault_in(self._found[cell.id])

    def _run_python(self, cell: Cell) -> None:
        if cell.dialect == "anthropic":
            self._found[cell.id] = run_anthropic(self._anthropic, cell.job)
        else:
            self._found[cell.id] = run_openai(self._openai, cell.job)

    def _run_node(self) -> None:
        if self._why_no_node is not None:
            raise self._why_no_node
        try:
            for dialect in DIALECTS:
                jobs = [cell.job for cell in cells() if (cell.dialect, cell.language) == (dialect, "Node")]
                self._found |= run_node(f"{dialect}.mjs", self._running.url, self._running.key.full, jobs)
        except CannotRun as reason:
            self._why_no_node = reason
            raise


@contextmanager
def a_matrix(folder: Path) -> Iterator[Matrix]:
    with ExitStack() as stack:
        running = stack.enter_context(a_stage(folder))
        key, url = running.key.full, running.url
        yield Matrix(
            running,
            stack.enter_context(openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)),
            stack.enter_context(anthropic.Anthropic(base_url=url, api_key=key, max_retries=0)),
        )
