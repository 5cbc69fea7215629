"""Whatever bytes come, in whatever pieces: the same answer, or one of our errors; never a hang, never a word of it in the next answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerapp.providers.errors import BadAnswer, ProviderError, StreamBroken
from routerapp.providers.outgoing.connection import Connection

MANY, SOME = 150, 60
NEXT = b"HTTP/1.1 200 OK\r\nx-next: 1\r\ncontent-length: 4\r\n\r\nnext"


class Wire:
    """The event loop's side of a connection, without a socket."""

    def __init__(self) -> None:
        self.is_closed = False
        self.is_paused = False

    def write(self, data: bytes) -> None:
        return None

    def writelines(self, parts: Sequence[bytes]) -> None:
        return None

    def is_closing(self) -> bool:
        return self.is_closed

    def abort(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None:
        assert not self.is_paused
        self.is_paused = True

    def resume_reading(self) -> None:
        assert self.is_paused
        self.is_paused = False

    def get_write_buffer_size(self) -> int:
        return 0


@dataclass
class Keeper:
    """Notes what becomes of a connection."""

    kept: list[Connection] = field(default_factory=list)

    def put(self, connection: Connection) -> None:
        self.kept.append(connection)

    def drain(self, connection: Connection) -> None:
        return None

    def forget(self, connection: Connection, *, is_stale: bool) -> None:
        return None


@dataclass
class Outcome:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    error: type[ProviderError] | None = None
    is_kept: bool = False


async def exchange(pieces: Sequence[bytes], *, then_next: bool = True) -> Outcome:
    """One request, the pieces of its answer one after the other, then the end; then another request, if the connection was kept."""
    keeper, wire = Keeper(), Wire()
    connection = Connection(keeper, asyncio.get_running_loop())
    connection.connection_made(wire)  # type: ignore[arg-type]
    outcome = Outcome()
    answer = connection.send(b"", b"", None)

    async def read() -> None:
        try:
            await answer.head()
            async for packet in answer.chunks():
                assert packet
                outcome.body += packet
        except ProviderError as error:
            outcome.error = type(error)
        outcome.status = answer.status
        outcome.headers = dict(answer.headers)

    reading = asyncio.create_task(read())
    for piece in pieces:
        while wire.is_paused:
            await asyncio.sleep(0)
        if not wire.is_closed and not keeper.kept:
            connection.data_received(piece)
        elif keeper.kept and piece:
            # It waits for its next request: what still comes is nobody's answer.
            connection.data_received(piece)
            keeper.kept.clear()
        await asyncio.sleep(0)
    outcome.is_kept = bool(keeper.kept)
    if outcome.is_kept and then_next:
        following = connection.send(b"", b"", None)
        connection.data_received(NEXT)
        await following.head()
        assert (following.headers.get("x-next"), await following.read(100)) == ("1", b"next")
    connection.connection_lost(None)
    await asyncio.wait_for(reading, 1)
    return outcome


def split(data: bytes, places: Sequence[int]) -> list[bytes]:
    cuts = sorted({place % (len(data) + 1) for place in places} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(cuts)]


NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=12).filter(
    lambda name: name not in ("content-length", "transfer-encoding", "connection", "content-encoding", "upgrade")
)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
HEADERS = st.dictionaries(NAMES, VALUES, max_size=5)
CUTS = st.lists(st.integers(0, 5_000), max_size=12)


@dataclass
class Valid:
    data: bytes
    status: int
    headers: dict[str, str]
    body: bytes
    is_kept: bool


@st.composite
def answers(draw: st.DrawFn) -> Valid:
    status = draw(st.sampled_from([200, 201, 400, 429, 500, 599]))
    headers = draw(HEADERS)
    parts = draw(st.lists(st.binary(min_size=1, max_size=200), max_size=5))
    body = b"".join(parts)
    data = b"".join(
        draw(st.lists(st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 X\r\na: b\r\n\r\n"])))
    )
    lines = b"".join(f"{name}:{' ' * (len(name) % 3)}{value}\r\n".encode() for name, value in headers.items())
    data += b"HTTP/1.1 %d %b\r\n%b" % (status, draw(st.sampled_from([b"OK", b""])), lines)
    framing = draw(st.sampled_from(["length", "chunks", "close"]))
    if framing == "length":
        headers["content-length"] = str(len(body))
        data += b"content-length: %d\r\n\r\n%b" % (len(body), body)
    elif framing == "chunks":
        headers["transfer-encoding"] = "chunked"
        extension = draw(st.sampled_from([b"", b";a", b';a="b c"']))
        trailer = draw(st.sampled_from([b"", b"x-t: 1\r\n", b"x-t: 1\r\nx-u: 2\r\n"]))
        data += b"transfer-encoding: chunked\r\n\r\n"
        data += b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in parts)
        data += b"0\r\n%b\r\n" % trailer
    else:
        data += b"\r\n" + body
    return Valid(data, status, headers, body, framing != "close")


@given(valid=answers(), cuts=CUTS)
@settings(max_examples=MANY, deadline=None)
def test_where_an_answer_is_cut_into_packets_makes_no_difference(valid: Valid, cuts: list[int]) -> None:
    outcome = asyncio.run(exchange(split(valid.data, cuts)))

    assert outcome == Outcome(valid.status, valid.headers, valid.body, None, valid.is_kept)


def test_one_byte_at_a_time() -> None:
    data = b"HTTP/1.1 103 X\r\n\r\nHTTP/1.1 200 OK\r\na: b\r\ntransfer-encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nt: u\r\n\r\n"
    outcome = asyncio.run(exchange([data[place : place + 1] for place in range(len(data))]))

    assert outcome == Outcome(200, {"a": "b", "transfer-encoding": "chunked"}, b"abc", None, True)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    data = draw(answers()).data
    for _ in range(draw(st.integers(1, 4))):
        place, length = draw(st.integers(0, len(data))), draw(st.integers(0, 20))
        match draw(st.sampled_from(["flip", "insert", "cut", "double", "end", "swap"])):
            case "flip" if place < len(data):
                data = data[:place] + bytes([data[place] ^ (1 << draw(st.integers(0, 7)))]) + data[place + 1 :]
            case "insert":
                planted = draw(st.one_of(st.binary(max_size=20), st.sampled_from(TOKENS)))
                data = data[:place] + planted + data[place:]
            case "cut":
                data = data[:place] + data[place + length :]
            case "double":
                data = data[:place] + data[place : place + length] + data[place:]
            case "end":
                data = data[:place]
            case "swap":
                data = data.replace(draw(st.sampled_from(TOKENS)), draw(st.sampled_from(TOKENS)))
    return data


TOKENS = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b"HTTP/1.1",
    b"HTTP/1.0",
    b"200",
    b"content-length",
    b"transfer-encoding",
    b"chunked",
    b"connection: close\r\n",
    b"content-encoding: gzip\r\n",
    b"content-encoding: deflate\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbad",
    b"ffffffffffffffff",
    b"-1",
    b": ",
]


