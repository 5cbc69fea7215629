import pytest

from routerapp.store.drain import Drainer
from routerapp.store.undrained import spend_with_spool
from tests.store.examples import AT_MS, attempt, begin, end, journal_request, small_journal

pytestmark = pytest.mark.django_db


def test_spend_is_the_same_before_and_after_draining(tmp_path) -> None:
    journal = small_journal(tmp_path, segment_bytes=5_000)
    journal.append(begin(0))
    for number in range(1, 11):
        journal_request(journal, number)
    journal.append(begin(11, origin="sample"))
    journal.append(attempt(11))
    journal.append(begin(12))
    journal.append(attempt(12, 1, cost_nusd=7))
    expected = {"mobile": 7 + sum(end(number).cost_nusd for number in range(1, 11))}
    assert spend_with_spool(tmp_path / "spool", AT_MS) == expected
    with Drainer("default", tmp_path) as drainer:
        drainer.drain_once()
        assert spend_with_spool(tmp_path / "spool", AT_MS) == expected
        journal.close()
        drainer.drain_once()

    assert spend_with_spool(tmp_path / "spool", AT_MS) == expected


def test_yesterdays_spool_is_not_todays_spend(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    journal.close()

    assert spend_with_spool(tmp_path / "spool", AT_MS + 86_400_000) == {}
