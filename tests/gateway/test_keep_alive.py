"""A silent stream says now and then that it is alive, between whole events only."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest

from routerapp.gateway import keep_alive
from routerapp.gateway.answers import send_stream
from routerapp.gateway.body import ClientGone, Message
from routerapp.gateway.keep_alive import KeepAlive
from routerapp.providers.clock import SystemClock, VirtualClock

COMMENT = b": keep-alive\n\n"
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


class Slow:
    """Events, each after its silence; raises at the end what it is told to."""

    def __init__(self, clock: VirtualClock, events: Iterable[tuple[float, bytes]], error: Exception | None = None):
        self._clock = clock
        self._events = iter(events)
        self._error = error
        self.is_closed = False

    def __aiter__(self) -> Slow:
        return self

    async def __anext__(self) -> bytes:
        for seconds, event in self._events:
            await self._clock.sleep(seconds)
            return event
        if self._error is not None:
            raise self._error
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.is_closed = True


class Caller:
    """Notes what arrives and when; writing an event takes as long as it is told to."""

    def __init__(self, clock: VirtualClock, seconds: float = 0, gone_after: int = 1_000):
        self.got: list[tuple[int, bytes]] = []
        self.is_over = False
        self._clock = clock
        self._start = clock.now_ms()
        self._seconds = seconds
        self._gone_after = gone_after

    async def send(self, message: Message) -> None:
        assert not self.is_over
        if message["type"] == "http.response.start":
            return
        if len(self.got) >= self._gone_after:
            raise OSError("gone")
        if not message.get("more_body"):
            self.is_over = True
            return
        self.got.append(((self._clock.now_ms() - self._start) // 1_000, message["body"]))
        if self._seconds and message["body"] not in (COMMENT, PING):
            await self._clock.sleep(self._seconds)


def run(events: Iterable[tuple[float, bytes]], dialect: str = "openai", **caller: Any) -> tuple[Caller, Slow]:
    clock = VirtualClock()
    reader, stream = Caller(clock, **caller), Slow(clock, events)
    asyncio.run(send_stream(reader.send, {}, stream, clock, dialect))
    return reader, stream


@pytest.mark.parametrize(("dialect", "sign"), [("openai", COMMENT), ("anthropic", PING)])
def test_a_silence_is_filled_every_fifteen_seconds(dialect: str, sign: bytes) -> None:
    caller, stream = run([(0, b"one\n\n"), (40, b"two\n\n"), (16, b"three\n\n")], dialect)

    assert caller.got == [(0, b"one\n\n"), (15, sign), (30, sign), (40, b"two\n\n"), (55, sign), (56, b"three\n\n")]
    assert caller.is_over
    assert stream.is_closed


def test_a_stream_that_talks_gets_none() -> None:
    caller, _ = run([(14.9, b"a\n\n")] * 5)

    assert [body for _, body in caller.got] == [b"a\n\n"] * 5


def test_nothing_comes_before_the_first_event_or_after_the_last() -> None:
    caller, _ = run([(100, b"only\n\n")])

    assert caller.got == [(100, b"only\n\n")]


def test_a_reader_who_is_slow_gets_whole_events_one_after_the_other() -> None:
    caller, _ = run([(0, b"one\n\n"), (0, b"two\n\n"), (20, b"three\n\n")], seconds=30)

    assert caller.got == [(0, b"one\n\n"), (30, b"two\n\n"), (75, COMMENT), (80, b"three\n\n")]


def test_an_event_waits_until_a_sign_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keep_alive, "SILENT_SECONDS", 0.05)
    written: list[str] = []

    async def write(body: bytes) -> None:
        written.append(f"begins {body!r}")
        await asyncio.sleep(0.1 if body == COMMENT else 0)
        written.append(f"ends {body!r}")

    async def talk() -> None:
        async with KeepAlive(SystemClock(), write, COMMENT) as line:
            await line.write(b"one")
            await asyncio.sleep(0.1)
            await line.write(b"two")

    asyncio.run(talk())
    assert written == [f"{word} {body!r}" for body in (b"one", COMMENT, b"two") for word in ("begins", "ends")]


def test_a_caller_who_left_is_noticed_by_the_next_event() -> None:
    clock = VirtualClock()
    caller, stream = Caller(clock, gone_after=1), Slow(clock, [(0, b"one\n\n"), (40, b"two\n\n")])

    with pytest.raises(OSError, match="gone"):
        asyncio.run(send_stream(caller.send, {}, stream, clock))
    assert stream.is_closed
    assert not caller.is_over


def test_an_answer_that_breaks_leaves_no_flow_behind() -> None:
    async def broken() -> int:
        clock = VirtualClock()
        stream = Slow(clock, [(0, b"one\n\n"), (20, b"two\n\n")], ClientGone())
        with pytest.raises(ClientGone):
            await send_stream(Caller(clock).send, {}, stream, clock)
        return len(asyncio.all_tasks())

    assert asyncio.run(broken()) == 1


def test_being_cancelled_while_silent_closes_the_stream_and_ends_the_signs() -> None:
    async def left() -> tuple[bool, int]:
        clock = VirtualClock()
        stream = Slow(clock, [(0, b"one\n\n")])
        waiting = asyncio.Event()

        async def hang() -> bytes:
            if not waiting.is_set():
                waiting.set()
                return b"one\n\n"
            await asyncio.Event().wait()
            raise AssertionError

        stream.__class__ = type("Hanging", (Slow,), {"__anext__": lambda self: hang()})
        task = asyncio.create_task(send_stream(Caller(clock).send, {}, stream, clock))
        await waiting.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return stream.is_closed, len(asyncio.all_tasks())

    assert asyncio.run(left()) == (True, 1)
