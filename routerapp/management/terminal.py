"""SIGHUP has two meanings: an operator asks for a restart, or the terminal that started us was closed. This tells them apart."""

from __future__ import annotations

import os
import signal


class Terminal:
    """The one this process was started from, if it was."""

    def __init__(self) -> None:
        # nohup: whoever says so wants to outlive the terminal.
        self._had_one = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    @property
    def is_gone(self) -> bool:
        return self._had_one and not _has_terminal()


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
