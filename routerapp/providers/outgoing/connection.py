"""One connection to an upstream: HTTP/1.1 written and parsed, one request at a time. Looks into no body, retries nothing.

It is used again only after an answer that was wholly read, said so, and had nothing behind it.
"""

from __future__ import annotations

import asyncio
import re
from math import inf
from typing import Protocol, cast

import httptools

from routerapp.providers.errors import BadAnswer, ProviderError, StreamBroken
from routerapp.providers.outgoing.answer import HIGH_WATER_BYTES, HttpAnswer

MOST_HEADERS = 128
HEADER_LIMIT_BYTES = 8190
# As much may come in a row without a byte of body: heads, interim answers, trailers, chunk extensions.
SILENT_LIMIT_BYTES = 64 * 1024
# After its last event a stream has only its end mark to send; whoever sends more is not worth waiting for.
DRAIN_LIMIT_BYTES = 64 * 1024
_SWITCHING_PROTOCOLS = 101
_TIMEOUT = re.compile(r"\btimeout=([0-9]{1,6})\b", re.IGNORECASE)


class Owner(Protocol):
    def put(self, connection: Connection) -> None:
        """It is free again."""

    def drain(self, connection: Connection) -> None:
        """It will be free or aborted shortly."""

    def forget(self, connection: Connection, *, is_stale: bool) -> None:
        """It is closed. is_stale: on its second use or later, before a byte of the answer."""


