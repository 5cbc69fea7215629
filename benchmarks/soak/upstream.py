"""A patient mock upstream: an answer after some milliseconds, or a stream of ten events. `python -m benchmarks.soak.upstream PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import orjson
import uvloop

WORDS = "word " * 60
SECONDS = 0.03
CHUNKS = 10
CHUNK_SECONDS = 0.01
BODY = orjson.dumps(
    {
        "id": "chatcmpl-soak",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "soak",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": WORDS}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 60, "total_tokens": 560},
    }
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _event(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _chunk(**members: object) -> bytes:
    common = {"id": "chatcmpl-soak", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "soak"}
    return _event(orjson.dumps(common | members))


WORD = _chunk(choices=[{"index": 0, "delta": {"content": "word "}, "finish_reason": None}])
LAST = (
    _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}])
    + _chunk(choices=[], usage={"prompt_tokens": 500, "completion_tokens": CHUNKS, "total_tokens": 500 + CHUNKS})
    + _event(b"[DONE]")
    + b"0\r\n\r\n"
)


class Upstream(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            place = self._buffer[:end].lower().find(b"content-length:")
            length = int(self._buffer[place + 15 : end].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            is_stream = b'"stream":true' in body or b'"stream": true' in body
            loop = asyncio.get_running_loop()
            loop.call_later(SECONDS, self._write, HEAD + WORD if is_stream else ANSWER, CHUNKS - 1 if is_stream else 0)

    def _write(self, data: bytes, left: int) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.write(data)
        if left:
            asyncio.get_running_loop().call_later(CHUNK_SECONDS, self._write, WORD if left > 1 else LAST, left - 1)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
