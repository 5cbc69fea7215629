"""Unpacks an answer that came packed though none was asked for. Bounded: a piece at a time, so that a small answer cannot fill the memory."""

from __future__ import annotations

import zlib

from routerapp.providers.errors import BadAnswer

PIECE_BYTES = 256 * 1024
_GZIP, _ZLIB, _RAW = 31, 15, -15


class Inflater:
    """feed, then more until it gives nothing, and so on; finish at the end. Raises BadAnswer."""

    def __init__(self, window: int, status: int) -> None:
        self._window = window
        self._status = status
        self._inflate = zlib.decompressobj(window)
        self._waiting = b""
        self._has_begun = False

    @classmethod
    def of(cls, encoding: str, status: int) -> Inflater | None:
        """None where nothing is packed."""
        match encoding.strip().lower():
            case "" | "identity":
                return None
            case "gzip" | "x-gzip":
                return cls(_GZIP, status)
            case "deflate":
                return cls(_ZLIB, status)
        raise BadAnswer("The upstream's answer is in an encoding nobody asked for.", http_status=status)

    def feed(self, data: bytes) -> None:
        if not self._has_begun:
            self._has_begun = True
            # What calls itself deflate comes with the zlib header that belongs to it, or without.
            if self._window == _ZLIB and data[0] & 0x0F != zlib.DEFLATED:
                self._window = _RAW
                self._inflate = zlib.decompressobj(_RAW)
        self._waiting += data

    def more(self) -> bytes:
        """The next piece; b"" when it takes more input."""
        if not self._has_begun:
            return b""
        if self._inflate.eof and self._waiting:
            self._inflate = zlib.decompressobj(self._window)
        try:
            piece = self._inflate.decompress(self._waiting, PIECE_BYTES)
        except zlib.error:
            raise self._lie() from None
        self._waiting = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail
        if not piece and self._waiting and self._inflate.eof:
            return self.more()
        return piece

    def finish(self) -> None:
        if self._has_begun and not self._inflate.eof:
            raise self._lie()

    def _lie(self) -> BadAnswer:
        return BadAnswer("The upstream's answer is not in the encoding it claims.", http_status=self._status)