class Connection(asyncio.Protocol):
    """until: the loop's time at which it is closed, while it is idle or drains. kept_seconds: what the upstream says it waits for us."""

    __slots__ = (
        "_answer",
        "_has_body",
        "_has_extra",
        "_headers",
        "_is_draining",
        "_is_interim",
        "_is_kept",
        "_is_over",
        "_is_paused",
        "_loop",
        "_owner",
        "_parser",
        "_silent_bytes",
        "_transport",
        "_uses",
        "kept_seconds",
        "until",
    )

    _transport: asyncio.Transport

    def __init__(self, owner: Owner, loop: asyncio.AbstractEventLoop) -> None:
        self.until = 0.0
        self.kept_seconds = inf
        self._owner = owner
        self._loop = loop
        self._answer: HttpAnswer | None = None
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        # Servers written at home fold headers and end lines with a bare line feed. Lengths and chunks are read strictly.
        self._parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._headers: dict[str, str] = {}
        self._uses = 0
        self._silent_bytes = 0
        self._is_over = self._is_interim = self._is_kept = False
        self._has_body = self._has_extra = False
        self._is_paused = self._is_draining = False

    @property
    def is_usable(self) -> bool:
        return self._parser is not None and not self._transport.is_closing()

    def send(self, head: bytes, body: bytes, connect_ms: int | None) -> HttpAnswer:
        """Writes a request; the answer is filled as it comes."""
        answer = HttpAnswer(self, self._loop, connect_ms)
        if not self.is_usable:
            # It was closed in the moment between being connected and being used.
            answer.fail(StreamBroken("The connection broke: closed by the upstream."))
            return answer
        self._answer = answer
        self._headers = {}
        self._uses += 1
        self._silent_bytes = 0
        self._is_over = False
        if len(body) > HIGH_WATER_BYTES:
            self._transport.writelines((head, body))
        else:
            self._transport.write(head + body)
        return answer

    # What an answer asks of its connection.

    def resume(self) -> None:
        if self._is_paused:
            self._is_paused = False
            if self.is_usable:
                self._transport.resume_reading()

    def drain(self) -> None:
        self._is_draining = True
        self._let_go()
        if self._answer is not None:
            self.resume()
            self._owner.drain(self)

    def abort(self) -> None:
        self._break(StreamBroken("The connection was dropped."))

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have its methods without being one.
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        answer = self._answer
        if answer is None or self._parser is None:
            # Nobody asked: what comes now must never become the answer to the next request.
            self._transport.abort()
            return
        self._has_body = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            if not self._is_over:
                self._break(_not_http(answer))
                return
            self._has_extra = True
        if self._is_over:
            self._finish(answer)
        elif not self._has_body:
            self._silent_bytes += len(data)
            if self._silent_bytes > SILENT_LIMIT_BYTES:
                self._break(_not_http(answer))
                return
        else:
            self._silent_bytes = 0
            if self._is_draining:
                self._let_go()
            elif answer.size > HIGH_WATER_BYTES and not self._is_paused and self.is_usable:
                self._is_paused = True
                self._transport.pause_reading()
        answer.wake()

    def connection_lost(self, problem: Exception | None) -> None:
        answer, self._answer = self._answer, None
        # The parser holds this connection: without it, nothing is left for the garbage collector.
        self._parser = None
        has_head = answer is not None and answer.status != 0
        is_stale = answer is not None and not has_head and self._uses > 1 and self._silent_bytes == 0
        self._owner.forget(self, is_stale=is_stale)
        if answer is None:
            return
        if has_head and problem is None and _ends_with_the_connection(answer):
            answer.end()
        elif has_head:
            text = "The upstream broke off in the middle of its answer."
            answer.fail(StreamBroken(text, http_status=answer.status))
        else:
            reason = "closed by the upstream" if problem is None else type(problem).__name__
            answer.fail(StreamBroken(f"The connection broke: {reason}."))
        answer.wake()

    # What the parser finds.

    def on_message_begin(self) -> None:
        self._has_extra = self._is_over

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self._answer
        if answer is None or answer.status:
            return
        if len(name) + len(value) > HEADER_LIMIT_BYTES or len(self._headers) >= MOST_HEADERS or b"\0" in value:
            raise ValueError("a header beyond every measure")
        self._headers[name.decode("latin-1").lower().rstrip()] = value.decode("latin-1").rstrip()

    def on_headers_complete(self) -> None:
        answer, parser = self._answer, self._parser
        if answer is None or parser is None or answer.status:
            return
        status = parser.get_status_code()
        if status < 200:
            if status == _SWITCHING_PROTOCOLS:
                raise ValueError("nobody asked for another protocol")
            self._is_interim = True
            self._headers = {}
            return
        self._is_kept = parser.should_keep_alive()
        answer.headers = self._headers
        answer.status = status

    def on_body(self, data: bytes) -> None:
        answer = self._answer
        if answer is not None and not self._is_over:
            self._has_body = True
            answer.parts.append(data)
            answer.size += len(data)

    def on_message_complete(self) -> None:
        if self._is_interim:
            self._is_interim = False
        else:
            self._is_over = True

    def _finish(self, answer: HttpAnswer) -> None:
        """The answer is whole, so the connection is free, while what came over it waits for its reader."""
        self._answer = None
        self._is_draining = False
        answer.end()
        # An upstream may answer before it has read the whole request; the rest would run into the next one.
        is_sent = self._transport.get_write_buffer_size() == 0
        if self._is_kept and is_sent and not self._has_extra and self.is_usable:
            if (hint := answer.headers.get("keep-alive")) is not None and (found := _TIMEOUT.search(hint)):
                self.kept_seconds = int(found[1])
            self.resume()
            self._owner.put(self)
        else:
            self._transport.abort()

    def _let_go(self) -> None:
        """Drops what nobody will read; the count goes on."""
        answer = self._answer
        if answer is not None:
            answer.parts.clear()
            if answer.size > DRAIN_LIMIT_BYTES:
                self.abort()

    def _break(self, error: ProviderError) -> None:
        answer, self._answer = self._answer, None
        self._transport.abort()
        if answer is not None:
            answer.fail(error)
            answer.wake()


def _not_http(answer: HttpAnswer) -> BadAnswer:
    return BadAnswer("The upstream's answer is not valid HTTP.", http_status=answer.status)


def _ends_with_the_connection(answer: HttpAnswer) -> bool:
    """Neither a length nor chunks: the end of the connection is the end of the body."""
    headers = answer.headers
    codings = headers.get("transfer-encoding", "").lower().rstrip()
    return "content-length" not in headers and not codings.endswith("chunked")
