import json
import threading
import zlib

import pytest
from django.db import OperationalError
from django.db.models import Sum

from routerapp.engine.types import Price
from routerapp.models import (
    APIKey,
    AttemptRollup,
    AttemptRow,
    Body,
    DecisionInputs,
    DecisionTrace,
    Feedback,
    RequestRollup,
    RoutedRequest,
    RuleRollup,
    SpoolOffset,
    TotalRollup,
)
from routerapp.store import drain
from routerapp.store.drain import Drainer, DrainerRunning
from routerapp.store.records import FeedbackGiven, encode_record
from routerapp.store.spool import boot_folders, frame
from tests.store.examples import (
    attempt,
    begin,
    decision,
    end,
    journal_request,
    request_id,
    small_journal,
)

pytestmark = pytest.mark.django_db

ROLLUPS = (RequestRollup, RuleRollup, TotalRollup, AttemptRollup)


def drain_once(folder, **arguments) -> int:
    with Drainer("default", folder, **arguments) as drainer:
        return drainer.drain_once()


def total(model, column, **where) -> int:
    return model.objects.filter(**where).aggregate(total=Sum(column))["total"] or 0


def assert_sums_agree() -> None:
    """Rows, attempts and rollups of every granularity say the same, as integers."""
    for granularity in ("minute", "hour", "day"):
        for column in ("cost_nusd", "input_tokens", "output_tokens"):
            rows = total(RoutedRequest, column)
            assert rows == total(AttemptRow, column)
            assert rows == total(RequestRollup, column, granularity=granularity)
            assert rows == total(RuleRollup, column, granularity=granularity)
            assert rows == total(TotalRollup, column, granularity=granularity)
            assert rows == total(AttemptRollup, column, granularity=granularity)
        assert RoutedRequest.objects.count() == total(RequestRollup, "n", granularity=granularity)
        assert AttemptRow.objects.count() == total(AttemptRollup, "n", granularity=granularity)


def test_a_finished_request_becomes_its_rows(tmp_path) -> None:
    key = APIKey.objects.create(slug="mobile", name="Mobile", prefix="p", key_hash="h", last_four="1234")
    journal = small_journal(tmp_path)
    journal.append(begin(1, chat_body=b'{"messages": []}'))
    journal.append(attempt(1))
    journal.append(end(1, answer=b"hello"))
    assert drain_once(tmp_path) == 1
    row = RoutedRequest.objects.get()
    inputs = DecisionInputs.objects.get()
    key.refresh_from_db()

    assert (row.id, row.status, row.policy, row.policy_version, row.rule) == (request_id(1), "ok", "support", 3, "r1")
    assert (row.task, row.prompt_tokens_estimate, row.language_model) == ("code", 412, "gpt-large")
    assert (row.cost_nusd, row.baseline_cost_nusd) == (2_010_000, 6_030_000)
    assert inputs.seed == "f" * 16
    assert json.loads(zlib.decompress(inputs.document))["live"]["deployments"]["gpt"]["in_flight"] == 2
    assert AttemptRow.objects.get().input_nusd_per_mtok == 2_500_000_000
    assert zlib.decompress(Body.objects.get().answer) == b"hello"
    assert int(key.last_used_at.timestamp() * 1000) == begin(1).at_ms
    journal.close()


def test_the_trace_keeps_the_bytes_of_the_decision(tmp_path) -> None:
    from routerapp.engine.canonical import canonical_bytes

    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    drain_once(tmp_path)

    assert zlib.decompress(DecisionTrace.objects.get().document) == canonical_bytes(decision())
    journal.close()


def test_a_living_request_waits_and_a_restarted_drainer_still_knows_it(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1))
    journal_request(journal, 2)
    journal.append(attempt(1))
    assert drain_once(tmp_path) == 1
    assert list(RoutedRequest.objects.values_list("id", flat=True)) == [request_id(2)]
    journal.append(end(1))
    drain_once(tmp_path)

    assert RoutedRequest.objects.count() == 2
    assert AttemptRow.objects.count() == 2
    assert_sums_agree()
    journal.close()


def test_a_dead_boots_open_requests_are_interrupted(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1))
    journal.append(begin(2))
    journal.append(attempt(2, status="upstream_error", error_class="upstream_unavailable"))
    journal.close()
    drain_once(tmp_path)
    first, second = RoutedRequest.objects.order_by("id")

    assert (first.status, first.input_tokens, first.output_tokens, first.cost_nusd) == ("interrupted", 412, 0, None)
    assert (second.status, second.input_tokens, second.output_tokens) == ("interrupted", 400, 102)
    assert second.cost_nusd == attempt(2).cost_nusd
    assert first.is_usage_estimated
    assert boot_folders(tmp_path / "spool") == []
    assert not SpoolOffset.objects.exists()


def test_draining_the_same_frames_again_changes_nothing(tmp_path) -> None:
    journal = small_journal(tmp_path)
    for number in range(30):
        journal_request(journal, number)
        journal_request(journal, number)
    drain_once(tmp_path)
    before = [list(model.objects.order_by("pk").values()) for model in ROLLUPS]
    SpoolOffset.objects.all().delete()
    drain_once(tmp_path)
    after = [list(model.objects.order_by("pk").values()) for model in ROLLUPS]

    assert RoutedRequest.objects.count() == 30
    assert before == after
    assert_sums_agree()
    journal.close()


