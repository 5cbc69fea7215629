"""Gateway processes on one listening socket: they share connections evenly, and one that leaves loses no request and no stream."""

from __future__ import annotations

import asyncio
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from routerapp.gateway.protocol import GatewayProtocol
from routerapp.management.connection_table import ConnectionTable
from routerapp.management.worker_server import WorkerServer


class Application:
    """Answers with its name; /slow when it is let go, /stream in two parts around that."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        self.go = asyncio.Event()
        self.begun = 0
        self.cancelled = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.begun += 1
        is_stream = scope["path"] == "/stream"
        try:
            if scope["path"] == "/slow":
                await self.go.wait()
            if scope["path"] == "/short":
                await asyncio.sleep(0.02)
            await send({"type": "http.response.start", "status": 200, "headers": []})
            if is_stream:
                await send({"type": "http.response.body", "body": b"first ", "more_body": True})
                await self.go.wait()
            await send({"type": "http.response.body", "body": self.name})
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


class Client:
    """One connection."""

    async def open(self, port: int) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def ask(self, path: str = "/") -> tuple[str, bool]:
        """(body, whether the server keeps the connection)."""
        self.send(path)
        return await self.answer()

    def send(self, path: str) -> None:
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())

    async def answer(self) -> tuple[str, bool]:
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        assert head.startswith(b"http/1.1 200"), head
        body = b""
        while size := int(await self.reader.readline(), 16):
            body += await self.reader.readexactly(size)
            await self.reader.readexactly(2)
        await self.reader.readexactly(2)
        return body.decode(), b"connection: close" not in head

    async def is_closed(self) -> bool:
        return await self.reader.read(1) == b""

    def close(self) -> None:
        self.writer.close()


class Worker:
    def __init__(self, listener: socket.socket, table: ConnectionTable, place: int, drain_seconds: int) -> None:
        self.application = Application(str(place).encode())
        config = uvicorn.Config(
            self.application, http=GatewayProtocol, lifespan="off", log_config=None, access_log=False
        )
        self.server = WorkerServer(config, listener.dup(), drain_seconds=drain_seconds, table=table, place=place)
        self.task = asyncio.create_task(self.server._serve())

    @property
    def connections(self) -> int:
        return len(self.server.server_state.connections)

    def leave(self) -> None:
        self.server.should_exit = True


@asynccontextmanager
async def workers(count: int, drain_seconds: int = 20) -> AsyncIterator[tuple[int, list[Worker]]]:
    table = ConnectionTable.make()
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        listener.setblocking(False)
        all_workers = [Worker(listener, table, place, drain_seconds) for place in range(count)]
        while not all(worker.server.started for worker in all_workers):
            await asyncio.sleep(0.01)
        try:
            yield listener.getsockname()[1], all_workers
        finally:
            for worker in all_workers:
                worker.application.go.set()
                worker.server._linger_seconds = 0.0
                worker.leave()
            await asyncio.gather(*(worker.task for worker in all_workers))


@pytest.fixture(autouse=True)
def _linger(monkeypatch):
    monkeypatch.setattr("routerapp.management.worker_server.LINGER_SECONDS", 0.3)


@pytest.mark.parametrize("at_once", [True, False])
async def test_connections_are_shared_evenly(at_once):
    async with workers(3) as (port, all_workers):
        if at_once:
            clients = await asyncio.gather(*(Client().open(port) for _ in range(60)))
        else:
            clients = [await Client().open(port) for _ in range(60)]
        answers = Counter([(await client.ask())[0] for client in clients])

        assert sum(answers.values()) == 60
        assert max(answers.values()) - min(answers.values()) <= 6, answers
        for client in clients:
            client.close()
        assert all(worker.connections for worker in all_workers)


async def test_one_that_came_late_gets_its_part_as_the_others_give_up_some(monkeypatch):
    async with workers(2) as (port, (_, new)):
        monkeypatch.setattr(new.server._acceptor, "_take", lambda: False)
        clients = [await Client().open(port) for _ in range(40)]
        assert {(await client.ask())[0] for client in clients} == {"0"}
        monkeypatch.undo()

        async def keep_asking(client: Client) -> None:
            deadline = time.monotonic() + 20
            while new.connections < 15 and time.monotonic() < deadline:
                _, is_kept = await client.ask("/short")
                if not is_kept:
                    client.close()
                    await client.open(port)

        await asyncio.gather(*(keep_asking(client) for client in clients))

        assert 15 <= new.connections <= 25
        for client in clients:
            client.close()


async def test_a_request_on_a_kept_connection_is_answered_and_told_to_go_elsewhere():
    async with workers(1) as (port, [worker]):
        client = await Client().open(port)
        assert await client.ask() == ("0", True)
        worker.leave()
        await asyncio.sleep(0.2)

        assert await client.ask() == ("0", False)
        assert await client.is_closed()
        await asyncio.wait_for(worker.task, 5)
        client.close()


async def test_a_silent_connection_is_closed_after_a_while():
    async with workers(1) as (port, [worker]):
        client = await Client().open(port)
        await client.ask()
        worker.leave()

        assert await asyncio.wait_for(client.is_closed(), 5)
        client.close()


async def test_what_runs_ends_before_the_process_does():
    async with workers(1) as (port, [worker]):
        slow, stream = await Client().open(port), await Client().open(port)
        slow.send("/slow")
        stream.send("/stream")
        while worker.application.begun < 2:
            await asyncio.sleep(0.01)
        worker.leave()
        await asyncio.sleep(0.6)
        assert not worker.task.done()
        worker.application.go.set()

        assert await slow.answer() == ("0", False)
        # Its head was out before, so that it could not be told; the next answer does.
        assert await stream.answer() == ("first 0", True)
        assert await stream.ask() == ("0", False)
        await asyncio.wait_for(worker.task, 5)
        slow.close()
        stream.close()


async def test_what_waits_to_be_accepted_is_answered_too():
    async with workers(1) as (port, [worker]):
        worker.server._acceptor._loop.remove_reader(worker.server._acceptor._listener.fileno())
        client = await Client().open(port)
        client.send("/")
        worker.leave()

        assert await client.answer() == ("0", False)
        client.close()


async def test_what_takes_longer_than_its_time_is_cancelled():
    async with workers(1, drain_seconds=1) as (port, [worker]):
        client = await Client().open(port)
        client.send("/slow")
        while not worker.application.begun:
            await asyncio.sleep(0.01)
        worker.leave()
        await asyncio.wait_for(worker.task, 10)
        await asyncio.sleep(0)

        assert worker.application.cancelled == 1
        client.close()
