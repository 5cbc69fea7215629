from pathlib import Path

import pytest

from routerapp.store.caller_spend import spent_by_users
from routerapp.store.drain import Drainer
from routerapp.store.undrained import spend_of_callers, spend_of_rows
from routerapp.store.usage_windows import month_starts_ms
from tests.store.examples import AT_MS, attempt, begin, end, journal_request, small_journal

pytestmark = pytest.mark.django_db
DAY_MS = 86_400_000


def test_spend_is_the_same_before_and_after_draining(tmp_path: Path) -> None:
    journal = small_journal(tmp_path, segment_bytes=5_000)
    journal.append(begin(0))
    for number in range(1, 11):
        journal_request(journal, number)
    journal.append(begin(11, origin="sample"))
    journal.append(attempt(11))
    journal.append(begin(12, user_hash="ada"))
    journal.append(attempt(12, 1, cost_nusd=7))
    total = 7 + sum(end(number).cost_nusd or 0 for number in range(1, 11))
    expected = {"key:mobile": (total, total), "team:apps": (total, total)}
    users = {"user:ada": (7, 7)}

    def found() -> tuple[object, object]:
        spool = tmp_path / "spool"
        return spend_of_callers(spool, AT_MS), spend_of_rows(spool, AT_MS, AT_MS + DAY_MS, ("user_hash",))

    assert found() == (expected, users)
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()
        assert found() == (expected, users)
        journal.close()
        drainer.drain_once()

    assert found() == (expected, users)


def test_yesterdays_spool_counts_in_the_month_alone_and_last_months_not_at_all(tmp_path: Path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    journal.close()
    cost = end(1).cost_nusd

    assert spend_of_callers(tmp_path / "spool", AT_MS + DAY_MS)["key:mobile"] == (0, cost)
    assert spend_of_callers(tmp_path / "spool", month_starts_ms(AT_MS) + 32 * DAY_MS) == {}


def test_rows_are_cut_at_the_start_of_the_worker_that_asks(tmp_path: Path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    journal_request(journal, 2)
    spool, cut = tmp_path / "spool", begin(2).at_ms
    expected = {"key:mobile": (end(1).cost_nusd,) * 2, "team:apps": (end(1).cost_nusd,) * 2}
    before = spend_of_rows(spool, AT_MS, cut, ("key", "team"))
    journal.close()
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()

    assert before == expected
    assert spend_of_rows(spool, AT_MS, cut, ("key", "team")) == expected


def test_the_priced_attempts_of_a_request_of_unknown_cost_count_before_draining_and_after(tmp_path: Path) -> None:
    """Else a restart would give back what a budget has paid for."""
    journal = small_journal(tmp_path)
    journal.append(begin(1, user_hash="ada"))
    journal.append(attempt(1, 1, status="upstream_error", cost_nusd=70))
    journal.append(attempt(1, 2, role="fallback", price=None, cost_nusd=None))
    journal.append(end(1, attempts=2, cost_nusd=None))
    spool = tmp_path / "spool"
    expected = {name: (70, 70) for name in ("key:mobile", "team:apps", "user:ada")}

    def found() -> list[object]:
        late = spend_of_rows(spool, AT_MS, AT_MS + DAY_MS, ("key", "team", "user_hash"))
        early = spend_of_callers(spool, AT_MS) | spend_of_rows(spool, AT_MS, AT_MS + DAY_MS, ("user_hash",))
        return [early, late]

    assert found() == [expected, expected]
    journal.close()
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()

    assert found() == [expected, expected]
    assert {name: one.month_nusd for name, one in spent_by_users(["ada"], AT_MS + DAY_MS).items()} == {"user:ada": 70}
