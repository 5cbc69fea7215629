"""Keeps the product's processes alive and ends them in order. One per data folder; no child survives it."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from routerapp.management.parent import PARENT_PIPE

STOP_SECONDS = {"gateway": 70.0, "drainer": 20.0, "jobs": 15.0}
RESTART_FIRST_SECONDS = 0.5
RESTART_MOST_SECONDS = 30.0
STEADY_SECONDS = 60.0
TICK_SECONDS = 0.2


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this data folder."""


class ChildKeepsFailing(RuntimeError):
    """A process ended again and again right after its start."""


@dataclass(slots=True)
class Child:
    name: str
    arguments: tuple[str, ...]
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    failures: int = 0
    restart_at: float | None = field(default=None)


class Supervisor:
    """Children stop in the order given: the gateway first, then the drainer, which so sees every frame."""

    def __init__(self, data_dir: Path, manage: Path, children: tuple[tuple[str, tuple[str, ...]], ...]) -> None:
        self._manage = manage
        self._children = [Child(name, arguments) for name, arguments in children]
        self._lock = _lock(data_dir / "run.lock")
        self._read_end, self._write_end = os.pipe()
        os.set_inheritable(self._read_end, True)
        self._is_stopping = False
        # During set-up a child that cannot start is a fault to report; later it is restarted for as long as it takes.
        self.gives_up = True

    def start(self) -> None:
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)
        for child in self._children:
            self._spawn(child)

    @property
    def is_stopping(self) -> bool:
        return self._is_stopping

    def watch(self) -> None:
        """Restart what ends, until a signal says stop."""
        while not self._is_stopping:
            self.tick()
            time.sleep(TICK_SECONDS)

    def tick(self) -> None:
        """Look at each child once. Raises ChildKeepsFailing, while gives_up, when one ended five times right after its start."""
        now = time.monotonic()
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._note_end(child, now)
            if child.restart_at is not None and now >= child.restart_at:
                self._spawn(child)

    def stop(self) -> None:
        """SIGTERM each child in order, wait its time, then SIGKILL."""
        self._is_stopping = True
        for child in self._children:
            _stop(child)
        os.close(self._write_end)
        os.close(self._read_end)
        self._lock.close()

    def _note_end(self, child: Child, now: float) -> None:
        assert child.process is not None
        was_steady = now - child.started_at > STEADY_SECONDS
        child.failures = 1 if was_steady else child.failures + 1
        code = child.process.returncode
        sys.stderr.write(f"signalbox: {child.name} ended with {code}; starting it again\n")
        if child.failures >= 5 and self.gives_up:
            raise ChildKeepsFailing(f"{child.name} ended {child.failures} times right after its start")
        child.process = None
        child.restart_at = now + min(RESTART_FIRST_SECONDS * 2 ** (child.failures - 1), RESTART_MOST_SECONDS)

    def _spawn(self, child: Child) -> None:
        child.restart_at = None
        child.started_at = time.monotonic()
        child.process = subprocess.Popen(
            [sys.executable, str(self._manage), *child.arguments],
            env={**os.environ, PARENT_PIPE: str(self._read_end)},
            pass_fds=(self._read_end,),
            stdin=subprocess.DEVNULL,
            # Own group: Ctrl-C reaches only the supervisor, which stops the others in order.
            process_group=0,
        )

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._is_stopping = True


def _stop(child: Child) -> None:
    process = child.process
    if process is None or process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS.get(child.name, 10.0))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _lock(path: Path) -> IO[str]:
    file = path.open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise AlreadyRunning(
            f"Signalbox already runs on {path.parent}; stop it first or set SIGNALBOX_DATA_DIR"
        ) from None
    return file
