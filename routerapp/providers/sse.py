"""Server-sent events, split out of a byte stream without copying or decoding them. Knows no dialect."""

from __future__ import annotations

import re

from routerapp.providers.errors import AnswerTooLarge

EVENT_LIMIT_BYTES = 8 * 1024 * 1024
_BLANK_LINE = re.compile(rb"\r\n\r\n|\n\n|\r\r|\n\r\n")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventSplitter:
    """Feed packets, get whole events, blank line included. Packets may cut anywhere, inside a character too."""

    def __init__(self, limit: int = EVENT_LIMIT_BYTES) -> None:
        self._buffer = bytearray()
        self._scanned = 0
        self._limit = limit

    def feed(self, packet: bytes) -> list[bytes]:
        """Raises AnswerTooLarge when one event outgrows the limit."""
        if not self._buffer and b"\r" not in packet and packet.endswith(b"\n\n"):
            events = packet.split(b"\n\n")
            if not events.pop():
                return [event + b"\n\n" for event in events] if len(events) > 1 else [packet]
        self._buffer += packet
        events = []
        start = 0
        while found := _BLANK_LINE.search(self._buffer, max(start, self._scanned)):
            events.append(bytes(self._buffer[start : found.end()]))
            start = found.end()
            self._scanned = start
        del self._buffer[:start]
        if len(self._buffer) > self._limit:
            raise AnswerTooLarge(f"one streamed event is larger than {self._limit} bytes")
        self._scanned = max(len(self._buffer) - 3, 0)
        return events

    def rest(self) -> bytes:
        """What came after the last blank line: an event the upstream did not finish."""
        return bytes(self._buffer)


def data_of(event: bytes) -> bytes | None:
    """The event's data, lines joined by a line feed; None for comments and events without any."""
    if event.startswith(b"data: ") and event.endswith(b"\n\n") and event.count(b"\n") == 2:
        return event[6:-2]
    if event.startswith(_BYTE_ORDER_MARK):
        event = event[3:]
    lines = [
        line[5:].removeprefix(b" ")
        for line in event.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if line.startswith(b"data:")
    ]
    return b"\n".join(lines) if lines else None
