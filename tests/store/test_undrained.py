import random
from pathlib import Path

import pytest
from django.db import DatabaseError

from routerapp.engine.types import Price
from routerapp.models import SpoolOffset
from routerapp.store.caller_spend import spent_by_users
from routerapp.store.drain import Drainer
from routerapp.store.spool import BootFolder
from routerapp.store.undrained import UndrainedSpend, spend_of_callers, spend_of_rows
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


@pytest.mark.parametrize("seed", range(6))
def test_one_that_is_kept_says_at_every_moment_what_a_fresh_look_says(tmp_path: Path, seed: int) -> None:
    """Whatever was journalled, drained, rotated, left unfinished or closed in between."""
    generator, spool = random.Random(seed), tmp_path / "spool"
    journals = [small_journal(tmp_path, segment_bytes=4_000) for _ in range(2)]
    kept, number, open_ones = UndrainedSpend(spool), 0, []
    with Drainer("default", tmp_path) as drainer:
        for _ in range(30):
            step, journal = generator.random(), generator.choice(journals)
            if step < 0.4:
                number += 1
                journal_request(journal, number)
            elif step < 0.6:
                number += 1
                journal.append(begin(number))
                journal.append(attempt(number, status="upstream_error"))
                open_ones.append((journal, number))
            elif step < 0.75 and open_ones:
                on, late = open_ones.pop(generator.randrange(len(open_ones)))
                on.append(attempt(late, 2, cost_nusd=5))
                on.append(end(late))
            elif step < 0.9:
                drainer.drain_once()
            assert kept.of_callers(AT_MS) == spend_of_callers(spool, AT_MS)
        for journal in journals:
            journal.close()
            assert kept.of_callers(AT_MS) == spend_of_callers(spool, AT_MS)
        drainer.drain_once()
        assert kept.of_callers(AT_MS) == spend_of_callers(spool, AT_MS)
    assert number > 0


def test_a_long_backlog_is_packed_and_counts_the_same_while_it_is_drained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("routerapp.store.undrained.IDS_PER_QUERY", 20)
    journal, kept, spool = (
        small_journal(tmp_path, segment_bytes=30_000),
        UndrainedSpend(tmp_path / "spool"),
        tmp_path / "spool",
    )
    journal.append(begin(500))
    for number in range(1, 301):
        journal_request(journal, number)
    total = sum(end(number).cost_nusd or 0 for number in range(1, 301))
    places = iter(range(1_000))
    with Drainer("default", tmp_path) as drainer:
        for _ in range(6):
            assert kept.of_callers(AT_MS)["key:mobile"] == (total, total)
            stop_at = next(places) + 2
            drainer.drain_once(lambda stop_at=stop_at: next(places) > stop_at)
        drainer.drain_once()
        journal.append(end(500, cost_nusd=None))
        journal.close()
        drainer.drain_once()
    assert kept.of_callers(AT_MS) == spend_of_callers(spool, AT_MS)
    assert kept.of_callers(AT_MS)["key:mobile"] == (total, total)


def test_one_that_is_kept_reads_each_record_once_and_nothing_while_the_database_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, kept = small_journal(tmp_path), UndrainedSpend(tmp_path / "spool")
    pieces: list[int] = []
    read = BootFolder.read
    monkeypatch.setattr(
        BootFolder, "read", lambda self, is_dead: pieces.append(len(found := read(self, is_dead=is_dead))) or found
    )
    journal_request(journal, 1)
    first = kept.of_callers(AT_MS)
    journal_request(journal, 2)

    def away(*_: object, **__: object) -> None:
        raise DatabaseError("away")

    with monkeypatch.context() as outage:
        outage.setattr(SpoolOffset.objects, "using", away)
        with pytest.raises(DatabaseError):
            kept.of_callers(AT_MS)
    assert sum(pieces) == 3
    second = kept.of_callers(AT_MS)
    kept.of_callers(AT_MS)

    assert sum(pieces) == 6
    assert second["key:mobile"][0] > first["key:mobile"][0] > 0


def test_a_request_that_the_database_refused_stops_counting_once_the_drainer_is_past_it(tmp_path: Path) -> None:
    journal, kept = small_journal(tmp_path), UndrainedSpend(tmp_path / "spool")
    impossible = Price(input_nusd_per_mtok=2**64 - 1, output_nusd_per_mtok=1)
    for record in (begin(1), attempt(1, price=impossible), end(1)):
        journal.append(record)
    journal_request(journal, 2)
    costs = [end(number).cost_nusd or 0 for number in (1, 2)]

    assert kept.of_callers(AT_MS)["key:mobile"] == (sum(costs), sum(costs))
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()
    assert kept.of_callers(AT_MS)["key:mobile"] == (costs[1], costs[1])
