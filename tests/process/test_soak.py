"""The soak's five-minute form: load, the database away for half a minute, a worker killed every forty seconds; then the books are compared."""

from __future__ import annotations

import pytest

from benchmarks.soak.story import Plan, tell
from benchmarks.soak.verdict import Allowed, checks

pytestmark = pytest.mark.process

SECONDS = 240.0
# Far below what the product takes: other tests run beside it, and a request that waits is no fault.
RATE = 30.0


def test_nothing_is_lost_or_counted_twice_while_workers_die_and_the_database_is_away(tmp_path, capsys):
    plan = Plan(SECONDS, tmp_path / "soak", rate=RATE, kill_every=40.0, outage_at=80.0, outage_seconds=30.0)
    story = tell(plan)
    # In minutes an allocator's steps are no slope: what leaks as fast as this would be found, and the hour's soak finds less.
    found = checks(story, Allowed(grown_mib=32.0, warm_up_seconds=60.0))
    with capsys.disabled():
        print("".join(f"\n  {'ok  ' if one.is_kept else 'FAIL'}  {one.promise}: {one.found}" for one in found))

    assert [one for one in found if not one.is_kept] == [], story.log_tail
    assert story.outage_seconds > 25
    assert story.books.answered > 0.9 * SECONDS * RATE
