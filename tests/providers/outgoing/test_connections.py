"""Connections: kept, dropped, shared by nobody, closed with whoever leaves, and made to wait for slow readers."""

from __future__ import annotations

import asyncio
import gc
import random

import pytest

from routerapp.providers.client import HttpTransport
from routerapp.providers.clock import SystemClock
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import CredentialRejected, StreamBroken
from routerapp.providers.outgoing import pool as pools
from routerapp.providers.outgoing.answer import HIGH_WATER_BYTES
from routerapp.providers.outgoing.connection import Connection
from tests.providers.outgoing.raw_upstream import (
    CHUNKED,
    FINE,
    OK,
    RawUpstream,
    Then,
    ask,
    ask_all,
    request_to,
    tasks_left,
    until,
)


async def test_two_hundred_at_once_over_ten_connections_each_get_their_own_answer(transport: HttpTransport) -> None:
    ten = asyncio.Semaphore(10)

    async def one(number: int) -> None:
        async with ten:
            body = b"%d-" % number * (number * 7 % 50)
            assert await ask_all(transport, upstream.url, body) == (200, body)

    async with RawUpstream(echo=True) as upstream:
        await asyncio.gather(*(one(number) for number in range(200)))

        assert len(upstream.lines) == 10
        assert len(upstream.asked) == 200


async def test_a_connection_closed_while_idle_costs_no_request(transport: HttpTransport) -> None:
    async with RawUpstream([FINE, 0.01, Then.CLOSE], [FINE]) as upstream:
        await ask_all(transport, upstream.url)
        [pool] = transport._pools.values()
        await until(lambda: not pool._idle)

        assert await ask_all(transport, upstream.url) == (200, b"fine")
        assert len(upstream.lines) == 2


async def test_what_comes_over_an_idle_connection_answers_no_request(transport: HttpTransport) -> None:
    planted = OK + b"content-length: 4\r\n\r\nevil"
    async with RawUpstream([FINE, 0.01, planted], [FINE]) as upstream:
        await ask_all(transport, upstream.url)
        await upstream.all_closed()

        assert await ask_all(transport, upstream.url) == (200, b"fine")
        assert len(upstream.lines) == 2


@pytest.mark.parametrize("how", [Then.CLOSE, Then.RESET])
async def test_a_stale_connection_is_an_error_at_once_and_its_neighbours_are_dropped(
    transport: HttpTransport, how: Then
) -> None:
    """Whether to ask again is for the attempts to say: they hold budget and deadline. They must then not meet the next dead one."""
    async with RawUpstream([0.05, FINE], [0.05, FINE], [how], [FINE]) as upstream:
        await asyncio.gather(ask_all(transport, upstream.url), ask_all(transport, upstream.url))
        with pytest.raises(StreamBroken):
            await ask(transport, upstream.url)
        assert len(upstream.asked) == 3

        assert await ask_all(transport, upstream.url) == (200, b"fine")
        assert len(upstream.lines) == 3
        for line in upstream.lines[:2]:
            await asyncio.wait_for(line.closed.wait(), 2)


async def test_whoever_ended_with_an_answer_cannot_touch_the_next_one(transport: HttpTransport) -> None:
    async with RawUpstream([FINE], [CHUNKED + b"2\r\nhe\r\n", 0.05, b"3\r\nllo\r\n0\r\n\r\n"]) as upstream:
        first = await ask(transport, upstream.url)
        second = await ask(transport, upstream.url)
        assert len(upstream.lines) == 1
        first.abort()
        await first.close()

        assert await first.read(100) == b"fine"
        assert await second.read(100) == b"hello"


async def test_the_end_may_come_a_moment_after_the_last_event(transport: HttpTransport) -> None:
    async with RawUpstream([CHUNKED + b"6\r\n[DONE]\r\n", 0.05, b"0\r\n\r\n"], [FINE]) as upstream:
        answer = await ask(transport, upstream.url)
        assert await anext(answer.chunks()) == b"[DONE]"
        await answer.close()
        [pool] = transport._pools.values()
        assert not pool._idle
        await until(lambda: pool._idle)

        assert await ask_all(transport, upstream.url) == (200, b"fine")
        assert len(upstream.lines) == 1


