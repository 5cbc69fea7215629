"""Holding the data folder's locks, so that nothing serves, drains or starts while its secrets change."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from routerapp.management.json_command import UNAVAILABLE, Failed

LOCKS = ("run.lock", "drainer.lock")


@contextmanager
def stopped_product(folder: Path) -> Iterator[None]:
    """Raises Failed while Signalbox runs on this folder."""
    with ExitStack() as held:
        for name in LOCKS:
            descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT, 0o600)
            held.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failed(
                    f"Signalbox runs on {folder}. Stop it first; this takes seconds.",
                    code="still_running",
                    exit_code=UNAVAILABLE,
                ) from None
        yield
