"""An upstream on loopback that gives away all it was sent: the headers come back in errors, headers, redirects, answers and streams.

What it does is named in the prompt: `echo: <way>`. Nothing of the product is used.
"""

from __future__ import annotations

import json
import re
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

WAYS = (
    "answer",
    "stream",
    "cut",
    "401",
    "403",
    "429",
    "500",
    "400",
    "redirect",
    "html",
    "broken",
    "headers",
    "midstream",
    "escaped",
    "encoded",
)
CREDENTIAL_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
USAGE = {"prompt_tokens": 5, "completion_tokens": 5, "total_tokens": 10}


@dataclass
class Echoing:
    url: str = ""
    seen: list[str] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    """One method for each way of telling. echoing: where what came in is kept, given by the server's own subclass."""

    echoing: Echoing
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._json(200, {"object": "list", "data": [{"id": self._sent()}, {"id": "echo-1"}]})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", "0"))).decode("utf-8", "replace")
        found = re.search(r"echo: (\w+)", body)
        way = found[1] if found else "answer"
        self.echoing.seen.append(f"{way} {self.path} {self._sent()}")
        getattr(self, f"_{way}", self._status)(way)

    def _sent(self) -> str:
        """The values of what came in, without the names, so that no rule about names can hide them."""
        return " ".join(value for name, value in self.headers.items() if name.lower() in CREDENTIAL_HEADERS)

    def _document(self, text: str) -> dict[str, object]:
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        return {
            "id": text[-60:],
            "object": "chat.completion",
            "model": text,
            "choices": [choice],
            "usage": USAGE,
            # The same as Gemini and Anthropic would say it.
            "responseId": text[-60:],
            "modelVersion": text,
            "candidates": [{"content": {"parts": [{"text": text}], "role": "model"}, "finishReason": "STOP"}],
            "type": "message",
            "role": "assistant",
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
        }

    def _answer(self, way: str) -> None:
        self._json(200, self._document(f"You sent {self._sent()}"))

    def _headers(self, way: str) -> None:
        self._json(200, self._document("ok"), **{"x-request-id": self._sent(), "x-echo": self._sent()})

    def _status(self, way: str) -> None:
        error = {"message": f"Wrong key: {self._sent()}", "type": "invalid", "code": self._sent()}
        self._json(int(way), {"error": error}, **{"x-request-id": self._sent()})

    def _redirect(self, way: str) -> None:
        self._json(302, {}, location=f"http://127.0.0.1:9/?key={self._sent().replace(' ', '')}")

    def _escaped(self, way: str) -> None:
        """As encoders of Java and .NET and of PHP write it: what is decoded and encoded anew would be in the clear."""
        text = json.dumps(self._document(f"You sent {self._sent()}")).replace("/", "\\/")
        escaped = text.replace("+", "\\u002B").replace("=", "\\u003d")
        self._bytes(200, escaped.encode(), "application/json")

    def _encoded(self, way: str) -> None:
        told = " ".join(
            (b64encode(self._sent().encode()).decode(), quote(self._sent(), safe=""), self._sent().encode().hex())
        )
        self._json(400, {"error": {"message": f"Wrong key: {told}", "type": "invalid", "code": told}})

    def _html(self, way: str) -> None:
        self._bytes(200, f"<html>{self._sent()}</html>".encode(), "text/html")

    def _broken(self, way: str) -> None:
        self._bytes(200, f'{{"id": "{self._sent()}", "choices": "{self._sent()}"'.encode(), "application/json")

    def _stream(self, way: str) -> None:
        self._events([self._event(f"You sent {self._sent()}"), b"data: [DONE]\n\n"])

    def _cut(self, way: str) -> None:
        whole = self._event(f"You sent {self._sent()}")
        at = whole.index(self._sent().encode()) + len(self._sent()) - 9
        self._events([whole[:at], whole[at:], b"data: [DONE]\n\n"])

    def _midstream(self, way: str) -> None:
        error = json.dumps({"error": {"message": f"overloaded, {self._sent()}", "code": 500}})
        self._events([self._event("one"), f"data: {error}\n\n".encode()])

    def _event(self, text: str) -> bytes:
        delta = {"index": 0, "delta": {"content": text}, "finish_reason": "stop"}
        return b"data: " + json.dumps({"id": text[-60:], "model": text, "choices": [delta]}).encode() + b"\n\n"

    def _events(self, pieces: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for piece in pieces:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(piece), piece))
            self.wfile.flush()
            threading.Event().wait(0.05)
        self.wfile.write(b"0\r\n\r\n")

    def _json(self, status: int, document: object, **headers: str) -> None:
        self._bytes(status, json.dumps(document).encode(), "application/json", **headers)

    def _bytes(self, status: int, content: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"content-type": kind, "content-length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return None


@contextmanager
def echoing_upstream() -> Iterator[Echoing]:
    echoing = Echoing()

    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"echoing": echoing}))
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    echoing.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield echoing
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