@pytest.mark.parametrize("more", [[], [b"4000\r\n" + b"x" * 0x4000 + b"\r\n"] * 20], ids=["silence", "a flood"])
async def test_an_end_that_does_not_come_is_not_waited_for_long(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch, more: list[bytes]
) -> None:
    monkeypatch.setattr("routerapp.providers.client._SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(pools, "DRAIN_SECONDS", 0.02 if not more else 60)
    async with RawUpstream([CHUNKED + b"6\r\n[DONE]\r\n", 0.02, *more, Then.LEFT]) as upstream:
        answer = await ask(transport, upstream.url)
        await anext(answer.chunks())
        await answer.close()

        await upstream.all_closed()


async def test_idle_connections_grow_old_and_are_not_many(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routerapp.providers.client._SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(pools, "MOST_KEPT", 3)
    async with RawUpstream([0.02, FINE]) as upstream:
        await asyncio.gather(*(ask_all(transport, upstream.url) for _ in range(8)))
        await until(lambda: sum(line.closed.is_set() for line in upstream.lines) == 5)
        monkeypatch.setattr(pools, "KEPT_SECONDS", 0.02)
        await asyncio.gather(*(ask_all(transport, upstream.url) for _ in range(3)))

        await upstream.all_closed()


async def test_a_connection_too_old_is_not_used_though_nobody_swept(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with RawUpstream([FINE]) as upstream:
        monkeypatch.setattr(pools, "KEPT_SECONDS", 0.01)
        await ask_all(transport, upstream.url)
        await asyncio.sleep(0.05)
        await ask_all(transport, upstream.url)

        assert len(upstream.lines) == 2


@pytest.mark.parametrize(
    ("hint", "lines"), [("timeout=5, max=100", 1), ("max=2", 1), ("Timeout=1", 2), ("timeout=0", 2)]
)
async def test_a_server_that_says_how_long_it_waits_is_left_before(
    transport: HttpTransport, hint: str, lines: int
) -> None:
    async with RawUpstream([OK + f"keep-alive: {hint}\r\ncontent-length: 0\r\n\r\n".encode()]) as upstream:
        for _ in range(2):
            await ask_all(transport, upstream.url)

        assert len(upstream.lines) == lines


@pytest.mark.parametrize(
    "steps",
    [[Then.LEFT], [b"HTTP/1.1 2", Then.LEFT], [CHUNKED + b"2\r\nhe\r\n", Then.LEFT]],
    ids=["before the head", "in the head", "in the body"],
)
async def test_whoever_is_cancelled_takes_the_connection_along(transport: HttpTransport, steps: list[bytes]) -> None:
    async with RawUpstream(steps) as upstream:
        task = asyncio.create_task(ask_all(transport, upstream.url))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

        await upstream.all_closed()
        assert not tasks_left()


async def test_cancelling_at_any_moment_leaks_nothing(transport: HttpTransport) -> None:
    draw = random.Random(7)
    async with RawUpstream([0.005, CHUNKED + b"2\r\nhe\r\n", 0.01, b"0\r\n\r\n"]) as upstream:

        async def leave_early() -> None:
            try:
                async with asyncio.timeout(draw.random() * 0.03):
                    await ask_all(transport, upstream.url)
            except TimeoutError:
                pass

        for _ in range(4):
            await asyncio.gather(*(leave_early() for _ in range(25)))
        [pool] = transport._pools.values()
        await until(lambda: pool._open == set(pool._idle))
        assert await ask_all(transport, upstream.url) == (200, b"he")
        await transport.close()

        await upstream.all_closed()
        assert not tasks_left()


async def test_closing_the_transport_ends_what_runs(transport: HttpTransport) -> None:
    async with RawUpstream([FINE], [Then.LEFT]) as upstream:
        await ask_all(transport, upstream.url)
        task = asyncio.create_task(ask_all(transport, upstream.url))
        await asyncio.sleep(0.05)
        await transport.close()
        with pytest.raises(StreamBroken):
            await task

        await upstream.all_closed()
        assert not tasks_left()


async def test_a_closed_connection_needs_no_garbage_collector(transport: HttpTransport) -> None:
    async with RawUpstream([CHUNKED + b"2\r\nhe\r\n", Then.LEFT]) as upstream:
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                answer = await ask(transport, upstream.url)
                await anext(answer.chunks())
                answer.abort()
            await upstream.all_closed()
            await asyncio.sleep(0)
            del answer

            assert not [one for one in gc.get_objects() if type(one) is Connection]
        finally:
            gc.enable()


async def test_a_slow_reader_makes_the_upstream_wait_and_loses_nothing(transport: HttpTransport) -> None:
    piece = bytes(range(256)) * 256
    async with RawUpstream([OK + b"content-length: %d\r\n\r\n" % (len(piece) * 192), *[piece] * 192]) as upstream:
        answer = await ask(transport, upstream.url)
        sent = -1
        while sent != upstream.lines[0].sent:
            sent = upstream.lines[0].sent
            await asyncio.sleep(0.2)

        assert sent < len(piece) * 192
        assert answer.size <= HIGH_WATER_BYTES + 256 * 1024
        whole = await answer.read(len(piece) * 192)
        assert whole == piece * 192
        assert await ask_all(transport, upstream.url) == (200, piece * 192)
        assert len(upstream.lines) == 1


async def test_a_large_request_arrives_whole(transport: HttpTransport) -> None:
    body = bytes(range(256)) * 20_000
    async with RawUpstream(echo=True) as upstream:
        assert await ask_all(transport, upstream.url, body) == (200, body)
        assert await ask_all(transport, upstream.url, b"") == (200, b"")

        assert len(upstream.lines) == 1


async def test_a_request_is_spelled_as_it_should_be(transport: HttpTransport) -> None:
    async with RawUpstream([FINE]) as upstream:
        url = upstream.url + "/a%20b?version=1&x=/y"
        answer = await ask(transport, url, b"{1}", authorization="Bearer é", traceparent="00-a-b-01", x_other="no")
        await answer.read(10)

        assert upstream.asked[0].decode().split("\r\n") == [
            "POST /v1/chat/a%20b?version=1&x=/y HTTP/1.1",
            f"host: 127.0.0.1:{upstream.port}",
            "user-agent: signalbox",
            "accept-encoding: identity",
            "authorization: Bearer é",
            "content-length: 3",
            "traceparent: 00-a-b-01",
            "",
            "{1}",
        ]


@pytest.mark.parametrize("mark", ["\r", "\n", "\0", "\x7f", "\ud800"])
@pytest.mark.parametrize("name", ["authorization", "traceparent", "content_type"])
async def test_no_value_ends_its_line(transport: HttpTransport, mark: str, name: str) -> None:
    async with RawUpstream([FINE]) as upstream:
        with pytest.raises(CredentialRejected):
            await ask(transport, upstream.url, **{name: f"a{mark}x: y"})

        assert upstream.lines == []


async def test_what_is_remembered_of_a_request_is_no_other_deployments_or_credentials(
    transport: HttpTransport,
) -> None:
    async with RawUpstream([FINE]) as upstream:
        await (await ask(transport, upstream.url, authorization="one")).read(10)
        await (await ask(transport, upstream.url, authorization="two")).read(10)
        await (await ask(transport, upstream.url)).read(10)

        assert len(upstream.lines) == 1
        assert [request.count(b"authorization: one") for request in upstream.asked] == [1, 0, 0]
        assert [request.count(b"authorization") for request in upstream.asked] == [1, 1, 0]


async def test_the_routes_remembered_are_bounded(transport: HttpTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("routerapp.providers.client._REMEMBERED_ROUTES", 5)
    async with RawUpstream([FINE]) as upstream:
        for number in range(20):
            await (await ask(transport, upstream.url, authorization=str(number))).read(10)
            assert len(transport._routes) <= 5

        assert len(upstream.lines) == 1


async def test_another_deployment_has_connections_of_its_own() -> None:
    transport = HttpTransport(EgressGuard(["127.0.0.1"]), SystemClock())
    async with RawUpstream([FINE]) as upstream:
        for deployment in ("here", "there", "here"):
            request = request_to(upstream.url)
            target = type(request.target)(deployment, "openai", upstream.url, "m")
            answer = await transport.open(type(request)("POST", upstream.url, {}, b"{}", False, target), 1_000)
            await answer.read(10)

        assert len(upstream.lines) == 2
        await transport.close()
