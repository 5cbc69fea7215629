"""A real HTTP server on loopback that answers as the vendors document it: Gemini, Azure OpenAI and OpenAI-compatible embeddings.

The first part of a path is the vendor. Requests are kept as they came. Nothing of the product is used here.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.providers import gemini

THOUGHT = gemini.candidate({"text": "Let me see.", "thought": True}, finish=None)
HELLO = gemini.candidate({"text": "Hello"}, finish=None)
THERE = gemini.candidate({"text": " there"})
WEATHER_CALL = gemini.candidate(
    {"functionCall": {"name": "get_weather", "args": {"city": "Rome"}, "id": "g-1"}, "thoughtSignature": "c2ln"}
)
FILTERS = {"hate": {"filtered": False, "severity": "safe"}}
OPENAI_USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}


@dataclass
class Vendors:
    url: str
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)

    def last(self) -> tuple[str, dict[str, str], dict[str, Any]]:
        """(path, headers, body) of the newest request."""
        return self.seen[-1]


@contextmanager
def vendors() -> Iterator[Vendors]:
    found = Vendors("")

    class Handler(_Answers):
        seen = found.seen

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    seen: list[tuple[str, dict[str, str], dict[str, Any]]]

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
        if self.path.startswith("/gemini/"):
            self._gemini(body)
        elif self.path.partition("?")[0].endswith("/embeddings"):
            self._embeddings(body)
        else:
            self._azure(body)

    def log_message(self, format: str, *args: Any) -> None:
        return None

    def _gemini(self, body: dict[str, Any]) -> None:
        if self.path.endswith(":batchEmbedContents"):
            self._send(json.dumps({"embeddings": [{"values": [0.25, -0.5]} for _ in body["requests"]]}).encode())
        elif "quota" in json.dumps(body):
            details = gemini.retry_info("2s")
            self._send(gemini.error(429, "RESOURCE_EXHAUSTED", "Quota exceeded.", details), status=429)
        elif self.path.endswith(":streamGenerateContent?alt=sse"):
            candidates = [WEATHER_CALL] if "tools" in body else [THOUGHT, HELLO, THERE]
            self._stream([gemini.event(one) for one in candidates])
        else:
            self._send(gemini.whole(WEATHER_CALL if "tools" in body else THERE))

    def _azure(self, body: dict[str, Any]) -> None:
        if "forbidden" in json.dumps(body):
            inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {"hate": {"filtered": True}}}
            error = {"message": "Filtered.", "code": "content_filter", "status": 400, "innererror": inner}
            self._send(json.dumps({"error": error}).encode(), status=400)
        elif body.get("stream"):
            first = _chunk([], prompt_filter_results=[{"prompt_index": 0, "content_filter_results": FILTERS}])
            words = [
                _chunk([{"index": 0, "delta": {"content": word}, "finish_reason": None}]) for word in ("Hi", " you")
            ]
            last = _chunk([{"index": 0, "delta": {}, "finish_reason": "stop", "content_filter_results": FILTERS}])
            self._stream([first, *words, last, _chunk([], usage=OPENAI_USAGE), b"data: [DONE]\n\n"])
        else:
            choice = {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
            document = {"id": "a-1", "object": "chat.completion", "created": 1, "model": "gpt-4o", "choices": [choice]}
            self._send(json.dumps(document | {"usage": OPENAI_USAGE}).encode())

    def _embeddings(self, body: dict[str, Any]) -> None:
        inputs = body["input"] if isinstance(body["input"], list) and not isinstance(body["input"][0], int) else [0]
        value: Any = "AACAPgAAAL8=" if body.get("encoding_format") == "base64" else [0.25, -0.5]
        data = [{"object": "embedding", "index": index, "embedding": value} for index in range(len(inputs))]
        usage = {"prompt_tokens": 7, "total_tokens": 7}
        self._send(json.dumps({"object": "list", "data": data, "model": body.get("model"), "usage": usage}).encode())

    def _send(self, body: bytes, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, events: list[bytes]) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")


def _chunk(choices: list[dict[str, Any]], **more: Any) -> bytes:
    document = {"id": "a-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o", "choices": choices}
    return b"data: " + json.dumps(document | more).encode() + b"\n\n"
