"""A loopback HTTP server for tests that answers as it is told, for every path: set `answers[path]` or `answer`. Nothing of the product is used."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODELS = {"object": "list", "data": [{"id": "small-1"}, {"id": "large-1"}]}
CHAT = {
    "id": "up-1",
    "object": "chat.completion",
    "model": "small-1",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 1, "total_tokens": 10},
}


@dataclass
class Answer:
    """body: text, or anything else as JSON. seconds: to wait before the first byte; drip: between any two bytes."""

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0
    drip: float = 0
    resets: bool = False


@dataclass
class FakeUpstream:
    """By path; a path that is not there answers 404. seen: (method, path, headers, body) of each request."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    key: str = ""

    def works(self) -> FakeUpstream:
        """Speaks the OpenAI dialect below /v1. With a key set, other keys get 401."""
        self.answers["/v1/models"] = Answer(body=MODELS)
        self.answers["/v1/chat/completions"] = Answer(body=CHAT)
        return self

    def says(self, status: int = 200, body: Any = "", path: str = "/v1/models", **more: Any) -> FakeUpstream:
        self.answers[path] = Answer(status, body, **more)
        return self

    def answer_to(self, path: str, headers: dict[str, str]) -> Answer:
        if self.key and headers.get("authorization") != f"Bearer {self.key}":
            return Answer(401, {"error": {"message": f"Incorrect API key: {headers.get('authorization')}"}})
        return self.answers.get(path.partition("?")[0], Answer(404, {"error": {"message": "no such route"}}))


@contextmanager
def fake_upstream() -> Iterator[FakeUpstream]:
    fake = FakeUpstream()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.seen.append((self.command, self.path, headers, body))
            answer = fake.answer_to(self.path, headers)
            time.sleep(answer.seconds)
            if answer.resets:
                self.close_connection = True
                return
            data = answer.body.encode() if isinstance(answer.body, str) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            kind = "text/plain" if isinstance(answer.body, str) else "application/json"
            for name, value in {"content-type": kind, "content-length": str(len(data)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self._send(data, answer.drip)

        def _send(self, data: bytes, drip: float) -> None:
            try:
                for place in range(len(data)) if drip else ():
                    self.wfile.write(data[place : place + 1])
                    self.wfile.flush()
                    time.sleep(drip)
                if not drip:
                    self.wfile.write(data)
            except OSError:
                self.close_connection = True

        do_GET = do_POST = _answer

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
