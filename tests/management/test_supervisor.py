"""The supervisor restarts what ends, stops all in order, and no child outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from routerapp.management.child import Plan
from routerapp.management.supervisor import AlreadyRunning, ChildKeepsFailing, Supervisor

PROJECT = Path(__file__).resolve().parents[2]
CHILD = """
import sys, time
sys.path.insert(0, {project!r})
from routerapp.management.parent import exit_with_parent
exit_with_parent()
open(sys.argv[1], "a").write(str(__import__("os").getpid()) + "\\n")
time.sleep(60)
"""


@pytest.fixture
def child(tmp_path):
    script = tmp_path / "child.py"
    script.write_text(CHILD.format(project=str(PROJECT)))
    return script


def pids(path: Path, count: int, seconds: float = 60) -> list[int]:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = [int(line) for line in path.read_text().splitlines()] if path.exists() else []
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"only {found} of {count} children came up")


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z" if Path("/proc").exists() else True
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_until_gone(pid: int, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not is_alive(pid):
            return True
        time.sleep(0.02)
    return False


def watch_for(supervisor: Supervisor, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        supervisor.tick()
        time.sleep(0.02)


def test_restarts_a_child_that_dies_and_stops_it_at_the_end(tmp_path, child):
    log = tmp_path / "pids"
    supervisor = Supervisor(tmp_path, child)
    supervisor.start([Plan("one", (str(log),))])
    try:
        [first] = pids(log, 1)
        os.kill(first, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and len(log.read_text().splitlines()) < 2:
            supervisor.tick()
            time.sleep(0.02)
        second = pids(log, 2)[1]
        assert is_alive(second)
    finally:
        supervisor.stop()

    assert wait_until_gone(second)


def test_gives_up_on_a_child_that_never_gets_through_its_start(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit(3)")
    supervisor = Supervisor(tmp_path, broken)
    supervisor.start([Plan("broken", ())])
    try:
        with pytest.raises(ChildKeepsFailing, match="broken"):
            watch_for(supervisor, 30)
    finally:
        supervisor.stop()


def test_one_per_data_folder(tmp_path, child):
    supervisor = Supervisor(tmp_path, child)
    try:
        with pytest.raises(AlreadyRunning, match=str(tmp_path)):
            Supervisor(tmp_path, child)
    finally:
        supervisor.stop()


def test_no_child_survives_a_supervisor_killed_with_9(tmp_path, child):
    log = tmp_path / "pids"
    code = f"""
import sys, time
sys.path.insert(0, {str(PROJECT)!r})
from pathlib import Path
from routerapp.management.child import Plan
from routerapp.management.supervisor import Supervisor
from routerapp.management.child import Plan
s = Supervisor(Path({str(tmp_path)!r}), Path({str(child)!r}))
s.start([Plan("a", ({str(log)!r},)), Plan("b", ({str(log)!r},))]); s.watch()
"""
    parent = subprocess.Popen([sys.executable, "-c", code])
    children = pids(log, 2)
    parent.kill()
    parent.wait()

    assert all(wait_until_gone(pid) for pid in children)
