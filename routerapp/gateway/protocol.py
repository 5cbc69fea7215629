"""The server's side of one connection: uvicorn's httptools protocol, with what a short answer costs there taken out.

Differs from its parent in three ways only: an answer's head leaves together with the first of its body, its header lines are checked in
one pass, and whoever answers can be told that the caller has gone instead of waiting for the news in a task of its own.
"""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import service_unavailable
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from routerapp.logs.access import SHORTCUT as WIRE

# What may stand in a header line: HTAB, and everything from the space on but DEL.
_FINE = bytes(byte for byte in range(256) if (byte >= 0x20 and byte != 0x7F) or byte == 0x09)
_STATUS_LINES = {status: line.decode("latin-1") for status, line in STATUS_LINE.items()}


class Wire(RequestResponseCycle):
    """One request and its answer. on_gone: called once if the caller leaves before the answer is complete."""

    on_gone: Callable[[], None] | None = None
    _head: bytes = b""

    @property
    def is_free(self) -> bool:
        """Whether a whole answer can be written now: nothing has begun, and nobody has to wait for a slow reader."""
        return not (self.response_started or self.disconnected or self.flow.write_paused)

    def take_body(self) -> bytes:
        """The body that has arrived; reading goes on, so that the caller's leaving is noticed."""
        body, self.body = bytes(self.body), bytearray()
        self.flow.resume_reading()
        return body

    def reply(self, status: int, headers: Mapping[str, str], body: bytes, kind: str) -> None:
        """A whole answer in one write; only while is_free. Raises RuntimeError for a header that would end its line."""
        lines = [_STATUS_LINES[status]]
        lines += [f"{name.decode('latin-1')}: {value.decode('latin-1')}\r\n" for name, value in self.default_headers]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        lines.append(f"content-type: {kind}\r\n")
        lines.append(f"content-length: {len(body)}\r\n")
        if not self.keep_alive:
            lines.append("connection: close\r\n")
        head = "".join(lines).encode("latin-1")
        _check(head, len(lines))
        self.response_started = True
        self.waiting_for_100_continue = False
        self.transport.write(b"".join((head, b"\r\n", body)))
        self._finish()

    async def send(self, message: Any) -> None:
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"Expected ASGI message 'http.response.start', but got '{kind}'.")
            self.response_started = True
            self.waiting_for_100_continue = False
            self._head = self._make_head(message["status"], message.get("headers", ()))
        elif not self.response_complete:
            if kind != "http.response.body":
                raise RuntimeError(f"Expected ASGI message 'http.response.body', but got '{kind}'.")
            self._write(message.get("body", b""), message.get("more_body", False))
        else:
            raise RuntimeError(f"Unexpected ASGI message '{kind}' sent, after response already completed.")

    def _make_head(self, status: int, headers: Any) -> bytes:
        parts, count, says_close = [STATUS_LINE[status]], 1, False
        for name, value in (*self.default_headers, *headers):
            word = name.lower()
            if word == b"content-length" and self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
            elif word == b"transfer-encoding" and value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
            elif word == b"connection" and b"close" in [token.strip() for token in value.lower().split(b",")]:
                self.keep_alive, says_close = False, True
            parts += (word, b": ", value, b"\r\n")
            count += 1
        if not self.keep_alive and not says_close:
            parts.append(b"connection: close\r\n")
            count += 1
        if self.chunked_encoding is None and self.scope["method"] != "HEAD" and status not in (204, 304):
            self.chunked_encoding = True
            parts.append(b"transfer-encoding: chunked\r\n")
            count += 1
        head = b"".join(parts)
        _check(head, count)
        return head + b"\r\n"

    def _write(self, body: bytes, more_body: bool) -> None:
        head, self._head = self._head, b""
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            data = head
        elif self.chunked_encoding:
            data = b"%b%x\r\n%b\r\n" % (head, len(body), body) if body else head
            if not more_body:
                data += b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("Response content longer than Content-Length")
            data = head + body if head else body
        if data:
            self.transport.write(data)
        if not more_body:
            if self.expected_content_length != 0:
                raise RuntimeError("Response content shorter than Content-Length")
            self._finish()

    def _finish(self) -> None:
        self.response_complete = True
        self.on_gone = None
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()


class GatewayProtocol(HttpToolsProtocol):
    """Give it to uvicorn as `http`. Puts the Wire of each request into its scope."""

    cycle: Wire

    def connection_lost(self, exc: Exception | None) -> None:
        wire = self.cycle
        super().connection_lost(exc)
        if wire is not None and wire.on_gone is not None:
            tell, wire.on_gone = wire.on_gone, None
            tell()

    def on_headers_complete(self) -> None:
        """As the parent's, but for the kind of the cycle."""
        parser, scope = self.parser, self.scope
        http_version = parser.get_http_version()
        scope["method"] = parser.get_method().decode("ascii")
        if http_version != "1.1":
            scope["http_version"] = http_version
        if parser.should_upgrade() and self._should_upgrade():
            return
        parsed_url = httptools.parse_url(self.url)
        path = parsed_url.path.decode("ascii")
        scope["raw_path"] = self.root_path.encode("ascii") + parsed_url.path
        scope["path"] = self.root_path + (urllib.parse.unquote(path) if "%" in path else path)
        scope["query_string"] = parsed_url.query or b""
        previous = self.cycle
        wire = self.cycle = Wire(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=http_version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        scope[WIRE] = wire  # type: ignore[literal-required]
        app = self.app if not self._is_too_busy() else service_unavailable
        if previous is None or previous.response_complete:
            self._start_asgi_task(wire, app)  # type: ignore[arg-type]
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((wire, app))  # type: ignore[arg-type]

    def _is_too_busy(self) -> bool:
        most = self.limit_concurrency
        return most is not None and (len(self.connections) >= most or len(self.tasks) >= most)


def _check(head: bytes, lines: int) -> None:
    if head.translate(None, _FINE) != b"\r\n" * lines:
        raise RuntimeError("Invalid HTTP header value.")
