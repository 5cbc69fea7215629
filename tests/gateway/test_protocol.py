"""The server's side of a connection, byte for byte: what an answer looks like on the wire, and who is told when a caller leaves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from routerapp.gateway.protocol import WIRE, GatewayProtocol, Wire

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
GET = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"


@asynccontextmanager
async def served(app: App) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of this protocol."""
    config = uvicorn.Config(app, http=GatewayProtocol, log_config=None)  # type: ignore[arg-type]
    config.load()
    state = ServerState()
    state.default_headers = [(b"date", b"now")]
    server = await asyncio.get_running_loop().create_server(
        lambda: GatewayProtocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


async def head_of(reader: asyncio.StreamReader) -> dict[bytes, bytes]:
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).strip().split(b"\r\n")
    return {b"status": status} | {name.lower(): value for name, value in (line.split(b": ", 1) for line in lines)}


async def quickly(scope: dict[str, Any], receive: Any, send: Any) -> None:
    wire: Wire = scope[WIRE]
    assert wire.is_free
    wire.reply(200, {"x-a": "b"}, wire.take_body() or b"{}", "application/json")


async def in_pieces(scope: dict[str, Any], receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
    for piece in (b"one", b"", b"two"):
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


@pytest.mark.parametrize("is_last", [False, True])
async def test_a_whole_answer_and_the_next_on_the_same_connection(is_last: bool) -> None:
    async with served(quickly) as (reader, writer):
        last = b"connection: close\r\n" if is_last else b""
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\n" + last + b"\r\nabc")
        head = await head_of(reader)
        assert head[b"status"] == b"HTTP/1.1 200 OK"
        assert (head[b"date"], head[b"x-a"], head[b"content-length"]) == (b"now", b"b", b"3")
        assert await reader.readexactly(3) == b"abc"
        assert (b"connection" in head) is is_last
        if is_last:
            assert await reader.read() == b""
        else:
            writer.write(GET)
            assert (await head_of(reader))[b"content-length"] == b"2"


async def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async with served(quickly) as (reader, writer):
        for body in (b"1", b"22"):
            writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
        for body in (b"1", b"22"):
            assert (await head_of(reader))[b"content-length"] == b"%d" % len(body)
            assert await reader.readexactly(len(body)) == body


async def test_pieces_are_chunks_and_the_first_comes_with_the_head() -> None:
    async with served(in_pieces) as (reader, writer):
        writer.write(GET)
        assert (await head_of(reader))[b"transfer-encoding"] == b"chunked"
        assert await reader.readuntil(b"0\r\n\r\n") == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"


async def test_head_has_no_body_and_an_old_client_gets_the_connection_closed() -> None:
    async with served(in_pieces) as (reader, writer):
        writer.write(b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n")
        assert (await head_of(reader))[b"content-type"] == b"text/plain"
        writer.write(b"GET / HTTP/1.0\r\nhost: x\r\n\r\n")
        assert (await head_of(reader))[b"connection"] == b"close"


@pytest.mark.parametrize("value", ["a\r\nx-evil: 1", "a\nb", "a\rb", "a\0b", "a\x7fb"])
async def test_a_header_that_would_end_its_line_never_leaves(value: str) -> None:
    async def forged(scope: dict[str, Any], receive: Any, send: Any) -> None:
        with pytest.raises(RuntimeError, match="Invalid HTTP header value"):
            scope[WIRE].reply(200, {"x-a": value}, b"{}", "application/json")
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", value.encode("latin-1"))]})

    async with served(forged) as (reader, writer):
        writer.write(GET)
        answer = await reader.read()
        assert b"evil" not in answer
        assert b"200 OK" not in answer


async def test_more_or_less_than_was_announced_closes_the_connection() -> None:
    async def wrong(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"3")]})
        await send({"type": "http.response.body", "body": b"ab"})

    async with served(wrong) as (reader, writer):
        writer.write(GET)
        assert (await reader.read()).endswith(b"\r\n\r\nab")


async def test_who_answers_is_told_when_the_caller_leaves_and_only_then() -> None:
    told: list[str] = []
    arrived, over = asyncio.Event(), asyncio.Event()

    async def slow(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["path"] == "/quick":
            scope[WIRE].on_gone = lambda: told.append("quick")
            return await quickly(scope, receive, send)
        scope[WIRE].on_gone = lambda: (told.append("slow"), over.set())
        arrived.set()
        await over.wait()

    async with served(slow) as (reader, writer):
        writer.write(b"GET /quick HTTP/1.1\r\nhost: x\r\n\r\n")
        await head_of(reader)
        writer.write(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n")
        await asyncio.wait_for(arrived.wait(), 5)
        assert told == []
        writer.close()
        await asyncio.wait_for(over.wait(), 5)
    assert told == ["slow"]


async def test_a_body_that_comes_late_is_read_in_pieces() -> None:
    async def reads(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert scope[WIRE].more_body
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        scope[WIRE].reply(200, {}, body, "text/plain")

    async with served(reads) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(b"ab")
        await asyncio.sleep(0.01)
        writer.write(b"cd")
        assert (await head_of(reader))[b"content-length"] == b"4"
        assert await reader.readexactly(4) == b"abcd"
