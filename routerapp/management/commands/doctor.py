"""`doctor`: looks at everything an installation stands on, and says what to do about what is not well."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from typing import Any

from django.utils import timezone

from routerapp.management.json_command import FOUND, OK, Answer, JsonCommand
from routerapp.models import Job
from routerapp.serving.checkup.configuration import reachability
from routerapp.serving.checkup.examine import CHECKS, examine, worst
from routerapp.serving.checkup.finding import FAIL, WARN, Finding
from routerapp.serving.health_checks import check_deployments

MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


class Command(JsonCommand):
    help = (
        "Check versions, disk, permissions, the root secret, migrations, the clock, processes, journal, jobs, configuration, "
        "credentials, prices and settings. Changes nothing. Exit code 1 when a check fails; with --strict also on a warning."
    )
    example = "python manage.py doctor --reach"

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--reach", action="store_true", help="also ask every enabled deployment's upstream now")
        parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings as well")

    def work(self, **options: Any) -> Answer:
        checks = [*CHECKS, _reach_now] if options["reach"] else CHECKS
        findings = examine(checks)
        status = worst(findings)
        is_bad = status == FAIL or (options["strict"] and status == WARN)
        document = {"status": status, "findings": [asdict(finding) for finding in findings]}
        return Answer(document, _text(findings), FOUND if is_bad else OK)


def _reach_now() -> Any:
    check_deployments(Job(), timezone.now())
    return reachability()


def _text(findings: tuple[Finding, ...]) -> str:
    lines = []
    for finding in findings:
        lines.append(f"{MARKS[finding.status]}  {finding.check:<16} {finding.message}")
        if finding.to_do:
            lines.append(f"{'':<22} → {finding.to_do}")
    counts = Counter(finding.status for finding in findings)
    return "\n".join([*lines, "", f"{counts['ok']} well, {counts[WARN]} worth a look, {counts[FAIL]} wrong."])
