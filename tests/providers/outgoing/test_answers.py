"""Answers as servers send them, good and broken: what is read, what is an error, and when the connection may be used again."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest

from routerapp.providers.client import HttpTransport
from routerapp.providers.errors import AnswerTooLarge, BadAnswer, StreamBroken
from routerapp.providers.outgoing.inflater import PIECE_BYTES
from tests.providers.outgoing.raw_upstream import CHUNKED, FINE, OK, RawUpstream, Step, Then, ask, ask_all

HELLO = OK + b"content-length: 5\r\n\r\nhello"
KEPT: dict[str, tuple[bytes, int, bytes]] = {
    "a length": (HELLO, 200, b"hello"),
    "no body": (OK + b"content-length: 0\r\n\r\n", 200, b""),
    "chunks": (CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", 200, b"hello"),
    "chunk extensions": (CHUNKED + b'5;a=b;c="d"\r\nhello\r\n0;x\r\n\r\n', 200, b"hello"),
    "trailers": (CHUNKED + b"5\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n", 200, b"hello"),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", 204, b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 304, b""),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + HELLO,
        200,
        b"hello",
    ),
    "no reason": (b"HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello", 200, b"hello"),
    "line feeds": (b"HTTP/1.1 200 OK\ncontent-length: 5\n\nhello", 200, b"hello"),
    "a folded header": (OK + b"x-a: b\r\n c\r\ncontent-length: 5\r\n\r\nhello", 200, b"hello"),
    "an upgrade nobody wants": (
        OK + b"upgrade: h2\r\nconnection: upgrade\r\ncontent-length: 5\r\n\r\nhello",
        200,
        b"hello",
    ),
    "1.0 that says so": (
        b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 5\r\n\r\nhello",
        200,
        b"hello",
    ),
    "a line feed too many": (HELLO + b"\r\n", 200, b"hello"),
}
NOT_KEPT: dict[str, tuple[list[Step], int, bytes]] = {
    "until it closes": ([OK + b"\r\nhel", 0.01, b"lo", Then.CLOSE], 200, b"hello"),
    "1.0": ([b"HTTP/1.0 200 OK\r\n\r\nhello", Then.CLOSE], 200, b"hello"),
    "connection: close": ([OK + b"connection: close\r\ncontent-length: 5\r\n\r\nhello"], 200, b"hello"),
    "1.0 with a length": ([b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello"], 200, b"hello"),
    "an answer too many": ([HELLO + HELLO], 200, b"hello"),
    "bytes too many": ([HELLO + b"??"], 200, b"hello"),
    "the start of another": ([HELLO + b"H"], 200, b"hello"),
    "204 with a body": ([b"HTTP/1.1 204 No\r\ncontent-length: 2\r\n\r\nhi"], 204, b""),
    "an unknown transfer coding": ([OK + b"transfer-encoding: other\r\n\r\nhello", Then.CLOSE], 200, b"hello"),
}
MALFORMED: dict[str, bytes] = {
    "no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "HTTP/0.9": b"hello",
    "status line": b"HTTP/1.1 OK\r\n\r\n",
    "version": b"HTTP/3.7 200 OK\r\n\r\n",
    "status of two digits": b"HTTP/1.1 99 OK\r\ncontent-length: 0\r\n\r\n",
    "status of four digits": b"HTTP/1.1 1000 OK\r\ncontent-length: 0\r\n\r\n",
    "length and chunks": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "chunks and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
    "a list of lengths": OK + b"content-length: 5, 5\r\n\r\nhello",
    "negative length": OK + b"content-length: -5\r\n\r\nhello",
    "signed length": OK + b"content-length: +5\r\n\r\nhello",
    "hexadecimal length": OK + b"content-length: 0x5\r\n\r\nhello",
    "empty length": OK + b"content-length: \r\n\r\nhello",
    "length beyond numbers": OK + b"content-length: 99999999999999999999999\r\n\r\nhello",
    "NUL in a value": OK + b"x-a: b\0c\r\ncontent-length: 5\r\n\r\nhello",
    "NUL in a name": OK + b"x\0a: bc\r\ncontent-length: 5\r\n\r\nhello",
    "carriage return in a value": OK + b"x-a: b\rc\r\ncontent-length: 5\r\n\r\nhello",
    "no colon": OK + b"x-a\r\ncontent-length: 5\r\n\r\nhello",
    "no name": OK + b": a\r\ncontent-length: 5\r\n\r\nhello",
    "long header": OK + b"x-a: %b\r\ncontent-length: 5\r\n\r\nhello" % (b"y" * 9_000),
    "many headers": OK + b"".join(b"x-%d: y\r\n" % n for n in range(200)) + b"content-length: 5\r\n\r\nhello",
    "switching protocols": b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    "chunk size": CHUNKED + b"zz\r\nhello\r\n0\r\n\r\n",
    "negative chunk": CHUNKED + b"-5\r\nhello\r\n0\r\n\r\n",
    "chunk beyond numbers": CHUNKED + b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "chunk longer than it says": CHUNKED + b"2\r\nhello\r\n0\r\n\r\n",
    "length in a trailer": CHUNKED + b"5\r\nhello\r\n0\r\ncontent-length: 9\r\n\r\n",
    "trailer": CHUNKED + b"5\r\nhello\r\n0\r\nx t 1\r\n\r\n",
}
CUT: dict[str, list[Step]] = {
    "before a byte": [Then.CLOSE],
    "reset before a byte": [Then.RESET],
    "in the head": [OK + b"content-le", Then.CLOSE],
    "after an interim answer": [b"HTTP/1.1 100 Continue\r\n\r\n", Then.CLOSE],
    "in the body": [OK + b"content-length: 9\r\n\r\nhello", Then.CLOSE],
    "reset in the body": [OK + b"content-length: 9\r\n\r\nhello", 0.02, Then.RESET],
    "in a body larger than all": [OK + b"content-length: 9999999999999999\r\n\r\nhello", Then.CLOSE],
    "in a chunk": [CHUNKED + b"9\r\nhello", Then.CLOSE],
    "before the last chunk": [CHUNKED + b"5\r\nhello\r\n", Then.CLOSE],
    "in the last chunk": [CHUNKED + b"5\r\nhello\r\n0\r\n", Then.CLOSE],
    "in a trailer": [CHUNKED + b"5\r\nhello\r\n0\r\nx-t", Then.CLOSE],
}


@pytest.mark.parametrize("case", KEPT)
async def test_an_answer_that_is_whole_leaves_the_connection_for_the_next(transport: HttpTransport, case: str) -> None:
    data, status, body = KEPT[case]
    async with RawUpstream([data], [FINE]) as upstream:
        assert await ask_all(transport, upstream.url) == (status, body)
        assert await ask_all(transport, upstream.url) == (200, b"fine")

        assert len(upstream.lines) == 1


@pytest.mark.parametrize("case", NOT_KEPT)
async def test_an_answer_that_leaves_a_doubt_is_read_and_its_connection_closed(
    transport: HttpTransport, case: str
) -> None:
    steps, status, body = NOT_KEPT[case]
    async with RawUpstream(steps, [FINE]) as upstream:
        assert await ask_all(transport, upstream.url) == (status, body)
        assert await ask_all(transport, upstream.url) == (200, b"fine")

        assert len(upstream.lines) == 2
        await asyncio.wait_for(upstream.lines[0].closed.wait(), 2)


@pytest.mark.parametrize("case", MALFORMED)
async def test_what_is_not_http_is_a_bad_answer(transport: HttpTransport, case: str) -> None:
    async with RawUpstream([MALFORMED[case]], [FINE]) as upstream:
        with pytest.raises(BadAnswer):
            await ask_all(transport, upstream.url)
        assert await ask_all(transport, upstream.url) == (200, b"fine")

        assert len(upstream.lines) == 2
        await asyncio.wait_for(upstream.lines[0].closed.wait(), 2)


@pytest.mark.parametrize("case", CUT)
async def test_what_is_cut_is_a_broken_stream(transport: HttpTransport, case: str) -> None:
    async with RawUpstream(CUT[case], [FINE]) as upstream:
        with pytest.raises(StreamBroken):
            await ask_all(transport, upstream.url)
        assert await ask_all(transport, upstream.url) == (200, b"fine")

        assert len(upstream.asked) == 2, "nothing is asked a second time in here"


async def test_what_came_before_the_break_is_handed_out_first(transport: HttpTransport) -> None:
    async with RawUpstream([CHUNKED + b"5\r\nhello\r\n", b"5\r\nthere\r\nzz\r\n"]) as upstream:
        answer = await ask(transport, upstream.url)
        await asyncio.sleep(0.02)
        packets = answer.chunks()

        assert await anext(packets) == b"hellothere"
        for _ in range(2):
            with pytest.raises(BadAnswer):
                await anext(packets)


async def test_what_arrived_together_is_handed_out_together(transport: HttpTransport) -> None:
    async with RawUpstream([CHUNKED + b"1\r\na\r\n1\r\nb\r\n", 0.05, b"1\r\nc\r\n0\r\n\r\n"]) as upstream:
        answer = await ask(transport, upstream.url)

        assert [packet async for packet in answer.chunks()] == [b"ab", b"c"]


async def test_headers_have_lower_case_names_and_the_last_of_two_counts(transport: HttpTransport) -> None:
    async with RawUpstream([OK + b"X-One: 1\r\nRetry-After:  7 \r\nx-one: 2\r\nContent-Length: 0\r\n\r\n"]) as upstream:
        answer = await ask(transport, upstream.url)

        assert answer.headers == {"x-one": "2", "retry-after": "7", "content-length": "0"}


@pytest.mark.parametrize("size", [8_000, 100])
@pytest.mark.parametrize(
    "start", [OK + b"x-a: ", CHUNKED + b"0\r\nx-a: ", CHUNKED + b"5;x="], ids=["head", "trailer", "extension"]
)
async def test_what_never_comes_to_the_body_is_given_up(transport: HttpTransport, start: bytes, size: int) -> None:
    async with RawUpstream([start, *[b"y" * size] * (200_000 // size), Then.LEFT]) as upstream:
        with pytest.raises(BadAnswer):
            await ask_all(transport, upstream.url)
        await upstream.all_closed()


async def test_interim_answers_without_end_are_given_up(transport: HttpTransport) -> None:
    many = b"HTTP/1.1 102 Processing\r\n\r\n" * 500
    async with RawUpstream([many, many, many, many, many, many, many, many, Then.LEFT]) as upstream:
        with pytest.raises(BadAnswer):
            await ask_all(transport, upstream.url)
        await upstream.all_closed()


async def test_an_answer_larger_than_the_limit_is_refused_while_it_comes(transport: HttpTransport) -> None:
    async with RawUpstream([OK + b"content-length: 90000000\r\n\r\n", b"x" * 50_000, Then.LEFT]) as upstream:
        answer = await ask(transport, upstream.url)
        with pytest.raises(AnswerTooLarge):
            await answer.read(10_000)
        await upstream.all_closed()


PACKED = {
    "gzip": gzip.compress(b"hello" * 1_000),
    "x-gzip": gzip.compress(b"hello" * 1_000),
    "GZIP": gzip.compress(b"hello" * 400) + gzip.compress(b"hello" * 600),
    "deflate": zlib.compress(b"hello" * 1_000),
    " deflate": zlib.compressobj(wbits=-15).compress(b"") + zlib.compress(b"hello" * 1_000)[2:-4],
    "identity": b"hello" * 1_000,
}


@pytest.mark.parametrize("encoding", PACKED)
async def test_what_comes_packed_unasked_is_unpacked(transport: HttpTransport, encoding: str) -> None:
    packed = PACKED[encoding]
    head = OK + b"content-encoding: %b\r\ncontent-length: %d\r\n\r\n" % (encoding.encode(), len(packed))
    async with RawUpstream([head, *(packed[start : start + 7] for start in range(0, len(packed), 7))]) as upstream:
        assert await ask_all(transport, upstream.url) == (200, b"hello" * 1_000)

        assert b"accept-encoding: identity\r\n" in upstream.asked[0]


async def test_an_encoding_nobody_asked_for_is_a_bad_answer(transport: HttpTransport) -> None:
    async with RawUpstream([OK + b"content-encoding: br\r\ncontent-length: 5\r\n\r\nhello"]) as upstream:
        with pytest.raises(BadAnswer):
            await ask(transport, upstream.url)


@pytest.mark.parametrize(
    "data",
    [b"hello", gzip.compress(b"hello")[:-3], gzip.compress(b"hello") + b"more"],
    ids=["plain", "cut", "with something behind"],
)
async def test_what_is_not_packed_as_it_says_is_a_bad_answer(transport: HttpTransport, data: bytes) -> None:
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(data)
    async with RawUpstream([head + data]) as upstream:
        with pytest.raises(BadAnswer):
            await ask_all(transport, upstream.url)


async def test_a_bomb_is_unpacked_a_piece_at_a_time(transport: HttpTransport) -> None:
    packer = zlib.compressobj(1, zlib.DEFLATED, 31)
    bomb = b"".join(packer.compress(b" " * (1 << 20)) for _ in range(8)) + packer.flush()
    head = OK + b"content-encoding: gzip\r\ncontent-length: %d\r\n\r\n" % len(bomb)
    async with RawUpstream([head + bomb]) as upstream:
        answer = await ask(transport, upstream.url)
        sizes = [len(packet) async for packet in answer.chunks()]

    assert sum(sizes) == 8 << 20
    assert max(sizes) <= PIECE_BYTES


async def test_an_empty_answer_may_claim_any_encoding_it_could_have(transport: HttpTransport) -> None:
    async with RawUpstream([OK + b"content-encoding: gzip\r\ncontent-length: 0\r\n\r\n"]) as upstream:
        assert await ask_all(transport, upstream.url) == (200, b"")


async def test_an_answer_before_the_request_was_read_is_read_and_the_rest_not_sent_to_another(
    transport: HttpTransport,
) -> None:
    refused = b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nlarge"
    async with RawUpstream([refused, 5.0], [FINE], reads_body=False) as upstream:
        assert await ask_all(transport, upstream.url, b"x" * (32 << 20)) == (413, b"large")
        assert await ask_all(transport, upstream.url) == (200, b"fine")

        assert len(upstream.lines) == 2
