"""One stage for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway.messages.stage import Stage, a_stage


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with a_stage(tmp_path_factory.mktemp("gateway")) as made:
        yield made
