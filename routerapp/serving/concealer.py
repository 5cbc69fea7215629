"""Takes our own credential out of whatever an upstream sends back, also where two packets share it, and however an encoder spelled it.

An upstream that means to tell what it was sent can always find a spelling nobody looks for; this is against those that echo.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import re2

# A credential this short would be found in innocent text.
LEAST_CHARACTERS = 8
IN_ITS_PLACE = "…"
PLACE = IN_ITS_PLACE.encode()
_REMEMBERED = 256
_AS_BYTES = re2.Options()
_AS_BYTES.encoding = re2.Options.Encoding.LATIN1
_AS_BYTES.log_errors = False
_ESCAPE = re.compile(rb"[\\%&]")


class Concealer:
    """For one answer; keeps at most the beginning of a credential back, never a whole event."""

    def __init__(self, credential: str) -> None:
        self._wanted = _wanted(credential)
        self._held = b""

    def packet(self, data: bytes) -> bytes:
        """What may pass of this packet now; b"" while all of it may be the beginning of the credential."""
        if self._held:
            data, self._held = self._held + data, b""
        wanted = self._wanted
        data = wanted.taken_out(data)
        # Events end in a line feed and documents in a brace: only a packet cut in the middle can end in part of a credential.
        if data and data[-1] in wanted.marks:
            kept = wanted.beginning_at_end(data)
            if kept:
                self._held = data[-kept:]
                return data[:-kept]
        return data

    def rest(self) -> bytes:
        """What was kept back when the answer ended."""
        held, self._held = self._held, b""
        return held

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        told = {name: self._without(value) for name, value in headers.items()}
        return headers if told == headers else told

    def _without(self, value: str) -> str:
        return self._wanted.taken_out(value.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")


def concealed(text: str, credential: str) -> str:
    """For a stranger's text that may have been cut: without the credential, and without a telling part of it at the end."""
    concealer = Concealer(credential)
    passed, rest = concealer.packet(text.encode("utf-8", "replace")), concealer.rest()
    return (passed + (rest if len(rest) < LEAST_CHARACTERS else PLACE)).decode("utf-8", "replace")


def concealer_for(credential: str | None) -> Concealer | None:
    return Concealer(credential) if credential and len(credential) >= LEAST_CHARACTERS else None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """plain: spellings found as they stand. letters: for each letter what it may be written as in JSON, HTML and URLs.

    marks: the bytes a cut spelling may end in; longest: bytes of the longest one.
    """

    plain: tuple[bytes, ...]
    letters: tuple[tuple[bytes, ...], ...]
    pattern: Any
    marks: frozenset[int]
    longest: int

    def taken_out(self, data: bytes) -> bytes:
        for spelling in self.plain:
            if spelling in data:
                data = data.replace(spelling, PLACE)
        if _ESCAPE.search(data) and self.pattern.search(data):
            return bytes(self.pattern.sub(PLACE, data))
        return data

    def beginning_at_end(self, data: bytes) -> int:
        """Bytes at the end of data that a spelling begins with."""
        for at in range(max(0, len(data) - self.longest + 1), len(data)):
            tail = data[at:]
            if any(spelling.startswith(tail) for spelling in self.plain) or self._may_begin(tail):
                return len(tail)
        return 0

    def _may_begin(self, tail: bytes) -> bool:
        for spellings in self.letters:
            if any(one.startswith(tail) for one in spellings):
                return True
            found = next((one for one in spellings if tail.startswith(one)), None)
            if found is None:
                return False
            tail = tail[len(found) :]
        return False


@lru_cache(maxsize=_REMEMBERED)
def _wanted(credential: str) -> _Wanted:
    raw = credential.encode()
    plain = tuple({raw, raw.hex().encode(), *_as_base64(raw)})
    letters = tuple(_spellings(letter) for letter in credential)
    pattern = re2.compile(b"".join(b"(?:" + b"|".join(map(re2.escape, one)) + b")" for one in letters), _AS_BYTES)
    longest = max(*map(len, plain), sum(max(map(len, one)) for one in letters))
    marks = frozenset(byte for spelling in (*plain, *(text for one in letters for text in one)) for byte in spelling)
    return _Wanted(plain, letters, pattern, marks, longest)


def _spellings(letter: str) -> tuple[bytes, ...]:
    """Longest first. Encoders of PHP, Go, Java and .NET escape more than they must, each with its own taste."""
    escaped = {f"\\u{ord(letter):04x}", "".join(f"%{byte:02x}" for byte in letter.encode()), f"&#x{ord(letter):x};"}
    upper = {one[:2] + one[2:].upper() if one[0] != "%" else one.upper() for one in escaped}
    named = {html.escape(letter), f"&#{ord(letter)};", f"&#{ord(letter):03};"} | ({"\\" + letter} & {'\\"', "\\/"})
    itself = {"\\\\" if letter == "\\" else letter}
    every = {text.encode() for text in escaped | upper | named | itself}
    return tuple(sorted(every, key=len, reverse=True))


def _as_base64(raw: bytes) -> set[bytes]:
    """What it looks like inside something encoded, wherever it begins there: without the letters that its neighbours share."""
    found = set()
    for skipped in range(3):
        inner = raw[skipped:]
        whole = inner[: len(inner) // 3 * 3]
        found |= {base64.b64encode(whole), base64.urlsafe_b64encode(whole)}
    return {one for one in found if len(one) >= LEAST_CHARACTERS}
