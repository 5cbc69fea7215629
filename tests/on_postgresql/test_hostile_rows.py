"""What PostgreSQL refuses and SQLite takes must not hold up the drainer, nor spoil a sum."""

import pytest
from django.db.models import Sum

from routerapp.models import AttemptRow, Feedback, RequestRollup, RoutedRequest
from routerapp.store.drain import Drainer
from routerapp.store.records import FeedbackGiven
from tests.store.examples import attempt, begin, end, journal_request, request_id, small_journal

pytestmark = pytest.mark.django_db

HOSTILE = "a\0b\x01\u202e\\N\t\n\r\"'💥"
LARGEST = 2**63 - 1


def drain(folder) -> int:
    with Drainer("default", folder) as drainer:
        return drainer.drain_once()


def test_text_of_any_kind_from_upstreams_and_callers_is_kept(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1, requested_model=HOSTILE, key=HOSTILE, user_hash=HOSTILE, chat_body=HOSTILE.encode()))
    journal.append(
        attempt(
            1,
            status="upstream_error",
            error_class=HOSTILE,
            error_message=HOSTILE,
            upstream_id=HOSTILE,
            finish_reason=HOSTILE,
        )
    )
    journal.append(end(1, error_code=HOSTILE, finish_reason=HOSTILE, answer=b"\xff\0", warnings=(HOSTILE,)))
    journal.append(
        FeedbackGiven(
            id="f", request_id=request_id(1), at_ms=1, kind="comment", comment=HOSTILE, label=HOSTILE, source=HOSTILE
        )
    )
    journal.close()
    drain(tmp_path)

    kept = HOSTILE.replace("\0", "")
    assert AttemptRow.objects.get().error_message == AttemptRow.objects.get().upstream_id == kept
    assert RoutedRequest.objects.get().requested_model == Feedback.objects.get().comment == kept
    assert not (tmp_path / "refused").exists()


def test_absurd_numbers_are_bounded_and_sums_stay_at_the_largest_there_is(tmp_path) -> None:
    journal = small_journal(tmp_path)
    absurd = {
        "input_tokens": 2**62,
        "output_tokens": 2**40,
        "latency_ms": 2**50,
        "ttft_ms": 2**33,
        "http_status": 99_999,
    }
    for number in (1, 2, 3):
        journal.append(begin(number))
        journal.append(attempt(number, cost_nusd=LARGEST, **absurd))
        journal.append(end(number, cost_nusd=LARGEST, baseline_cost_nusd=2**64 - 1, attempts=70_000, **absurd))
    journal.close()
    drain(tmp_path)

    assert RoutedRequest.objects.count() == AttemptRow.objects.count() == 3
    assert set(RequestRollup.objects.values_list("cost_nusd", flat=True)) == {LARGEST}
    assert not (tmp_path / "refused").exists()
    again = small_journal(tmp_path)
    journal_request(again, 4)
    again.close()
    drain(tmp_path)
    assert RequestRollup.objects.filter(granularity="day").aggregate(n=Sum("n"))["n"] == 4


def test_one_that_is_refused_all_the_same_is_set_aside_alone(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    journal.append(begin(2, id="x" * 40))
    journal.append(end(2, id="x" * 40))
    journal_request(journal, 3)
    journal.close()
    drain(tmp_path)

    assert set(RoutedRequest.objects.values_list("id", flat=True)) == {request_id(1), request_id(3)}
    assert len(list((tmp_path / "refused").iterdir())) == 1
