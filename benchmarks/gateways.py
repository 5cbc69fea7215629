"""Gateways compared in one interleaved run: Signalbox, LiteLLM proxy, Portkey gateway, the mock itself.

Same machine, same mock, same bodies; each subject in turn, again and again; only the subject under measure runs. The server has one core,
mock and load the other. `python -m benchmarks gateways [--quick] [--stored] [--publish]` writes results/gateways.{json,md,svg}; --publish also puts
table and chart into docs/performance.md.
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine, peers
from benchmarks import rounds as parts
from benchmarks.chart import draw
from benchmarks.comparison import compare
from benchmarks.mock import Mock
from benchmarks.report import publish, write_report
from benchmarks.rounds import FULL, QUICK, Plan, awake
from benchmarks.subjects import ITEMS, PROJECT, SUBJECTS, WORKERS, CannotStart, Started, Subject, start

RESULTS = PROJECT / "benchmarks" / "results"
COMPARED = ("signalbox", "litellm", "portkey")


class Run:
    """One whole comparison: what was started, and everything that was read, by subject."""

    def __init__(self, plan: Plan, folder: Path, stack: ExitStack) -> None:
        self.plan, self._folder, self._stack = plan, folder, stack
        self.server_core, self.load_core = machine.cores()
        self.mock = stack.enter_context(Mock(machine.free_port(), self.load_core))
        self.started: dict[str, Started] = {}
        self.left_out: dict[str, str] = {}
        self.saturated: dict[str, float] = {}
        self.readings: dict[str, dict[str, Any]] = {}

    def start(self, subject: Subject, core: int | None) -> None:
        _say(f"starting {subject.label} …")
        try:
            started = self._started(subject, core)
        except CannotStart as reason:
            self.left_out[subject.label] = str(reason)
            _say(f"  not measured: {reason}")
            return
        self.started[subject.name] = started
        readings: dict[str, Any] = {"label": subject.label, "rounds": []}
        self.readings[subject.name] = readings
        self.saturated[subject.name] = parts.calibrate(started, self.plan, self.load_core)
        if started.running is not None:
            parts.wait_until_quiet(started)
            readings["idle_us_per_second"] = parts.idle_cpu(started, self.plan.seconds)
            readings["memory_at_start"] = parts.memory(started)
            started.running.pause()

    def _started(self, subject: Subject, core: int | None) -> Started:
        if subject.shares:
            if subject.shares not in self.started:
                raise CannotStart(f"it asks {subject.shares}, which is not running")
            started = replace(self.started[subject.shares], subject=subject)
            assert started.running is not None
            started.running.go_on()
            return started
        started = start(subject, self.mock.port, self._folder, core)
        if started.running is not None:
            self._stack.callback(started.running.stop)
        return started

    def round(self, number: int) -> None:
        for name, started in self.started.items():
            _say(f"round {number + 1} of {self.plan.rounds}: {started.subject.label}")
            with awake(started, self.plan):
                self.readings[name]["rounds"].append(self._measured(started))

    def _measured(self, started: Started) -> dict[str, Any]:
        plan, core, subject = self.plan, self.load_core, started.subject
        half = self.saturated[subject.name] / 2
        if subject in WORKERS:
            return {"saturation": parts.saturation(started, plan, core)}
        if subject.kind == "direct":
            return {"saturation": parts.saturation(started, plan, core), **self._seen_by_callers(started)}
        read: dict[str, Any] = {"half": parts.recorded(started, half, plan, core)}
        if subject in ITEMS:
            return read
        read["saturation"] = parts.saturation(started, plan, core)
        parts.wait_until_quiet(started)
        read["50 KB"] = parts.at_rate(started, "50 KB", half / 3, plan, core)
        return {**read, **self._seen_by_callers(started)} if subject.name in COMPARED else read

    def _seen_by_callers(self, started: Started) -> dict[str, Any]:
        """At one rate for all, which the slowest can hold; a hundred in flight; streams."""
        plan, core, is_direct = self.plan, self.load_core, started.subject.kind == "direct"
        rate = min(self.saturated[name] for name in COMPARED if name in self.saturated) / 2
        hundred = parts.HUNDRED_RATE if is_direct else parts.hundred_rate(self.saturated[started.subject.name])
        numbers = {one.streams for one in SUBJECTS} if is_direct else {started.subject.streams}
        return {
            "alone": parts.one_at_a_time(started, plan, core),
            "low": parts.at_rate(started, "2 KB", rate, plan, core),
            "hundred": parts.hundred_in_flight(started, self.mock, hundred, plan, core),
            "streams": {
                str(number): parts.streams(started, self.mock, plan, number, core) for number in sorted(numbers)
            },
        }

    def memory(self) -> None:
        for name, started in self.started.items():
            if name not in COMPARED:
                continue
            _say(f"memory: {started.subject.label}, {started.subject.open_streams:,} open streams")
            with awake(started, self.plan):
                self.readings[name]["memory_at_end"] = parts.memory(started)
                self.readings[name]["open_streams"] = parts.open_streams(started, self.mock, self.plan, self.load_core)

    def ask_all_to_stop(self) -> None:
        """All at once, rather than one after the other on the way out."""
        for started in self.started.values():
            if started.running is not None:
                started.running.ask_to_stop()


def measure(arguments: list[str]) -> dict[str, Any]:
    """The bars and what was measured; everything else is in the files. --stored: of the last run, without measuring anew."""
    stored = RESULTS / "gateways.json"
    if "--stored" in arguments:
        if not stored.exists():
            sys.exit(f"There is no {stored.name} in {RESULTS.name}/ yet: run without --stored first.")
        run = json.loads(stored.read_text())
    else:
        run = _measured(QUICK if "--quick" in arguments else FULL)
        stored.write_text(json.dumps(run, indent=1) + "\n")
    comparison = compare(run)
    (RESULTS / "gateways.svg").write_text(draw(comparison))
    (RESULTS / "gateways.md").write_text(write_report(run, comparison))
    if "--publish" in arguments:
        publish(run, comparison)
    return {bar["words"]: f"{bar['value']} (bar: {bar['bar']}): {bar['verdict']}" for bar in comparison["bars"]}


def _measured(plan: Plan) -> dict[str, Any]:
    machine.allow_many_files()
    # Everything started is stopped on the way out, also when somebody ends this.
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        return _run(plan)
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(plan: Plan) -> dict[str, Any]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="signalbox-bench-") as folder, ExitStack() as stack:
        run = Run(plan, Path(folder), stack)
        described = machine.described()
        for subject in (*SUBJECTS, *(ITEMS if plan.is_whole else ())):
            run.start(subject, run.server_core)
        for subject in WORKERS if plan.is_whole else ():
            run.start(subject, None if subject.name == "two_workers" else run.server_core)
        for number in range(plan.rounds):
            run.round(number)
        run.memory()
        run.ask_all_to_stop()
        return {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "minutes": round((time.monotonic() - began) / 60, 1),
            "machine": described,
            "cores": {"server": run.server_core, "mock and load": run.load_core},
            "versions": {
                "signalbox": machine.revision(PROJECT),
                "litellm": peers.litellm_version(),
                "portkey": peers.portkey_version(),
            },
            "rounds": plan.rounds,
            "left_out": run.left_out,
            "saturated": run.saturated,
            "subjects": run.readings,
        }


def _say(words: str) -> None:
    print(f"  {words}", flush=True)
