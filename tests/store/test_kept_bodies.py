"""From the journal to the body table and out again in time; and cache hits in the sums."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta

import pytest

from routerapp.engine.conditions import parse_condition
from routerapp.engine.types import Handling
from routerapp.models import Body, RequestRollup, RoutedRequest
from routerapp.store import retention
from routerapp.store.config_document import unix_ms
from routerapp.store.drain import Drainer
from routerapp.store.overview import overview
from routerapp.store.recorded import RecordedWindow
from routerapp.store.reports import Filters, Range
from tests.factories import a_request
from tests.store.examples import AT_MS, attempt, begin, decision, end, small_journal

pytestmark = pytest.mark.django_db
DAY_MS = 86_400_000
NOW = datetime(2026, 6, 1, tzinfo=UTC)


def drained(tmp_path, *records) -> None:
    journal = small_journal(tmp_path)
    for record in records:
        journal.append(record)
    journal.close()
    with Drainer("default", tmp_path) as drainer:
        while drainer.drain_once():
            pass


def test_content_is_written_with_the_end_its_policy_says(tmp_path):
    keeping = decision(handling=Handling(keep_content="redacted", content_days=7))
    drained(
        tmp_path,
        begin(1, decision=keeping, chat_body=b'{"messages":[]}'),
        attempt(1),
        end(1, answer=b'{"choices":[]}'),
        begin(2, chat_body=b'{"messages":[1]}'),
        end(2),
        begin(3),
        end(3),
    )

    first, second = Body.objects.order_by("at_ms")
    assert (zlib.decompress(first.chat), zlib.decompress(first.answer)) == (b'{"messages":[]}', b'{"choices":[]}')
    assert first.expires_at_ms == AT_MS + 1000 + 7 * DAY_MS
    assert (second.expires_at_ms, second.answer) == (None, None)


def aged(days: int, content_days: int | None = None) -> str:
    at_ms = unix_ms(NOW - timedelta(days=days))
    row = a_request(at_ms=at_ms, chat={"messages": []})
    until = None if content_days is None else at_ms + content_days * DAY_MS
    Body.objects.filter(request_id=row.id).update(expires_at_ms=until)
    return row.id


def test_each_policys_days_count_and_the_installations_where_it_says_nothing():
    kept = {aged(1), aged(29), aged(6, 7), aged(100, 365)}
    gone = {aged(31), aged(7, 7), aged(2, 1), aged(401, 3650)}
    due = retention.count_due(NOW)
    deleted = retention.forget(NOW, lambda share, words: None)

    assert set(Body.objects.values_list("request_id", flat=True)) == kept
    assert due["bodies"] == deleted["bodies"] == len(gone)


def test_hits_and_what_they_saved_reach_rows_rollups_and_the_overview(tmp_path):
    drained(
        tmp_path,
        begin(1),
        attempt(1),
        end(1, cache="miss"),
        begin(2),
        end(2, cache="hit", attempts=0, cost_nusd=0, saved_nusd=700, baseline_cost_nusd=None),
        begin(3),
        attempt(3),
        end(3, lost_cache_tokens=50, warnings=("dropped:n", "capped:max_tokens")),
    )

    rows = list(RoutedRequest.objects.order_by("at_ms"))
    assert [(row.cache, row.saved_nusd) for row in rows] == [("miss", None), ("hit", 700), ("", None)]
    assert (rows[2].lost_cache_tokens, rows[2].warnings) == (50, "dropped:n,capped:max_tokens")
    day = RequestRollup.objects.filter(granularity="day")
    assert sum(row.cache_hit_n for row in day) == 1
    totals = overview(Range(AT_MS - DAY_MS, AT_MS + DAY_MS), Filters()).totals
    assert (totals.cache_hit_n, totals.cache_saved_nusd, totals.moved_n, totals.lost_cache_tokens) == (1, 700, 1, 50)
    points = overview(Range(AT_MS - DAY_MS, AT_MS + DAY_MS), Filters()).over_time
    assert sum(point.cache_saved_nusd for point in points) == 700


def test_a_body_that_lost_something_answers_no_condition():
    def kept(redacted: int, is_cut: bool, **more) -> str:
        marks = {"redacted": redacted, "is_cut": is_cut}
        return a_request(chat={"messages": messages, "signalbox": marks}, **more).id

    messages = [{"role": "user", "content": "mail [email] the plan"}]
    condition = parse_condition({"field": "text", "op": "contains", "value": "plan"})
    whole = kept(0, False)
    kept(1, False)
    kept(0, True)
    window = RecordedWindow()
    observed = window.observe(window.newest(), condition.leaves)

    assert observed == {whole: {condition.leaves[0].leaf_id: True}}


def test_what_was_observed_at_the_time_wins_over_a_body():
    condition = parse_condition({"field": "text", "op": "contains", "value": "plan"})
    leaf_id = condition.leaves[0].leaf_id
    a_request(chat={"messages": [{"role": "user", "content": "the plan"}]}, observations={leaf_id: False})
    window = RecordedWindow()
    requests = window.newest()

    assert window.observe(requests, condition.leaves) == {}
    assert requests[0].inputs.observations == {leaf_id: False}
