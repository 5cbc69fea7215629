"""A load generator on raw keep-alive connections: closed loop, counts only complete 200 answers."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

import uvloop


@dataclass(frozen=True, slots=True)
class Load:
    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float


def run_load(port: int, path: str, body: bytes, key: str, *, requests: int, parallel: int) -> Load:
    """Raises AssertionError on any answer that is not 200."""
    return uvloop.run(_run(port, path, body, key, requests, parallel))


async def _run(port: int, path: str, body: bytes, key: str, requests: int, parallel: int) -> Load:
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    left = iter(range(requests))
    times: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in left:
            began = time.perf_counter()
            writer.write(head + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 200"), answer[:200]
            place = answer.lower().find(b"content-length:")
            if place < 0:
                await reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                await reader.readexactly(int(answer[place + 15 :].split(b"\r\n", 1)[0]))
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(parallel)))
    seconds = time.perf_counter() - began
    ordered = sorted(times)
    return Load(len(times), seconds, statistics.median(times) * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3)
