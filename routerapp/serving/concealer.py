"""Takes our own credential out of whatever an upstream sends back, also where two packets share it. Most packets cost one search.

An upstream that takes a credential apart or spells it differently cannot be stopped from telling what it was sent.
"""

from __future__ import annotations

from collections.abc import Mapping

# A credential this short would be found in innocent text.
LEAST_CHARACTERS = 8
IN_ITS_PLACE = "…"


class Concealer:
    """For one answer; keeps at most the beginning of a credential back, never a whole event."""

    def __init__(self, credential: str) -> None:
        self._secret = credential.encode()
        self._place = IN_ITS_PLACE.encode()
        self._held = b""
        self._marks = frozenset(self._secret[:-1])

    def packet(self, data: bytes) -> bytes:
        """What may pass of this packet now; b"" while all of it may be the beginning of the credential."""
        if self._held:
            data, self._held = self._held + data, b""
        if self._secret in data:
            data = data.replace(self._secret, self._place)
        # Events end in a line feed and documents in a brace: only a packet cut in the middle can end in part of a credential.
        if data and data[-1] in self._marks:
            kept = self._beginning_at_end(data)
            if kept:
                self._held = data[-kept:]
                return data[:-kept]
        return data

    def rest(self) -> bytes:
        """What was kept back when the answer ended."""
        held, self._held = self._held, b""
        return held

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        secret = self._secret.decode()
        if not any(secret in value for value in headers.values()):
            return headers
        return {name: value.replace(secret, IN_ITS_PLACE) for name, value in headers.items()}

    def _beginning_at_end(self, data: bytes) -> int:
        """Bytes at the end of data that the credential begins with."""
        start = max(0, len(data) - len(self._secret) + 1)
        at = data.find(self._secret[:1], start)
        while at >= 0:
            if self._secret.startswith(data[at:]):
                return len(data) - at
            at = data.find(self._secret[:1], at + 1)
        return 0


def concealer_for(credential: str | None) -> Concealer | None:
    return Concealer(credential) if credential and len(credential) >= LEAST_CHARACTERS else None
