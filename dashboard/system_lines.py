"""Lines of the System page: each process, each job and each tile in words. Judges by the heartbeat's age alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from dashboard.templatetags.numbers import duration, plural
from routerapp.models import Job, JobState
from routerapp.serving.system_state import DRAINER, GATEWAY, JOBS, SystemState, Worker
from routerapp.store.spool_bound import Level

ROLES = {GATEWAY: "Gateway", DRAINER: "Drainer", JOBS: "Job worker"}
KINDS = {
    "health_check": "Health checks",
    "evaluate_alerts": "Look at the alert rules",
    "send_alerts": "Send alerts",
    "refresh_evidence": "Measure tokens and answers",
    "learn_from_use": "Learn from feedback",
    "detect_drift": "Look for drift",
    "refresh_prices": "Refresh prices",
    "retention": "Forget what is over its time",
    "compact_rollups": "Thin out sums per minute and hour",
    "verify_audit": "Check the audit chain",
    "reprice_preview": "Compare recorded costs with today's prices",
    "reprice": "Re-price recorded costs",
    "import_benchmark": "Read an imported benchmark",
    "train_predictor": "Train a predictor",
    "refit_predictor": "See whether a refit is due",
    "evaluate_predictor": "Evaluate on benchmarks",
    "fit_task_head": "Fit the task head",
}
STATE_TONES = {
    JobState.QUEUED: "info",
    JobState.RUNNING: "info",
    JobState.DONE: "ok",
    JobState.FAILED: "bad",
    JobState.CANCELLED: "",
}
TIGHT_SHARE = 0.05
UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


@dataclass(frozen=True, slots=True)
class Tile:
    label: str
    figure: str
    note: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """state, tone: how its heartbeat is. is_behind: it serves an older configuration. doing: what it said of itself."""

    worker: Worker
    role: str
    state: str
    tone: str
    age: str
    is_behind: bool
    in_flight: int | None
    breakers: Mapping[str, str]
    doing: str


@dataclass(frozen=True, slots=True)
class JobLine:
    job: Job
    kind: str
    tone: str
    took: str
    percent: int
    may_cancel: bool
    may_retry: bool


def size(number: float) -> str:
    """12.3 MiB."""
    unit = 0
    while number >= 1024 and unit < len(UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:,.0f} {UNITS[unit]}" if unit == 0 else f"{number:,.1f} {UNITS[unit]}"


def tiles(state: SystemState) -> list[Tile]:
    alive = [worker for worker in state.workers if worker.is_fresh]
    missing = [name for role, name in ROLES.items() if not any(worker.role == role for worker in alive)]
    in_flight = sum(int(worker.state.get("in_flight") or 0) for worker in alive)
    folder = state.folder
    is_tight = folder.free_bytes < TIGHT_SHARE * folder.total_bytes
    open_jobs = state.jobs.get(JobState.QUEUED, 0) + state.jobs.get(JobState.RUNNING, 0)
    return [
        Tile(
            "Processes",
            f"{len(alive)} alive",
            f"missing: {', '.join(missing).lower()}" if missing else "gateway, drainer and job worker report",
            "bad" if missing else "",
        ),
        Tile("In flight", f"{in_flight:,}", "requests being answered now"),
        _journal_tile(state),
        Tile("Jobs open", f"{open_jobs:,}", _jobs_note(state), "bad" if state.jobs.get(JobState.FAILED) else ""),
        Tile("Disk free", size(folder.free_bytes), f"of {size(folder.total_bytes)}", "bad" if is_tight else ""),
        Tile("Database", size(folder.database_bytes), "on disk, indexes and all"),
    ]


def _journal_tile(state: SystemState) -> Tile:
    """From half full on it says so."""
    spool, level = state.spool, state.spool.level
    if level >= Level.FILLING:
        note = f"the journal is {spool.share:.0%} full: {size(spool.bytes_on_disk)} of {size(spool.most_bytes)}"
        return Tile("Journal waits", size(spool.bytes_waiting), note, "bad" if level >= Level.ALARMING else "warn")
    return Tile("Journal waits", size(spool.bytes_waiting), _waiting(state))


def unrecorded(state: SystemState) -> int:
    """Requests without room for their records, by what the gateway workers that report have counted since they started."""
    return sum(int(worker.state.get("unrecorded") or 0) for worker in state.of_role(GATEWAY))


def predictor_problems(state: SystemState) -> list[str]:
    """What gateway processes say of a predictor they cannot use, each problem once."""
    said = (worker.state.get("predictor") or {} for worker in state.of_role(GATEWAY) if worker.is_fresh)
    return sorted({str(one["problem"]) for one in said if isinstance(one, Mapping) and one.get("problem")})


@dataclass(frozen=True, slots=True)
class SharedLine:
    """How one gateway process shares limits and live state. tone: warn while it goes on alone."""

    name: str
    state: str
    tone: str
    place: str
    processes: int
    exchange: str
    waits: int
    problem: str


def shared_lines(state: SystemState) -> list[SharedLine]:
    """Of the gateway processes that share; none where each keeps its own."""
    return [
        SharedLine(
            name=worker.name,
            state="goes on alone" if said.get("is_alone") else "together",
            tone="bad" if said.get("is_alone") else "ok",
            place=str(said.get("place", "")),
            processes=int(said.get("processes") or 1),
            exchange=duration(int(said.get("exchange_us") or 0) / 1000),
            waits=int(said.get("waits") or 0),
            problem=str(said.get("problem", "")),
        )
        for worker in state.of_role(GATEWAY)
        if worker.is_fresh and (said := worker.state.get("shared"))
    ]


def process_lines(state: SystemState) -> list[ProcessLine]:
    return [_process(worker, state.revisions.serial) for worker in state.workers]


def missing_roles(state: SystemState) -> list[str]:
    return [name for role, name in ROLES.items() if not state.of_role(role)]


def job_line(job: Job) -> JobLine:
    is_open = job.state in (JobState.QUEUED, JobState.RUNNING)
    end = job.finished_at or (timezone.now() if job.started_at else None)
    took = duration((end - job.started_at).total_seconds() * 1000) if job.started_at and end else ""
    return JobLine(
        job,
        KINDS.get(job.kind, job.kind.replace("_", " ").capitalize()),
        STATE_TONES.get(JobState(job.state), ""),
        took,
        round(100 * job.progress),
        may_cancel=is_open and not job.is_cancel_requested,
        may_retry=not is_open,
    )


def _process(worker: Worker, serial: int) -> ProcessLine:
    is_gateway = worker.role == GATEWAY
    state, tone = ("alive", "ok") if worker.is_fresh else ("silent", "bad")
    if worker.is_fresh and worker.is_leaving:
        state, tone = "leaving", "warn"
    return ProcessLine(
        worker=worker,
        role=_name(worker),
        state=state,
        tone=tone,
        age=duration(1000 * worker.age_seconds),
        is_behind=is_gateway and worker.is_fresh and worker.serial < serial,
        in_flight=worker.state.get("in_flight") if is_gateway else None,
        breakers=worker.breakers,
        doing=_doing(worker),
    )


def _name(worker: Worker) -> str:
    name = ROLES.get(worker.role, worker.role)
    return f"{name} {worker.state.get('slot')}" if worker.state.get("workers", 1) > 1 else name


def _doing(worker: Worker) -> str:
    said: Mapping[str, Any] = worker.state
    if worker.role == DRAINER:
        committed = int(said.get("committed") or 0)
        return f"{plural(committed, 'entry,entries')} written since it started"
    if worker.role == GATEWAY:
        room = "" if said.get("spool_has_room", True) else ", journal full"
        lost = int(said.get("unrecorded") or 0)
        missed = f", {plural(lost, 'request,requests')} unrecorded" if lost else ""
        return f"{size(int(said.get('spool_bytes') or 0))} of journal on disk{room}{missed}"
    return ""


def _waiting(state: SystemState) -> str:
    since = state.spool.waiting_since_ms
    if since is None:
        return "all of it is in the database"
    return f"for {duration(max(0.0, state.at.timestamp() * 1000 - since))}"


def _jobs_note(state: SystemState) -> str:
    failed = state.jobs.get(JobState.FAILED, 0)
    return f"{failed} failed" if failed else "none failed"
