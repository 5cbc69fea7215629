"""Processes under test: their tree, the CPU time and memory of each, and holding them still while others are measured."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class CPU:
    """CPU time of one process so far. exact_ns by the scheduler's own books, of the threads that live; ticks_ns of all threads ever."""

    exact_ns: int
    ticks_ns: int
    threads: frozenset[str]

    def until(self, later: CPU) -> int:
        """Nanoseconds between two readings: exact unless a thread has ended in between."""
        if self.threads <= later.threads:
            return later.exact_ns - self.exact_ns
        return later.ticks_ns - self.ticks_ns


@dataclass(frozen=True, slots=True)
class Memory:
    """KiB: resident, and proportional (pages that processes share counted once between them)."""

    rss: int
    pss: int


def read_cpu(pid: int) -> CPU:
    exact, threads = 0, set()
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError):
            exact += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text().split()[0])
            threads.add(task)
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return CPU(exact, (int(fields[11]) + int(fields[12])) * TICK_NS, frozenset(threads))


def read_memory(pid: int) -> Memory:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines if line.endswith(" kB")}
    return Memory(sizes["Rss"], sizes["Pss"])


def tree_of(pid: int) -> list[int]:
    """The process and all that descend from it, parents first."""
    found, at = [pid], 0
    while at < len(found):
        tasks = Path(f"/proc/{found[at]}/task")
        with contextlib.suppress(OSError):
            for task in tasks.iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        at += 1
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()


class Running:
    """One subject's processes: started, told apart into workers and the rest, paused, stopped. `worker` is a word of its command."""

    def __init__(self, command: list[str], environment: dict[str, str], folder: Path, worker: str | None) -> None:
        self.log = folder / "output.log"
        with self.log.open("wb") as output:
            self._process = subprocess.Popen(
                command, env=environment, cwd=folder, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._worker = worker

    @property
    def tree(self) -> list[int]:
        return tree_of(self._process.pid)

    @property
    def workers(self) -> list[int]:
        """Those that answer requests: all of the processes with the word in their command, else the first process."""
        if self._worker is None:
            return [self._process.pid]
        return [pid for pid in self.tree if self._worker in command_of(pid).split()]

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-1_000:].strip()

    def signal_all(self, number: signal.Signals) -> None:
        for pid in self.tree:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def pause(self) -> None:
        self.signal_all(signal.SIGSTOP)

    def go_on(self) -> None:
        self.signal_all(signal.SIGCONT)

    def ask_to_stop(self) -> None:
        self.go_on()
        self._process.terminate()

    def stop(self, seconds: float = 30) -> None:
        """SIGTERM to the first process; what is left of the tree after its time is killed."""
        tree = self.tree
        self.ask_to_stop()
        deadline = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in tree:
            with contextlib.suppress(ProcessLookupError):
                # All it started are in its session; whoever else was given that number meanwhile is not.
                if os.getsid(pid) == self._process.pid:
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()
