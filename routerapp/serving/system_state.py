"""How this installation is doing, as values: processes, journal, jobs, database, disk, versions, revisions, settings.

Read by the System page, its API and `doctor`. Judges nothing but whether a heartbeat is still fresh.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count
from django.utils import timezone

from routerapp.engine.types import ENGINE_VERSION
from routerapp.models import ConfigRevision, EvidenceRevision, InstallationState, Job, WorkerReport
from routerapp.store.last_good import FILE_NAME as LAST_GOOD
from routerapp.store.spool_state import SpoolState, read_spool_state
from routerapp.version import PRODUCT_VERSION

# Workers report once a second, the others every five.
FRESH = dt.timedelta(seconds=15)
GATEWAY, DRAINER, JOBS = "gateway", "drainer", "jobs"
SHARED_STATE = "SIGNALBOX_VALKEY_URL"


@dataclass(frozen=True, slots=True)
class Worker:
    """One process. role: gateway, drainer or jobs. state is what it said of itself."""

    name: str
    role: str
    reported_at: dt.datetime
    age_seconds: float
    config_revision: str
    serial: int
    state: Mapping[str, Any]

    @property
    def is_fresh(self) -> bool:
        return self.age_seconds <= FRESH.total_seconds()

    @property
    def is_leaving(self) -> bool:
        return bool(self.state.get("is_draining"))

    @property
    def started_at(self) -> dt.datetime | None:
        started_ms = self.state.get("started_ms")
        return None if started_ms is None else dt.datetime.fromtimestamp(started_ms / 1000, dt.UTC)

    @property
    def breakers(self) -> dict[str, str]:
        """Deployments whose breaker is not closed."""
        deployments = self.state.get("deployments") or {}
        return {slug: one["breaker"] for slug, one in deployments.items() if one.get("breaker", "closed") != "closed"}


@dataclass(frozen=True, slots=True)
class Folder:
    path: str
    free_bytes: int
    total_bytes: int
    database_bytes: int
    last_good_age_seconds: float | None


@dataclass(frozen=True, slots=True)
class Versions:
    """pending: migrations this code has and the database has not seen."""

    product: str
    engine: str
    python: str
    django: str
    database: str
    schema: str
    pending: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Revisions:
    config: str
    evidence: str
    serial: int
    configs: int
    evidences: int
    newest_config_at: dt.datetime | None
    newest_evidence_at: dt.datetime | None


@dataclass(frozen=True, slots=True)
class SystemState:
    at: dt.datetime
    workers: tuple[Worker, ...]
    spool: SpoolState
    jobs: Mapping[str, int]
    waiting_messages: int
    folder: Folder
    revisions: Revisions

    def of_role(self, role: str) -> tuple[Worker, ...]:
        return tuple(worker for worker in self.workers if worker.role == role)

    @property
    def keeps_state_apart(self) -> bool:
        """Several gateway processes take requests, and each knows limits, turns and breakers only from its own."""
        taking = [worker for worker in self.of_role(GATEWAY) if worker.is_fresh and not worker.is_leaving]
        return len(taking) > 1 and not os.environ.get(SHARED_STATE)


def read_system_state() -> SystemState:
    now = timezone.now()
    data_dir = settings.DATA_DIR
    return SystemState(
        at=now,
        workers=_workers(now),
        spool=read_spool_state(data_dir, settings.ENVIRONMENT.journal.spool_max_bytes),
        jobs=dict(Job.objects.values_list("state").annotate(n=Count("pk")).order_by("state")),
        waiting_messages=sum(1 for _ in (data_dir / "broker" / "messages").glob("*.msg")),
        folder=read_folder(data_dir),
        revisions=_revisions(),
    )


def read_folder(data_dir: Path) -> Folder:
    disk = shutil.disk_usage(data_dir)
    last_good = data_dir / LAST_GOOD
    age = timezone.now().timestamp() - last_good.stat().st_mtime if last_good.exists() else None
    return Folder(str(data_dir), disk.free, disk.total, _database_bytes(), age)


def _database_bytes() -> int:
    """0 when a server does not say."""
    if connection.vendor == "postgresql":
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT pg_database_size(current_database())")
            return int(cursor.fetchone()[0])
        return 0
    name = str(connection.settings_dict["NAME"])
    parts = (Path(name + suffix) for suffix in ("", "-wal", "-shm"))
    return sum(part.stat().st_size for part in parts if part.exists())


def read_versions() -> Versions:
    """Apart from the rest: it reads every migration there is, which takes a while and changes only with a restart."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    applied = sorted(name for app, name in executor.loader.applied_migrations if app == "routerapp")
    with connection.cursor() as cursor:
        is_sqlite = connection.vendor == "sqlite"
        cursor.execute("SELECT sqlite_version()" if is_sqlite else "SHOW server_version")
        database = f"{connection.display_name} {cursor.fetchone()[0]}"
    return Versions(
        product=PRODUCT_VERSION,
        engine=ENGINE_VERSION,
        python=platform.python_version(),
        django=django.get_version(),
        database=database,
        schema=applied[-1] if applied else "",
        pending=tuple(f"{migration.app_label}.{migration.name}" for migration, _ in plan),
    )


def _workers(now: dt.datetime) -> tuple[Worker, ...]:
    """Gateway workers first, by place and slot, then the others by name."""
    rows = [
        Worker(
            name=row.worker,
            role=str(row.state.get("role", GATEWAY)),
            reported_at=row.reported_at,
            age_seconds=max(0.0, (now - row.reported_at).total_seconds()),
            config_revision=row.config_revision,
            serial=row.serial,
            state=row.state,
        )
        for row in WorkerReport.objects.order_by("worker")
    ]
    return tuple(sorted(rows, key=_order))


def _order(worker: Worker) -> tuple[bool, str, int, str]:
    said = worker.state
    return worker.role != GATEWAY, str(said.get("node") or ""), int(said.get("slot") or 0), worker.name


def _revisions() -> Revisions:
    state = InstallationState.objects.filter(id=1).values_list("config_id", "evidence_id", "serial").first()
    config, evidence, serial = state or ("", "", 0)
    newest = [
        table._default_manager.order_by("-created_at").values_list("created_at", flat=True).first()
        for table in (ConfigRevision, EvidenceRevision)
    ]
    return Revisions(
        config or "", evidence or "", serial, ConfigRevision.objects.count(), EvidenceRevision.objects.count(), *newest
    )
