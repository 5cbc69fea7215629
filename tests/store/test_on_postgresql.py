"""The same promises kept by PostgreSQL: tests of the store and of those who write at once, run a second time with a real server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.postgresql import NoPostgreSQL, PostgreSQL

pytestmark = pytest.mark.postgres

PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 600
FILES = (
    "tests/on_postgresql/test_checkup.py",
    "tests/on_postgresql/test_hostile_rows.py",
    "tests/on_postgresql/test_partitions.py",
    "tests/on_postgresql/test_request_filters.py",
    "tests/on_postgresql/test_several_writers.py",
    "tests/on_postgresql/test_transfer.py",
    "tests/store/test_drain.py",
    "tests/store/test_experiment_counts.py",
    "tests/store/test_jobs.py",
    "tests/store/test_kept_bodies.py",
    "tests/store/test_replay.py",
    "tests/store/test_reports.py",
    "tests/store/test_repricing.py",
    "tests/store/test_request_search.py",
    "tests/store/test_requests.py",
    "tests/store/test_retention.py",
    "tests/store/test_revisions.py",
    "tests/store/test_rollups.py",
    "tests/store/test_secrets.py",
    "tests/store/test_snapshot.py",
    "tests/store/test_undrained.py",
    "tests/serving/test_audit.py",
    "tests/serving/test_installation.py",
    "tests/serving/test_publish_policy.py",
)


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, list[str]]:
    """By file, what went wrong in it; one run for them all, because a server and its tables are dear."""
    folder = tmp_path_factory.mktemp("on-postgresql")
    report = folder / "report.xml"
    try:
        with PostgreSQL() as server:
            variables = {
                "SIGNALBOX_DATA_DIR": str(folder / "data"),
                "SIGNALBOX_DATABASE_URL": server.create("signalbox"),
            }
            kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALBOX_", "PYTEST_"))}
            run = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "--tb=short", f"--junitxml={report}", *FILES],
                cwd=PROJECT,
                env={**kept, **variables},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
    except NoPostgreSQL as reason:
        pytest.skip(f"PostgreSQL cannot run here: {reason}")
    if not report.exists():
        pytest.fail(run.stdout[-5000:] + run.stderr[-2000:])
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        wrong = [part.text or "" for part in case if part.tag in ("failure", "error")]
        name = case.get("classname", "").replace(".", "/") + ".py"
        found.setdefault(name, []).extend(f"{case.get('name')}\n{text}" for text in wrong)
    return found


@pytest.mark.parametrize("file", FILES)
def test_holds_on_postgresql(outcomes, file) -> None:
    assert file in outcomes, f"{file} was not run: {sorted(outcomes)}"
    assert not outcomes[file], "\n\n".join(outcomes[file])
