"""llmock (PyPI) as a process of its own, in an environment of its own: an upstream that breaks as told and judges its client."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.process.product import free_port

PROGRAM = Path(sys.prefix) / "llmock" / "bin" / "llmock"
START_SECONDS = 120
# Slow enough that a client which stops reading has left before the stream would have ended by itself.
CHUNK_DELAY_MS = 10


@dataclass
class LLMock:
    url: str
    client: httpx.Client

    def queue(self, *behaviors: dict[str, Any]) -> None:
        """What the next requests meet; see llmock's README, "The faults"."""
        self.client.post("/_llmock/scenario", json={"behaviors": list(behaviors)}).raise_for_status()

    def requests(self) -> list[dict[str, Any]]:
        return list(self.client.get("/_llmock/requests").json()["requests"])

    def verdict(self) -> dict[str, Any]:
        return dict(self.client.get("/_llmock/verdict").json())

    def report(self) -> str:
        return self.client.get("/_llmock/verdict", params={"format": "text"}).text

    def pending(self) -> list[Any]:
        return list(self.client.get("/_llmock/scenario").json()["pending"])

    def reset(self) -> None:
        self.client.post("/_llmock/reset").raise_for_status()


@contextmanager
def a_llmock() -> Iterator[LLMock]:
    port = free_port()
    command = [PROGRAM, "serve", "--host", "127.0.0.1", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen(
        [*command, "--stream-chunk-delay-ms", str(CHUNK_DELAY_MS)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            _wait(client, process)
            yield LLMock(url, client)
    finally:
        process.terminate()
        process.wait(60)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            client.get("/health").raise_for_status()
            return
        except httpx.HTTPError as problem:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"llmock does not start (its code: {process.poll()})") from problem
            time.sleep(0.05)
