"""The gateway behind a real uvicorn on loopback, in a thread of the test process, so that tests can reach into its Runtime."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from routerapp.gateway.app import Gateway
from routerapp.providers.base import Transport
from routerapp.providers.clock import SystemClock
from routerapp.serving.runtime import Runtime
from routerapp.store.keys import NewKey
from routerapp.store.snapshot import Snapshot
from tests.runtimes import a_key, a_runtime, a_snapshot

T = TypeVar("T")


@dataclass
class Running:
    runtime: Runtime
    url: str
    key: NewKey
    loop: asyncio.AbstractEventLoop

    def call(self, work: Callable[[], T]) -> T:
        """Runs work on the server's event loop."""

        async def run() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(60)

    def client(self, **headers: str) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.key.full}"} | headers,
            trust_env=False,
            timeout=20,
        )

    def post(self, body: Any = None, path: str = "/v1/chat/completions", **options: Any) -> httpx.Response:
        with self.client() as client:
            return client.post(path, **({"json": body} if body is not None else {}), **options)


class Server(uvicorn.Server):
    """Ends as soon as it is told and its last connection is gone; uvicorn's own looks ten times a second, which a thousand tests wait for."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._is_told = asyncio.Event()

    def end(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.call_soon_threadsafe(self._is_told.set)

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._is_told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for listening in (*self.servers, *(sockets or ())):
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(0.002)


@contextmanager
def running_gateway(
    folder: Path,
    make_snapshot: Callable[[Mapping[str, NewKey]], Snapshot] | None = None,
    make_transport: Callable[[], Transport] | None = None,
) -> Iterator[Running]:
    """make_snapshot is given the keys to put in; make_transport runs on the server's loop."""
    key = a_key()
    keys = {"app": key}
    snapshot = make_snapshot(keys) if make_snapshot else a_snapshot(keys=keys)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    started = threading.Event()
    held: dict[str, Any] = {}

    async def serve() -> None:
        transport = make_transport() if make_transport else None
        runtime = a_runtime(folder, snapshot, SystemClock(), transport)
        config = uvicorn.Config(Gateway(runtime), lifespan="off", log_level="warning", access_log=False)
        server = Server(config)
        held.update(server=server, runtime=runtime, loop=asyncio.get_running_loop())
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:
            await asyncio.sleep(0.002)
        started.set()
        await serving
        await runtime.close(2)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert started.wait(60)
    try:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield Running(held["runtime"], url, key, held["loop"])
    finally:
        held["server"].end(held["loop"])
        thread.join(60)
        listener.close()
