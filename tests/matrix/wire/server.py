"""One HTTP server on loopback for all vendors of the matrix; the first part of a path says which. Knows nothing of the product."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

CALLERS_KEY = "sb_live_"


@dataclass(frozen=True)
class Request:
    """path: without the vendor's part, with the query. headers have lower-case names."""

    path: str
    headers: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Answer:
    """A document, or events of a stream."""

    document: Any = None
    events: tuple[bytes, ...] = ()


class Refusal(Exception):
    """The vendor's answer to a request that is not as documented."""

    def __init__(self, status: int, document: Any) -> None:
        super().__init__(json.dumps(document))
        self.status = status
        self.document = document


class Vendor(Protocol):
    def answer(self, request: Request) -> Answer:
        """Raises Refusal, in the vendor's own form."""


@contextmanager
def serving(vendors: Mapping[str, Vendor]) -> Iterator[str]:
    class Handler(_Handler):
        served = vendors

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body leave together: apart, each waits for the other side's acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    served: Mapping[str, Vendor]

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        name, _, path = self.path.lstrip("/").partition("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            answer = self.served[name].answer(Request("/" + path, headers, _read(raw, headers)))
        except Refusal as refusal:
            self._send(refusal.document, refusal.status)
        except Exception as problem:
            self._send({"error": {"message": f"The test's upstream broke: {problem!r}", "code": 400}}, 400)
        else:
            self._stream(answer.events) if answer.events else self._send(answer.document)

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def _send(self, document: Any, status: int = 200) -> None:
        body = json.dumps(document, ensure_ascii=False).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, events: tuple[bytes, ...]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()


def _read(raw: bytes, headers: Mapping[str, str]) -> Any:
    """Every vendor refuses another content type and what is not JSON; none may see the key a caller has with the router."""
    if headers.get("content-type", "").partition(";")[0] != "application/json":
        raise Refusal(415, {"error": {"message": "Content-Type must be application/json.", "code": 415}})
    leaks = [name for name, value in headers.items() if CALLERS_KEY in value or name.startswith("x-router")]
    if leaks or CALLERS_KEY.encode() in raw:
        raise Refusal(400, {"error": {"message": f"The router gave away its caller's: {leaks or 'body'}", "code": 400}})
    return json.loads(raw)
