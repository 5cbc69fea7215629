"""The product's processes as seen from outside: which there are, who is connected to which, and kill -9 with that written down."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.process.product import Product

ROLES = {"serve": "gateway", "drain": "drainer", "work": "jobs", "run": "supervisor"}


@dataclass(frozen=True, slots=True)
class Kill:
    """lines: local ports of the callers whose connections this process held."""

    at: float
    pid: int
    lines: frozenset[int]


def processes(product: Product) -> dict[int, str]:
    """Process id -> gateway, drainer, jobs or supervisor."""
    assert product.process is not None
    found = {}
    for pid in product.tree():
        with suppress(OSError):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
            role = next((ROLES[word] for word in words if word in ROLES), None)
            if role is not None:
                found[pid] = role
    return found


def gateways(product: Product) -> list[int]:
    return sorted(pid for pid, role in processes(product).items() if role == "gateway")


def kill(pid: int, port: int) -> Kill:
    """Stops it first, so that the list of its connections is exact; then -9."""
    os.kill(pid, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while _state(pid) not in "TtZX" and time.monotonic() < deadline:
        time.sleep(0.001)
    lines = _lines(pid, port)
    os.kill(pid, signal.SIGKILL)
    return Kill(time.time(), pid, lines)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def _lines(pid: int, port: int) -> frozenset[int]:
    own = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            target = os.readlink(descriptor)
            if target.startswith("socket:["):
                own.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[9] in own and int(fields[1].rsplit(":", 1)[1], 16) == port:
                found.add(int(fields[2].rsplit(":", 1)[1], 16))
    return frozenset(found - {0})