def test_a_crash_between_commit_and_deletion_counts_nothing_twice(tmp_path, monkeypatch) -> None:
    journal = small_journal(tmp_path, segment_bytes=5_000)
    for number in range(20):
        journal_request(journal, number)
    journal.close()
    monkeypatch.setattr(drain.BootFolder, "delete", lambda self: 1 / 0)
    monkeypatch.setattr(drain.BootFolder, "delete_before", lambda self, position: None)
    with pytest.raises(ZeroDivisionError):
        drain_once(tmp_path)
    monkeypatch.undo()
    assert len(list(journal.folder.glob("*.log"))) > 3
    drain_once(tmp_path)

    assert RoutedRequest.objects.count() == 20
    assert not journal.folder.exists()
    assert_sums_agree()


def test_a_database_that_is_away_costs_nothing(tmp_path, monkeypatch) -> None:
    journal = small_journal(tmp_path)
    for number in range(10):
        journal_request(journal, number)
    real, failures = drain.ingest, [OperationalError("away"), OperationalError("away")]

    def flaky(*arguments):
        if failures:
            raise failures.pop()
        return real(*arguments)

    monkeypatch.setattr(drain, "ingest", flaky)
    with Drainer("default", tmp_path) as drainer:
        for _ in range(2):
            with pytest.raises(OperationalError):
                drainer.drain_once()
        journal_request(journal, 10)
        drainer.drain_once()

    assert RoutedRequest.objects.count() == 11
    assert_sums_agree()
    journal.close()


def test_run_forever_survives_an_outage_and_stops(tmp_path, monkeypatch) -> None:
    stop, calls = threading.Event(), []

    def drain_or_fail(self, is_stopping) -> int:
        calls.append(1)
        if len(calls) == 1:
            raise OperationalError("away")
        stop.set()
        return 0

    monkeypatch.setattr(Drainer, "drain_once", drain_or_fail)
    with Drainer("default", tmp_path) as drainer:
        drainer.run_forever(stop)

    assert len(calls) == 2


def test_one_poisonous_entry_is_set_aside_and_the_others_arrive(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    poison = [begin(2), attempt(2, price=Price(input_nusd_per_mtok=2**64 - 1, output_nusd_per_mtok=1)), end(2)]
    for record in poison:
        journal.append(record)
    journal_request(journal, 3)
    drain_once(tmp_path)

    assert set(RoutedRequest.objects.values_list("id", flat=True)) == {request_id(1), request_id(3)}
    refused = next((tmp_path / "refused").iterdir()).read_bytes()
    assert refused == b"".join(frame(encode_record(record)) for record in poison)
    journal.close()


def test_damaged_and_unknown_frames_are_set_aside(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal_request(journal, 1)
    with next(journal.folder.glob("*.log")).open("ab") as file:
        file.write(frame(b"\x81\xa6record\xa5later") + b"rubbish")
    journal_request(journal, 2)
    drain_once(tmp_path)

    assert RoutedRequest.objects.count() == 2
    assert len(list((tmp_path / "refused").iterdir())) == 2
    journal.close()


def test_an_outcome_whose_begin_was_damaged_is_still_counted(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(attempt(1))
    journal.append(end(1))
    drain_once(tmp_path)

    assert RoutedRequest.objects.get().cost_nusd == end(1).cost_nusd
    assert_sums_agree()
    journal.close()


def test_an_attempt_after_the_end_takes_the_origin_of_its_request(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1, origin="playground"))
    journal.append(end(1))
    drain_once(tmp_path)
    journal.append(attempt(1))
    drain_once(tmp_path)

    assert set(AttemptRollup.objects.values_list("origin", flat=True)) == {"playground"}
    journal.close()


def test_a_request_that_never_ends_does_not_hold_the_spool_for_ever(tmp_path) -> None:
    journal = small_journal(tmp_path)
    journal.append(begin(1))
    clock = [0.0]
    with Drainer("default", tmp_path, monotonic=lambda: clock[0]) as drainer:
        drainer.drain_once()
        clock[0] = drain.ABANDON_AFTER_SECONDS
        drainer.drain_once()
        assert not RoutedRequest.objects.exists()
        clock[0] += 1
        drainer.drain_once()

    assert RoutedRequest.objects.get().status == "interrupted"
    journal.close()


def test_drained_segments_of_a_living_boot_are_removed(tmp_path) -> None:
    journal = small_journal(tmp_path, segment_bytes=5_000)
    for number in range(20):
        journal_request(journal, number)
    drain_once(tmp_path)

    assert len(list(journal.folder.glob("*.log"))) <= 2
    journal.close()


def test_feedback_is_written_once(tmp_path) -> None:
    journal = small_journal(tmp_path)
    given = FeedbackGiven(id="f1", request_id=request_id(1), at_ms=5, kind="rating", value=0.5, source="api")
    journal.append(given)
    journal.append(given)
    drain_once(tmp_path)
    SpoolOffset.objects.all().delete()
    drain_once(tmp_path)

    assert Feedback.objects.get().value == 0.5
    journal.close()


def test_a_second_drainer_is_refused(tmp_path) -> None:
    with Drainer("default", tmp_path), pytest.raises(DrainerRunning):
        Drainer("default", tmp_path)
    Drainer("default", tmp_path).close()


def test_row_values_are_the_tables_columns() -> None:
    from routerapp.store.facts import AttemptFact, RequestFact

    for fact, model in ((RequestFact, RoutedRequest), (AttemptFact, AttemptRow)):
        assert set(fact.__struct_fields__) == {field.column for field in model._meta.concrete_fields}
