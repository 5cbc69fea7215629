"""A webhook's other side on a loopback port: keeps what it was sent, and answers as it is told to."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class Receiver:
    """behaviour: ok, redirect, hang, drip, huge, reset, or a status; it may be changed at any time."""

    url: str = ""
    behaviour: str = "ok"
    received: list[Received] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)

    def has_heard(self, count: int, seconds: float = 20) -> bool:
        """Whether so many have come, and no more: a sender that waits for no answer may be done before its message is read."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(self.received) == count

    def events(self) -> list[str]:
        return [one.document["event"] for one in self.received]


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.received.append(Received(self.path, headers, body))
            with contextlib.suppress(OSError):
                _BEHAVIOURS.get(receiver.behaviour, _status)(self, receiver)

        def log_message(self, *args: Any) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.url = f"http://127.0.0.1:{server.server_port}/hooks/a-secret-path"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_over.set()
        server.shutdown()
        server.server_close()


def _status(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    handler.send_response(200 if receiver.behaviour == "ok" else int(receiver.behaviour))
    handler.send_header("content-length", "0")
    handler.end_headers()


def _redirect(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    handler.send_response(302)
    handler.send_header("location", receiver.url + "/elsewhere")
    handler.send_header("content-length", "0")
    handler.end_headers()


def _hang(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    receiver.is_over.wait(20)
    handler.close_connection = True


def _drip(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    while not receiver.is_over.is_set():
        handler.wfile.write(b"x-drip: 1\r\n")
        time.sleep(0.02)


def _huge(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    """Says 200 and then never stops."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n")
    while not receiver.is_over.is_set():
        handler.wfile.write(b"x" * 65_536)


def _reset(handler: BaseHTTPRequestHandler, receiver: Receiver) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


_BEHAVIOURS = {"redirect": _redirect, "hang": _hang, "drip": _drip, "huge": _huge, "reset": _reset}
