"""Which of the gateway processes this one is: given by the supervisor that started it, told in heartbeats, metrics and to its siblings."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "_SIGNALBOX_WORKER"


@dataclass(frozen=True, slots=True)
class WorkerPlace:
    """slot: from 0, the same for whoever takes over from it. generation: raised by every graceful restart. workers: how many slots."""

    slot: int = 0
    generation: int = 1
    workers: int = 1

    @property
    def name(self) -> str:
        return f"{self.slot}-{self.generation}"

    def variables(self) -> dict[str, str]:
        return {VARIABLE: f"{self.slot}:{self.generation}:{self.workers}"}


def read_place(variables: Mapping[str, str] = os.environ) -> WorkerPlace | None:
    """None in a process that no supervisor has started."""
    text = variables.get(VARIABLE)
    return WorkerPlace(*map(int, text.split(":"))) if text else None


def identity(place: WorkerPlace | None, port: int) -> dict[str, Any]:
    """What a worker's heartbeat says of it besides how it stands. node: the installation's place, one supervisor each."""
    place = place or WorkerPlace()
    return {
        "pid": os.getpid(),
        "slot": place.slot,
        "generation": place.generation,
        "workers": place.workers,
        "node": f"{socket.gethostname()}:{port}",
        "started_ms": time.time_ns() // 1_000_000,
    }
