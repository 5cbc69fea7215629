"""Keeps the product's processes alive, replaces the gateway's without a gap, and ends all in order. One per data folder; no child survives it."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from routerapp.management.child import Child, Plan
from routerapp.management.succession import Succession
from routerapp.management.terminal import Terminal

TICK_SECONDS = 0.2
MOST_FAILURES_AT_START = 5


class AlreadyRunning(RuntimeError):
    """Another supervisor holds this data folder."""


class ChildKeepsFailing(RuntimeError):
    """A process ended again and again right after its start."""


class Supervisor:
    """Holds the data folder's lock from the beginning. Children stop by stage: the gateway's first, then the drainer, which so sees every frame."""

    def __init__(self, data_dir: Path, manage: Path) -> None:
        self._manage = manage
        self._children: list[Child] = []
        self._next_generation: Callable[[], Sequence[Plan]] | None = None
        self._succession: Succession | None = None
        self._leaving: list[Child] = []
        self._lock = _lock(data_dir / "run.lock")
        self._read_end, self._write_end = os.pipe()
        self._terminal = Terminal()
        self._wants_restart = False
        self._stop_signals: list[int] = []
        # During set-up a child that cannot start is a fault to report; later it is restarted for as long as it takes.
        self.gives_up = True

    def start(self, plans: Sequence[Plan], next_generation: Callable[[], Sequence[Plan]] | None = None) -> None:
        """next_generation: the plans that replace those of the first stage when SIGHUP asks for it."""
        self._children = [Child(plan) for plan in plans]
        self._next_generation = next_generation
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_restart)
        for child in self._children:
            self._spawn(child)

    @property
    def is_stopping(self) -> bool:
        return bool(self._stop_signals)

    @property
    def is_ready(self) -> bool:
        return all(child.is_ready and child.is_alive for child in self._children)

    def watch(self) -> None:
        """Restart what ends and replace what is to be replaced, until a signal says stop."""
        read_end, write_end = os.pipe()
        for end in (read_end, write_end):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        try:
            while not self.is_stopping:
                self.tick()
                if select.select([read_end], [], [], TICK_SECONDS)[0]:
                    with suppress(BlockingIOError):
                        os.read(read_end, 4096)
        finally:
            signal.set_wakeup_fd(before)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.close(read_end)
            os.close(write_end)

    def tick(self) -> None:
        """Look at each child once. Raises ChildKeepsFailing, while gives_up, when one ended five times right after its start."""
        now = time.monotonic()
        for child in self._children:
            child.look()
            if child.process is not None and not child.is_alive:
                self._note_end(child, now)
            if child.restart_at is not None and now >= child.restart_at:
                self._spawn(child)
            elif child.kill_at is not None and now >= child.kill_at:
                child.kill()
        self._see_off(now)
        self._succeed()

    def stop(self) -> None:
        """Ask each stage in turn, wait its time, then SIGKILL; a second signal kills all that is left at once."""
        everybody = [*self._children, *self._leaving, *(self._succession.incoming if self._succession else ())]
        for stage in sorted({child.plan.stage for child in everybody}):
            members = [child for child in everybody if child.plan.stage == stage]
            for child in members:
                child.end(signal.SIGINT if self._stop_signals[:1] == [signal.SIGINT] else signal.SIGTERM)
            self._wait_for(members)
        os.close(self._write_end)
        os.close(self._read_end)
        self._lock.close()

    def _wait_for(self, members: list[Child]) -> None:
        while left := [child for child in members if child.is_alive]:
            now = time.monotonic()
            for child in left:
                if len(self._stop_signals) > 1 or (child.kill_at is not None and now >= child.kill_at):
                    child.kill()
            time.sleep(0.02)

    def _succeed(self) -> None:
        """Take a restart that was asked for one step further. One at a time: asked for again meanwhile, it comes after this one."""
        if self._succession is None:
            if self._wants_restart and not self._leaving and self._next_generation is not None and not self.gives_up:
                self._wants_restart = False
                _say("restarting: new gateway processes are started")
                self._succession = Succession([Child(plan) for plan in self._next_generation()], self._spawn)
            return
        succession = self._succession
        succession.step()
        if succession.failed:
            self._succession = None
            self._let_go(succession.incoming)
            _say(f"not restarted: {succession.failed}. Its messages are above; the old processes go on serving")
        elif succession.is_ready:
            self._succession = None
            stage = succession.incoming[0].plan.stage
            old = [child for child in self._children if child.plan.stage == stage]
            others = [child for child in self._children if child.plan.stage != stage]
            self._children = [*succession.incoming, *others]
            self._let_go(old)
            for child in others:
                if child.is_alive:
                    child.end()
            _say("restarted: the new gateway processes serve, the old ones finish what they have begun")

    def _let_go(self, children: list[Child]) -> None:
        for child in children:
            child.end()
        self._leaving += [child for child in children if child.process is not None]

    def _see_off(self, now: float) -> None:
        for child in tuple(self._leaving):
            if child.is_alive and child.kill_at is not None and now >= child.kill_at:
                child.kill()
            if not child.is_alive:
                child.forget()
                self._leaving.remove(child)

    def _note_end(self, child: Child, now: float) -> None:
        was_asked = child.kill_at is not None
        code = child.ended(now)
        if was_asked:
            child.failures, child.restart_at = 0, now
            return
        _say(f"{child.name} ended with {code}; starting it again")
        if child.failures >= MOST_FAILURES_AT_START and self.gives_up:
            raise ChildKeepsFailing(f"{child.name} ended {child.failures} times right after its start")

    def _spawn(self, child: Child) -> None:
        child.spawn(self._manage, self._read_end)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_signals.append(number)

    def _on_restart(self, number: int, frame: FrameType | None) -> None:
        if self._terminal.is_gone:
            self._on_stop(signal.SIGTERM, frame)
        else:
            self._wants_restart = True


def _say(text: str) -> None:
    with suppress(OSError):
        sys.stderr.write(f"signalbox: {text}\n")
        sys.stderr.flush()


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
