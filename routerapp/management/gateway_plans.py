"""What the supervisor starts: so many gateway processes on one socket, one drainer, one process for jobs."""

from __future__ import annotations

import socket
from functools import partial
from pathlib import Path

from routerapp.management.child import Plan
from routerapp.management.connection_table import TABLE, ConnectionTable, place_of
from routerapp.management.listener import LISTENER
from routerapp.serving.siblings import FOLDER
from routerapp.serving.worker_place import WorkerPlace
from routerapp.worker_settings import WORKERS, WorkerSettings

DRAINER = Plan("drainer", ("drain",), stage=1, stop_seconds=20.0)
JOBS = Plan("jobs", ("work",), stage=2, stop_seconds=15.0)
# Beyond its time to drain: cancelling what is left, telling the database.
SPARE_STOP_SECONDS = 10.0


class GatewayPlans:
    """Each generation() is a new set of gateway processes for the same slots."""

    def __init__(self, wanted: WorkerSettings, listener: socket.socket, siblings: Path) -> None:
        self._wanted = wanted
        self._listener = listener
        self._siblings = siblings
        self._table = ConnectionTable.make()
        self._generation = 0

    def generation(self) -> tuple[Plan, ...]:
        self._generation += 1
        return tuple(self._plan(slot) for slot in range(self._wanted.workers))

    def _plan(self, slot: int) -> Plan:
        place = WorkerPlace(slot, self._generation, self._wanted.workers)
        table, listener = self._table, self._listener.fileno()
        variables = {
            **place.variables(),
            WORKERS: str(self._wanted.workers),
            LISTENER: str(listener),
            TABLE: str(table.descriptor),
            FOLDER: str(self._siblings),
        }
        return Plan(
            "gateway" if self._wanted.workers == 1 else f"gateway {slot}",
            ("serve",),
            variables=variables,
            descriptors=(listener, table.descriptor),
            stop_seconds=self._wanted.drain_seconds + SPARE_STOP_SECONDS,
            tells_ready=True,
            on_end=partial(table.clear, place_of(slot, self._generation)),
        )
