from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.shared.valkey import Valkey, running_valkey


@pytest.fixture(scope="package")
def valkey() -> Iterator[Valkey]:
    """One for all; the folder of a test keeps its keys apart."""
    with running_valkey() as one:
        yield one


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """To be frozen and killed."""
    with running_valkey() as one:
        yield one
