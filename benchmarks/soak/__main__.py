"""`python -m benchmarks soak --minutes 60`: one command, needs no attention, ends with a verdict and exit code 0 or 1."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.soak.story import Plan, tell
from benchmarks.soak.verdict import Allowed, checks, document

RESULTS = Path(__file__).resolve().parents[1] / "results"
LONG_MINUTES = 30.0


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="signalbox-soak-", ignore_cleanup_errors=True) as temporary:
        plan = _plan(given, Path(given.folder or temporary))
        allowed = _allowed(plan)
        story = tell(plan)
        found = checks(story, allowed)
    report = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **document(story, found, allowed)}
    _print(report)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "soak.json").write_text(json.dumps(report, indent=2) + "\n")
    if not report["passed"]:
        print("\n  The last it said:\n" + "\n".join(f"    {line}" for line in story.log_tail))
    return 0 if report["passed"] else 1


def _plan(given: argparse.Namespace, folder: Path) -> Plan:
    """An hour has a kill every two minutes and five minutes without a database; five minutes have as many of both as fit."""
    is_long, seconds = given.minutes >= LONG_MINUTES, given.minutes * 60
    outage = given.outage if given.outage is not None else 300.0 if is_long else 30.0
    return Plan(
        seconds=seconds,
        folder=folder,
        workers=given.workers,
        database=given.database,
        rate=given.rate,
        kill_every=given.kill_every or (120.0 if is_long else 40.0),
        outage_at=seconds / 3,
        outage_seconds=min(outage, seconds / 4),
    )


def _allowed(plan: Plan) -> Allowed:
    if plan.seconds >= LONG_MINUTES * 60:
        return Allowed()
    # In minutes an allocator's steps are no slope: what grows by less than this in them would still be found in an hour.
    return Allowed(grown_mib=16.0, warm_up_seconds=plan.seconds / 4)


def _print(report: dict[str, Any]) -> None:
    for name, value in report.items():
        if name not in ("checks", "memory", "books"):
            print(f"  {name:<44} {value}")
    print()
    for check in report["checks"]:
        print(f"  {'ok  ' if check['is_kept'] else 'FAIL'}  {check['promise']:<52} {check['found']}")
    print(f"\n  {'PASSED' if report['passed'] else 'FAILED'}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--rate", type=float, help="requests a second; else 60 percent of the measured saturation")
    parser.add_argument("--kill-every", type=float, metavar="SECONDS")
    parser.add_argument("--outage", type=float, metavar="SECONDS", help="how long the database is away")
    parser.add_argument("--folder", help="keep everything in this folder")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
