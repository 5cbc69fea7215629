"""Takes our own credential out of whatever an upstream sends back, also where two packets share it, and as encoders usually spell it.

An upstream that means to tell what it was sent can always find a spelling nobody looks for; this is against those that echo.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from functools import lru_cache
from urllib.parse import quote

# A credential this short would be found in innocent text.
LEAST_CHARACTERS = 8
IN_ITS_PLACE = "…"
_REMEMBERED = 256
# What JSON encoders write as \uXXXX though they need not: of PHP, Go, Java (Gson) and .NET, each with its own taste.
_ESCAPED_BY_ENCODERS = ("", "<>&", "<>&='", "<>&'+`")


class Concealer:
    """For one answer; keeps at most the beginning of a credential back, never a whole event."""

    def __init__(self, credential: str) -> None:
        self._secrets, self._marks = _wanted(credential)
        self.place = IN_ITS_PLACE.encode()
        self._held = b""

    def packet(self, data: bytes) -> bytes:
        """What may pass of this packet now; b"" while all of it may be the beginning of the credential."""
        if self._held:
            data, self._held = self._held + data, b""
        for secret in self._secrets:
            if secret in data:
                data = data.replace(secret, self.place)
        # Events end in a line feed and documents in a brace: only a packet cut in the middle can end in part of a credential.
        if data and data[-1] in self._marks:
            kept = max(_beginning_at_end(data, secret) for secret in self._secrets)
            if kept:
                self._held = data[-kept:]
                return data[:-kept]
        return data

    def rest(self) -> bytes:
        """What was kept back when the answer ended."""
        held, self._held = self._held, b""
        return held

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        secrets = [secret.decode() for secret in self._secrets]
        if not any(secret in value for value in headers.values() for secret in secrets):
            return headers
        return {name: _without(value, secrets) for name, value in headers.items()}


def concealed(text: str, credential: str) -> str:
    """For a stranger's text that may have been cut: without the credential, and without a telling part of it at the end."""
    concealer = Concealer(credential)
    passed, rest = concealer.packet(text.encode("utf-8", "replace")), concealer.rest()
    return (passed + (rest if len(rest) < LEAST_CHARACTERS else concealer.place)).decode("utf-8", "replace")


def concealer_for(credential: str | None) -> Concealer | None:
    return Concealer(credential) if credential and len(credential) >= LEAST_CHARACTERS else None


@lru_cache(maxsize=_REMEMBERED)
def _wanted(credential: str) -> tuple[tuple[bytes, ...], frozenset[int]]:
    """Every spelling, longest first, and the bytes a cut one may end in."""
    encoded = {quote(credential, safe=""), credential.encode().hex(), *_as_base64(credential)}
    spellings = {credential, *encoded, *_as_json(credential)}
    secrets = tuple(sorted((text.encode() for text in spellings), key=len, reverse=True))
    return secrets, frozenset(byte for secret in secrets for byte in secret[:-1])


def _as_json(text: str) -> set[str]:
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    found = {plain, plain.replace("/", "\\/")}
    for marks in _ESCAPED_BY_ENCODERS:
        for form in ("\\u%04x", "\\u%04X"):
            found.add("".join(form % ord(letter) if letter in marks else letter for letter in plain))
    return found


def _as_base64(text: str) -> set[str]:
    """What it looks like inside something encoded, wherever it begins there: without the letters that its neighbours share."""
    found = set()
    for skipped in range(3):
        inner = text.encode()[skipped:]
        whole = inner[: len(inner) // 3 * 3]
        found |= {base64.b64encode(whole).decode(), base64.urlsafe_b64encode(whole).decode()}
    return {one for one in found if len(one) >= LEAST_CHARACTERS}


def _beginning_at_end(data: bytes, secret: bytes) -> int:
    """Bytes at the end of data that the secret begins with."""
    start = max(0, len(data) - len(secret) + 1)
    at = data.find(secret[:1], start)
    while at >= 0:
        if secret.startswith(data[at:]):
            return len(data) - at
        at = data.find(secret[:1], at + 1)
    return 0


def _without(text: str, secrets: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, IN_ITS_PLACE)
    return text
