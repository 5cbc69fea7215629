"""The machine a benchmark ran on: what it is, its cores, free ports."""

from __future__ import annotations

import os
import platform
import resource
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

MOST_FILES = 16_384


def cores() -> tuple[int | None, int | None]:
    """The core for the server under test and the one for mock and load; None when they cannot be told apart."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2 or shutil.which("taskset") is None:
        return None, None
    return usable[0], usable[1]


def pinned(core: int | None) -> list[str]:
    """What to put before a command so that it, and all it starts, stays on that core."""
    return [] if core is None else ["taskset", "--cpu-list", str(core)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def allow_many_files() -> int:
    """Raises the limit of open files for this process and its children as far as it may; returns it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(MOST_FILES, most) if most != resource.RLIM_INFINITY else MOST_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    return wanted


def described() -> dict[str, Any]:
    return {
        "cpu": _cpu_name(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_average": round(os.getloadavg()[0], 2),
    }


def revision(project: Path) -> str:
    """The commit measured, with a plus when files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=project, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
