"""Runs every check of an installation; one that breaks is itself a finding, so that `doctor` always has an answer."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import DatabaseError

from routerapp.serving.checkup import configuration, machine, processes
from routerapp.serving.checkup.finding import OK, WORST, Check, Finding, wrong

CHECKS: Sequence[Check] = (
    machine.versions,
    machine.server,
    machine.disk,
    machine.permissions,
    machine.root_secret,
    machine.migrations,
    machine.clock,
    processes.heartbeats,
    processes.journal,
    processes.job_queue,
    configuration.snapshot,
    configuration.credentials,
    configuration.prices,
    configuration.egress,
    configuration.weak_settings,
)


def examine(checks: Sequence[Check] = CHECKS) -> tuple[Finding, ...]:
    return tuple(finding for check in checks for finding in _run(check))


def worst(findings: Sequence[Finding]) -> str:
    return max((finding.status for finding in findings), key=WORST.index, default=OK)


def _run(check: Check) -> list[Finding]:
    name = check.__name__.replace("_", " ")
    try:
        return list(check())
    except DatabaseError as error:
        return [
            wrong(
                name,
                f"The database does not answer: {error}",
                "See the checks above; start Signalbox once to make its tables.",
            )
        ]
    except Exception as error:
        return [wrong(name, f"This check broke: {type(error).__name__}: {error}", "Report it with this message.")]
