"""One process under the supervisor: how it is started, whether it lives, whether it has said that it is ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from routerapp.management.parent import PARENT_PIPE

# Not a setting of the operator's: the number of the pipe into which a child that tells so writes one byte when it is ready.
READY_PIPE = "_SIGNALBOX_READY_PIPE"
RESTART_FIRST_SECONDS = 0.5
RESTART_MOST_SECONDS = 30.0
# One that has lived so long did not fail at its start.
STEADY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Plan:
    """How to start one process. stage: those of a lower one are stopped first. descriptors: open files it inherits.

    tells_ready: it writes to READY_PIPE. on_end hears of every end of it.
    """

    name: str
    arguments: tuple[str, ...]
    stage: int = 0
    variables: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    stop_seconds: float = 10.0
    tells_ready: bool = False
    on_end: Callable[[], None] = lambda: None


@dataclass(slots=True, eq=False)
class Child:
    """failures: ends in a row, each soon after its start. restart_at: when it is started again; None while it lives."""

    plan: Plan
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = None
    kill_at: float | None = None
    is_ready: bool = False
    _ready_end: int | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def spawn(self, manage: Path, parent_pipe: int) -> None:
        """Start it; it has a process group of its own, so that Ctrl-C reaches only the supervisor, which stops all in order."""
        self.restart_at = self.kill_at = None
        self.started_at = time.monotonic()
        self.is_ready = not self.plan.tells_ready
        variables = {**os.environ, **self.plan.variables, PARENT_PIPE: str(parent_pipe)}
        descriptors = [parent_pipe, *self.plan.descriptors]
        write_end = None
        if self.plan.tells_ready:
            self._ready_end, write_end = os.pipe()
            os.set_blocking(self._ready_end, False)
            variables[READY_PIPE] = str(write_end)
            descriptors.append(write_end)
        self.process = subprocess.Popen(
            [sys.executable, str(manage), *self.plan.arguments],
            env=variables,
            pass_fds=descriptors,
            stdin=subprocess.DEVNULL,
            process_group=0,
        )
        if write_end is not None:
            os.close(write_end)

    def look(self) -> None:
        """Hear whether it has become ready."""
        if self._ready_end is None:
            return
        with suppress(BlockingIOError):
            self.is_ready = os.read(self._ready_end, 1) != b""
            self._close_pipe()

    def ended(self, now: float) -> int:
        """Note that it has ended, and when to start it again; returns its code. The first time in a while that is at once."""
        assert self.process is not None
        code = self.process.returncode
        self.failures = 1 if now - self.started_at > STEADY_SECONDS else self.failures + 1
        pause = RESTART_FIRST_SECONDS * 2.0 ** (self.failures - 2) if self.failures > 1 else 0.0
        self.restart_at = now + min(pause, RESTART_MOST_SECONDS)
        self.forget()
        return code

    def forget(self) -> None:
        self.process = None
        self.is_ready = False
        self._close_pipe()
        self.plan.on_end()

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask it to end within its time."""
        self.kill_at = time.monotonic() + self.plan.stop_seconds
        if self.process is not None and self.is_alive:
            self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None and self.is_alive:
            self.process.kill()
            self.process.wait()

    def _close_pipe(self) -> None:
        if self._ready_end is not None:
            os.close(self._ready_end)
            self._ready_end = None


def tell_ready() -> None:
    """In the child: say it once; does nothing when the process was started by hand."""
    number = os.environ.pop(READY_PIPE, None)
    if number is not None:
        with suppress(OSError):
            os.write(int(number), b"1")
        os.close(int(number))
