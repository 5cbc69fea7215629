"""One llmock for all tests of a module; without it they are skipped."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.llmock.server import PROGRAM, LLMock, a_llmock


@pytest.fixture(scope="module")
def server() -> Iterator[LLMock]:
    if not PROGRAM.exists():
        pytest.skip("llmock is not installed: `make test` does it.")
    with a_llmock() as running:
        yield running


@pytest.fixture
def llmock(server: LLMock) -> LLMock:
    server.reset()
    return server
