"""The drainer as a process beside a writer, both killed with -9."""

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[2]
WRITER = """
import sys, time
from pathlib import Path
from tests.store.examples import begin, journal_request, small_journal
journal = small_journal(Path(sys.argv[1]), segment_bytes=200_000)
start = int(sys.argv[2])
for number in range(start, start + 100_000):
    journal_request(journal, number)
    print(number, flush=True)
    time.sleep(0.001)
"""


class Workplace:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **os.environ,
            "SIGNALBOX_DATA_DIR": str(folder),
            "DJANGO_SETTINGS_MODULE": "routerapp.settings",
        }

    def manage(self, *arguments: str) -> subprocess.Popen[str]:
        return self._start("manage.py", *arguments)

    def write(self, start: int) -> subprocess.Popen[str]:
        return self._start("-c", WRITER, str(self.folder), str(start))

    def query(self, sql: str) -> list[tuple]:
        connection = sqlite3.connect(self.folder / "signalbox.sqlite3", timeout=10)
        try:
            return connection.execute(sql).fetchall()
        finally:
            connection.close()

    def _start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, stdout=subprocess.PIPE, text=True
        )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    return output


def kill(process: subprocess.Popen[str]) -> str:
    process.kill()
    output, _ = process.communicate(timeout=60)
    return output


def wait_for(workplace: Workplace, sql: str, seconds: float = 120) -> float:
    started = time.monotonic()
    while workplace.query(sql) == [(0,)]:
        assert time.monotonic() - started < seconds, sql
        time.sleep(0.02)
    return time.monotonic() - started


def test_nothing_is_lost_or_counted_twice_when_both_are_killed(tmp_path) -> None:
    workplace = Workplace(tmp_path)
    finish(workplace.manage("migrate", "-v0", "--skip-checks"))
    acknowledged = []
    for turn in range(3):
        drainer, writer = workplace.manage("drain"), workplace.write(turn * 100_000)
        wait_for(workplace, f"SELECT COUNT(*) > {turn * 100} FROM routed_request")
        time.sleep(0.3)
        kill(drainer)
        acknowledged += map(int, kill(writer).split())
    assert "entries committed" in finish(workplace.manage("drain", "--once"))
    rows = dict(workplace.query("SELECT id, status FROM routed_request"))
    sums = workplace.query(
        "SELECT (SELECT SUM(cost_nusd) FROM routed_request WHERE status = 'ok'), "
        "(SELECT SUM(cost_nusd) FROM request_rollup WHERE granularity = 'minute' AND status = 'ok'), "
        "(SELECT COUNT(*) FROM routed_request), (SELECT SUM(n) FROM request_rollup WHERE granularity = 'day'), "
        "(SELECT SUM(cost_nusd) FROM attempt), (SELECT SUM(cost_nusd) FROM attempt_rollup WHERE granularity = 'hour')"
    )[0]

    assert len(acknowledged) > 100
    assert {rows[f"{number:08x}-0193-7000-8000-000000000000"] for number in acknowledged} == {"ok"}
    assert len(rows) - len(acknowledged) <= 3
    assert (sums[0], sums[2], sums[4]) == (sums[1], sums[3], sums[5])
    assert list((tmp_path / "spool").iterdir()) == []


def _until_recorded(workplace: Workplace, turn: int) -> float:
    """Seconds from the first outcome of a new writer to its row, after a quiet time."""
    time.sleep(1.5)
    before = workplace.query("SELECT COUNT(*) FROM routed_request")[0][0]
    late = workplace.write(turn * 100_000)
    assert late.stdout is not None
    late.stdout.readline()
    took = wait_for(workplace, f"SELECT COUNT(*) > {before} FROM routed_request")
    kill(late)
    return took


def test_an_outcome_is_in_the_database_within_two_seconds_of_a_quiet_time(tmp_path) -> None:
    workplace = Workplace(tmp_path)
    finish(workplace.manage("migrate", "-v0", "--skip-checks"))
    drainer, writer = workplace.manage("drain"), workplace.write(0)
    wait_for(workplace, "SELECT COUNT(*) FROM routed_request")
    kill(writer)

    # A machine that does something else just then must not fail it.
    assert any(_until_recorded(workplace, turn) < 2 for turn in range(2, 5))
    drainer.terminate()
    finish(drainer)
