"""A fast mock upstream for benchmarks: one fixed chat completion at once, or fifty events of a stream. `python -m benchmarks.upstream PORT`."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import orjson
import uvloop

BODY = orjson.dumps(
    {
        "id": "chatcmpl-mock",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "mock-model",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 60}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 500, "completion_tokens": 60, "total_tokens": 560},
    }
)
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKS = 50
# Far enough apart that each event arrives in a packet of its own, as it does from a model.
SECONDS_BETWEEN_CHUNKS = 0.002
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def _event(data: bytes) -> bytes:
    event = b"data: " + data + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(event), event)


def _chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    head = {"id": "chatcmpl-mock", "object": "chat.completion.chunk", "created": 1_700_000_000, "model": "mock-model"}
    return _event(orjson.dumps({**head, "choices": choices, **more}))


WORD = _chunk([{"index": 0, "delta": {"content": "word "}, "finish_reason": None}])
STREAM_END = (
    _chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
    + _chunk([], usage={"prompt_tokens": 500, "completion_tokens": CHUNKS, "total_tokens": 500 + CHUNKS})
    + _event(b"[DONE]")
    + b"0\r\n\r\n"
)


class Mock(asyncio.Protocol):
    def __init__(self) -> None:
        self._buffer = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            place = head.find(b"content-length:")
            length = int(head[place + 15 :].split(b"\r\n", 1)[0]) if place >= 0 else 0
            if len(self._buffer) < end + 4 + length:
                return
            body, self._buffer = self._buffer[end + 4 : end + 4 + length], self._buffer[end + 4 + length :]
            if b'"stream":true' in body or b'"stream": true' in body:
                self._transport.write(STREAM_HEAD)
                self._send_chunk(CHUNKS)
            else:
                self._transport.write(ANSWER)

    def _send_chunk(self, left: int) -> None:
        self._transport.write(WORD if left else STREAM_END)
        if left:
            asyncio.get_running_loop().call_later(SECONDS_BETWEEN_CHUNKS, self._send_chunk, left - 1)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Mock, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