@given(data=mutations(), cuts=CUTS)
@settings(max_examples=MANY, deadline=None)
def test_what_is_broken_ends_in_an_answer_or_in_one_of_our_errors(data: bytes, cuts: list[int]) -> None:
    outcome = asyncio.run(exchange(split(data, cuts)))

    assert outcome.error in (None, BadAnswer, StreamBroken)
    assert outcome.error is None or not outcome.is_kept or outcome.headers.get("content-encoding")
    assert outcome.error is not None or outcome.status >= 200


@given(data=st.binary(max_size=400), cuts=CUTS)
@settings(max_examples=SOME, deadline=None)
def test_noise_is_an_error(data: bytes, cuts: list[int]) -> None:
    outcome = asyncio.run(exchange(split(data, cuts)))

    assert outcome.error in (BadAnswer, StreamBroken)


@given(valid=answers(), planted=st.one_of(st.just(NEXT.replace(b"next", b"evil")), st.binary(min_size=1)), cuts=CUTS)
@settings(max_examples=SOME, deadline=None)
def test_what_follows_an_answer_never_becomes_the_next(valid: Valid, planted: bytes, cuts: list[int]) -> None:
    """Line ends between two answers are the one thing that may stand there, and mean nothing."""
    outcome = asyncio.run(exchange(split(valid.data + planted, cuts)))

    if valid.is_kept:
        assert (outcome.status, outcome.body, outcome.error) == (valid.status, valid.body, None)
        assert not outcome.is_kept or not planted.strip(b"\r\n")


@given(parts=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=8), leaves_after=st.integers(0, 8))
@settings(max_examples=SOME, deadline=None)
def test_a_reader_may_leave_at_any_moment(parts: list[bytes], leaves_after: int) -> None:
    async def leave() -> None:
        keeper, wire = Keeper(), Wire()
        connection = Connection(keeper, asyncio.get_running_loop())
        connection.connection_made(wire)  # type: ignore[arg-type]
        answer = connection.send(b"", b"", None)
        pieces = [b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"]
        pieces += [b"%x\r\n%b\r\n" % (len(part), part) for part in parts] + [b"0\r\n\r\n"]
        for number, piece in enumerate(pieces):
            if number == leaves_after:
                answer.abort()
                break
            connection.data_received(piece)
        # Whole, so free for the next; or closed. Nothing between.
        assert bool(keeper.kept) != wire.is_closed or leaves_after >= len(pieces)
        if not wire.is_closed:
            answer.abort()
            assert keeper.kept and not wire.is_closed

    asyncio.run(leave())


@pytest.mark.parametrize("is_lost", [False, True])
def test_a_connection_lost_before_it_is_used_says_so_at_once(is_lost: bool) -> None:
    async def use() -> None:
        wire = Wire()
        connection = Connection(Keeper(), asyncio.get_running_loop())
        connection.connection_made(wire)  # type: ignore[arg-type]
        if is_lost:
            connection.connection_lost(None)
        else:
            wire.abort()
        with pytest.raises(StreamBroken):
            await asyncio.wait_for(connection.send(b"", b"", None).head(), 1)

    asyncio.run(use())


@pytest.mark.parametrize("size", [1, 70_000, 300_000])
def test_pauses_and_resumes_go_in_pairs(size: int) -> None:
    """The wire asserts that neither is called twice."""
    body: Any = b"x" * size
    data = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size + body
    outcome = asyncio.run(exchange([data[start : start + 50_000] for start in range(0, len(data), 50_000)]))

    assert (outcome.body, outcome.is_kept) == (body, True)
