"""SIGHUP to the supervisor: new processes are ready before old ones leave, one that fails leaves all as it was, a second SIGTERM waits for nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.management.test_supervisor import PROJECT, is_alive, wait_until_gone

# A process that says when it is ready, leaves slowly when it is asked to, and fails at its start where a file says so.
CHILD = """
import os, signal, sys, time
sys.path.insert(0, {project!r})
from pathlib import Path
from routerapp.management.child import tell_ready
from routerapp.management.parent import exit_with_parent
exit_with_parent()
folder, name = Path(sys.argv[1]), sys.argv[2]
if (folder / "fail").exists() and not name.startswith("drainer"):
    sys.exit(3)
asked = []
signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
time.sleep(0.1)
(folder / f"{{name}}-{{os.getpid()}}").touch()
tell_ready()
while not asked or (folder / "stay").exists():
    time.sleep(0.01)
"""
# SIGHUP as a shell leaves it, also where these tests were started by nohup.
HAS_TERMINAL = """
import fcntl, signal, termios
signal.signal(signal.SIGHUP, signal.SIG_DFL)
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
"""
PARENT = """
import sys
sys.path.insert(0, {project!r})
from itertools import count
from pathlib import Path
from routerapp.management.child import Plan
from routerapp.management.supervisor import Supervisor
folder = Path({folder!r})
number = count(1)
def generation():
    n = next(number)
    return [Plan(f"gateway {{slot}}", (str(folder), f"g{{n}}-{{slot}}"), tells_ready=True, stop_seconds=20) for slot in range(3)]
supervisor = Supervisor(folder, folder / "child.py")
supervisor.start([*generation(), Plan("drainer", (str(folder), "drainer"), stage=1)], generation)
supervisor.gives_up = False
supervisor.watch()
supervisor.stop()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "child.py").write_text(CHILD.format(project=str(PROJECT)))
    return tmp_path


@pytest.fixture
def parent(folder: Path) -> Iterator[subprocess.Popen[str]]:
    code = PARENT.format(project=str(PROJECT), folder=str(folder))
    process = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True, start_new_session=True)
    wait_for(folder, "g1", 3)
    yield process
    process.kill()
    process.wait()
    assert process.stderr is not None
    process.stderr.close()


def started(folder: Path, name: str) -> list[int]:
    return sorted(int(path.name.rsplit("-", 1)[1]) for path in folder.glob(f"{name}-*"))


def wait_for(folder: Path, name: str, count: int, seconds: float = 20) -> list[int]:
    deadline = time.monotonic() + seconds
    while len(found := started(folder, name)) < count:
        assert time.monotonic() < deadline, f"{len(found)} of {count} {name}"
        time.sleep(0.02)
    return found


def said(process: subprocess.Popen[str], what: str) -> str:
    """Lines up to the one that says it."""
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if what in line:
            return "".join(lines)
    raise AssertionError(lines)


def test_new_processes_are_ready_before_the_old_ones_leave_and_the_rest_is_renewed(folder, parent):
    old, drainers = started(folder, "g1"), wait_for(folder, "drainer", 1)
    (folder / "stay").touch()
    parent.send_signal(signal.SIGHUP)
    new = wait_for(folder, "g2", 3)
    said(parent, "restarted")
    assert all(map(is_alive, old))

    (folder / "stay").unlink()

    assert all(map(wait_until_gone, old))
    assert len(wait_for(folder, "drainer", 2)) == 2
    assert wait_until_gone(drainers[0])
    assert all(map(is_alive, new))


def test_a_generation_that_fails_leaves_the_old_one_serving_and_says_why(folder, parent):
    old = started(folder, "g1")
    (folder / "fail").touch()
    parent.send_signal(signal.SIGHUP)
    text = said(parent, "not restarted")

    assert "ended with 3 before it was ready" in text
    assert all(map(is_alive, old))

    (folder / "fail").unlink()
    parent.send_signal(signal.SIGHUP)
    wait_for(folder, "g3", 3)
    assert all(map(wait_until_gone, old))


def test_a_second_signal_to_stop_waits_for_nobody(folder, parent):
    everybody = started(folder, "g1") + wait_for(folder, "drainer", 1)
    (folder / "stay").touch()
    parent.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert all(map(is_alive, everybody))
    parent.send_signal(signal.SIGTERM)

    assert parent.wait(10) == 0
    assert not any(map(is_alive, everybody))


def test_a_closed_terminal_stops_it_instead(folder):
    leader, follower = os.openpty()
    code = PARENT.format(project=str(PROJECT), folder=str(folder))
    process = subprocess.Popen(
        [sys.executable, "-c", HAS_TERMINAL + code],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    children = wait_for(folder, "g1", 3)
    os.close(leader)

    assert process.wait(20) == 0
    assert all(map(wait_until_gone, children))
