"""Everything here runs on both event loops: asyncio's own, which tests use, and uvloop, which the product uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    client = HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock())
    yield client
    await client.close()
