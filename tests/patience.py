"""Waiting for what comes about later: asked again and again, so that a busy machine makes a test slower and never red."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")
# Far more than anything takes; only a test that fails waits this long.
SECONDS = 60.0
PAUSE_SECONDS = 0.02


def wait_until(look: Callable[[], Found], what: str, seconds: float = SECONDS, pause: float = PAUSE_SECONDS) -> Found:
    """What look found at last. what: the end of "never: …" in the message, for a test that fails."""
    until = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < until, f"never within {seconds:g} s: {what}"
        time.sleep(pause)
    return found
