"""Children that cannot outlive their supervisor: each watches one end of a pipe that closes when the parent dies, even by -9."""

from __future__ import annotations

import os
import threading

# Not a setting of the operator's: the supervisor hands the number of the pipe's read end to its children.
PARENT_PIPE = "_SIGNALBOX_PARENT_PIPE"
KILLED_BY_PARENT = 70


def exit_with_parent() -> None:
    """Start the watch; does nothing when the process was started by hand."""
    number = os.environ.get(PARENT_PIPE)
    if number is not None:
        threading.Thread(target=_wait_for_end, args=(int(number),), name="parent-watch", daemon=True).start()


def _wait_for_end(descriptor: int) -> None:
    # Nothing is ever written: read returns only when every writer, that is the parent, is gone.
    os.read(descriptor, 1)
    os._exit(KILLED_BY_PARENT)
