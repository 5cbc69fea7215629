"""Checks of what runs: heartbeats, the configuration each worker has, the journal, the job queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from django.utils import timezone

from routerapp.models import Job, JobState
from routerapp.serving.checkup.finding import Finding, some, well, worth_a_look, wrong
from routerapp.serving.system_state import DRAINER, GATEWAY, JOBS, SystemState, read_system_state
from routerapp.store.spool_bound import Level
from routerapp.store.spool_state import SpoolState

NAMES = {GATEWAY: "Gateway", DRAINER: "Drainer", JOBS: "Job worker"}
BACKLOG_SECONDS = 60
MIB = 1024**2
BACKLOG_BYTES = 64 * MIB
WAITING_LONG = dt.timedelta(minutes=10)
LATELY = dt.timedelta(days=1)


def heartbeats() -> Iterator[Finding]:
    state = read_system_state()
    if not any(worker.is_fresh for worker in state.workers):
        yield worth_a_look("processes", "Signalbox does not run on this data folder.", "Start it with `make run`.")
        return
    for role, name in NAMES.items():
        alive = [worker for worker in state.of_role(role) if worker.is_fresh]
        silent = [worker for worker in state.of_role(role) if not worker.is_fresh]
        check = name.lower()
        if not alive:
            yield wrong(check, f"{name}: none reports.", "Look at what `make run` printed; it starts what has ended.")
        elif silent:
            yield worth_a_look(
                check, f"{len(alive)} alive, {len(silent)} silent.", "A silent one is forgotten after an hour."
            )
        else:
            yield well(check, f"{len(alive)} alive")
    yield from _behind(state)


def _behind(state: SystemState) -> Iterator[Finding]:
    current = state.revisions.serial
    late = [worker for worker in state.of_role(GATEWAY) if worker.is_fresh and worker.serial < current - 1]
    if late:
        message = f"{len(late)} workers serve serial {late[0].serial}, not {current}."
        yield worth_a_look("configuration", message, "If it stays so, look at the workers' messages.")


def journal() -> Iterator[Finding]:
    state = read_system_state()
    spool = state.spool
    yield from _room(spool)
    waiting_s = 0 if spool.waiting_since_ms is None else state.at.timestamp() - spool.waiting_since_ms / 1000
    if spool.bytes_waiting > BACKLOG_BYTES or waiting_s > BACKLOG_SECONDS:
        yield worth_a_look(
            "journal",
            f"{spool.bytes_waiting / MIB:,.1f} MiB wait for the database, the oldest for {waiting_s:,.0f} seconds.",
            "See whether the drainer runs and the database takes writes; nothing is lost meanwhile.",
        )
    else:
        yield well("journal", f"{spool.bytes_waiting:,} bytes wait for the database")
    if spool.refused_files:
        yield worth_a_look(
            "refused records",
            f"{spool.refused_files} files with {spool.refused_bytes:,} bytes were set aside in data/refused.",
            "Keep them and report them: each is a record the database would not take.",
        )
    else:
        yield well("refused records", "None")


def _room(spool: SpoolState) -> Iterator[Finding]:
    if spool.level < Level.FILLING:
        return
    say = wrong if spool.level >= Level.ALARMING else worth_a_look
    yield say(
        "journal room",
        f"{spool.share:.0%} of {spool.most_bytes / MIB:,.0f} MiB is taken; when it is full, requests are refused.",
        "See whether the drainer runs and the database takes writes; SIGNALBOX_SPOOL_MAX_BYTES and free disk are the bound.",
    )


def job_queue() -> Iterator[Finding]:
    now = timezone.now()
    stuck = Job.objects.filter(state=JobState.QUEUED, created_at__lt=now - WAITING_LONG).count()
    failed = Job.objects.filter(state=JobState.FAILED, finished_at__gt=now - LATELY)
    if stuck:
        yield worth_a_look("jobs", f"{stuck} have waited for over ten minutes.", "See whether the job worker runs.")
    elif failed.exists():
        kinds = some(set(failed.values_list("kind", flat=True)))
        yield worth_a_look(
            "jobs", f"{failed.count()} failed since yesterday: {kinds}.", "Their messages are on the System page."
        )
    else:
        yield well("jobs", "None stuck, none failed since yesterday")
