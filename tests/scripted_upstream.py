"""An HTTP server on loopback that says what it was told to and keeps what it was asked: for real clients against a real gateway."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONG_SECONDS = 20
PAUSE_SECONDS = 0.2


@dataclass
class Answer:
    """pieces: sent one by one; a streamed answer is one with events. stays_open: after the pieces nothing more comes.

    pauses: the last piece comes alone, a moment later.
    """

    pieces: list[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    stays_open: bool = False
    pauses: bool = False

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type") == "text/event-stream"


def whole(document: Any, status: int = 200, **headers: str) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer([body], status, {"content-type": "application/json"} | headers)


def streamed(events: list[bytes], *, stays_open: bool = False, pauses: bool = False) -> Answer:
    return Answer(events, 200, {"content-type": "text/event-stream"}, stays_open, pauses)


def sse(*documents: dict[str, Any]) -> list[bytes]:
    """Events of the Messages API, each named after its type."""
    return [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in documents]


@dataclass
class Asked:
    path: str
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return dict(json.loads(self.raw))


@dataclass
class Scripted:
    """answers are given in turn, the last one again and again."""

    port: int
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    client_left: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def says(self, *answers: Answer) -> None:
        self.answers[:] = answers
        self.asked.clear()
        self.client_left.clear()


@contextmanager
def scripted_upstream() -> Iterator[Scripted]:
    scripted = Scripted(0)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length", "0")))
            scripted.asked.append(Asked(self.path, {name.lower(): v for name, v in self.headers.items()}, raw))
            answer = scripted.answers.pop(0) if len(scripted.answers) > 1 else scripted.answers[0]
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            if not answer.is_stream:
                self.send_header("content-length", str(sum(len(piece) for piece in answer.pieces)))
            else:
                self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self._send(answer)

        def _send(self, answer: Answer) -> None:
            for number, piece in enumerate(answer.pieces, 1):
                if answer.pauses and number == len(answer.pieces):
                    time.sleep(PAUSE_SECONDS)
                self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece) if answer.is_stream else piece)
                self.wfile.flush()
            if answer.stays_open:
                self.connection.settimeout(LONG_SECONDS)
                if self.rfile.read(1) == b"":
                    scripted.client_left.set()
                self.close_connection = True
            elif answer.is_stream:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *_: object) -> None:
            return None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    scripted.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield scripted
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
