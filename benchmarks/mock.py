"""The mock upstream: the C program started, and told how long it takes to answer."""

from __future__ import annotations

import subprocess
import urllib.request
from types import TracebackType

from benchmarks.compiled import compiled
from benchmarks.machine import pinned

CHUNKS = 200


class Mock:
    """A context: the mock on a port of this machine until it is left."""

    def __init__(self, port: int, core: int | None = None) -> None:
        self.port = port
        self._process = subprocess.Popen(
            [*pinned(core), str(compiled("mock")), str(port)], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"the mock upstream did not start on port {port}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def behave(self, *, head_ms: float = 0, pace_ms: float = 0, chunks: int = CHUNKS) -> None:
        """For all answers from now on: time to the head, time between two chunks of a stream (0: at once), chunks of a stream."""
        query = f"head_us={round(head_ms * 1000)}&pace_us={round(pace_ms * 1000)}&chunks={chunks}"
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/control?{query}", data=b"", method="POST")
        with urllib.request.urlopen(request, timeout=5):
            pass

    def __enter__(self) -> Mock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait(5)
        assert self._process.stdout is not None
        self._process.stdout.close()
