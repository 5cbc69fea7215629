"""A limit on what Django reads: it would spool a body of any size to the disk before a view, or anybody's sign-in, is looked at."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from routerapp.gateway.body import BODY_SECONDS, Message, Receive
from routerapp.serving.served import Refused

# The management API takes 1 MB of JSON; a form carries the same document with up to three bytes for one.
MAX_BYTES = 4 * 1024 * 1024


class BoundedReceive:
    """Passes messages on until the body is too long or too late; refused then says so. After the body nothing is limited."""

    def __init__(self, headers: Mapping[bytes, bytes], receive: Receive, most: int = MAX_BYTES) -> None:
        self.refused: Refused | None = None
        self._receive = receive
        self._most = self._left = most
        self._deadline = time.monotonic() + BODY_SECONDS
        self._is_whole = False
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared[:20]) > most:
            self.refused = _too_large(most)

    async def __call__(self) -> Message:
        if self._is_whole:
            return await self._receive()
        try:
            async with asyncio.timeout(max(self._deadline - time.monotonic(), 0)):
                message = await self._receive()
        except TimeoutError:
            return self._refuse(
                Refused(408, "body_too_slow", f"The body did not arrive within {BODY_SECONDS} seconds.")
            )
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            return self._refuse(_too_large(self._most))
        self._is_whole = not message.get("more_body", False)
        return message

    def _refuse(self, refused: Refused) -> Message:
        """Django drops a request whose sender has gone, quietly and at once."""
        self.refused = refused
        self._is_whole = True
        return {"type": "http.disconnect"}


def _too_large(most: int) -> Refused:
    return Refused(413, "body_too_large", f"The body is larger than {most // 1024 // 1024} MB.")
