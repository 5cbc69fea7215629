import pytest

from routerapp.models import Body, DecisionInputs, Feedback
from routerapp.store.decision_document import decision_document
from routerapp.store.requests import (
    DEAREST,
    BadCursor,
    RequestFilters,
    list_requests,
    load_body,
    load_detail,
)
from tests.factories import a_request, an_attempt

pytestmark = pytest.mark.django_db


def pages(filters=RequestFilters(), **options):  # noqa: B008
    cursor, found = None, []
    while True:
        page = list_requests(filters, cursor=cursor, **options)
        found.append([row.id for row in page.rows])
        cursor = page.next_cursor
        if cursor is None:
            return found


def test_pages_run_newest_first_without_gap_or_repeat_even_at_the_same_instant():
    rows = [a_request(at_ms=1_780_000_000_000 + number // 4) for number in range(11)]
    expected = [row.id for row in sorted(rows, key=lambda row: (row.at_ms, row.id), reverse=True)]

    assert pages(limit=3) == [expected[0:3], expected[3:6], expected[6:9], expected[9:]]


def test_a_new_request_does_not_shift_the_next_page():
    rows = [a_request() for _ in range(4)]
    first = list_requests(RequestFilters(), limit=2)
    a_request()

    second = list_requests(RequestFilters(), cursor=first.next_cursor, limit=2)
    assert [row.id for row in second.rows] == [rows[1].id, rows[0].id]


def test_dearest_first_leaves_out_the_unpriced():
    cheap, dear, tied = a_request(cost_nusd=1), a_request(cost_nusd=9), a_request(cost_nusd=9)
    a_request(cost_nusd=None)

    assert pages(sort=DEAREST, limit=1) == [[tied.id], [dear.id], [cheap.id]]


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        ({"models": ("large",)}, {"language_model": "large"}),
        ({"deployments": ("d1", "d2")}, {"deployment": "d2"}),
        ({"policy": "legal", "rule": "r1"}, {"policy": "legal", "rule": "r1"}),
        ({"key": "ci"}, {"key": "ci"}),
        ({"statuses": ("timeout",)}, {"status": "timeout"}),
        ({"tasks": ("code",)}, {"task": "code"}),
        ({"origins": ("sample",)}, {"origin": "sample"}),
        ({"min_cost_nusd": 600_000}, {"cost_nusd": 600_000}),
        ({"max_cost_nusd": 0}, {"cost_nusd": 0}),
        ({"from_ms": 1_790_000_000_000}, {"at_ms": 1_790_000_000_000}),
        ({"to_ms": 1_700_000_000_000}, {"at_ms": 1_699_999_999_999}),
        ({"id_text": "0193ffff-0"}, {"id": "0193ffff-0000-7000-8000-000000000001"}),
    ],
)
def test_each_filter_keeps_what_matches_and_nothing_else(filters, match):
    a_request()
    wanted = a_request(**match)

    assert pages(RequestFilters(**filters)) == [[wanted.id]]


@pytest.mark.parametrize("cursor", ["", "x", "12", "12.", "1e5.a", "9" * 40 + ".a"])
def test_a_made_up_cursor_is_refused(cursor):
    with pytest.raises(BadCursor):
        list_requests(RequestFilters(), cursor=cursor)


def test_a_list_reads_one_table_once(django_assert_num_queries):
    for _ in range(3):
        a_request(chat={"messages": []})

    with django_assert_num_queries(1) as queries:
        list_requests(RequestFilters())
    assert "body" not in queries[0]["sql"]
    assert "decision_" not in queries[0]["sql"]


def test_detail_holds_everything_but_the_bodies():
    row = a_request(features={"task": "code"}, chat={"messages": [{"role": "user", "content": "hi"}]})
    attempts = [an_attempt(row, status="upstream_error"), an_attempt(row, role="fallback")]
    Feedback.objects.create(id="f1", request_id=row.id, at_ms=row.at_ms, kind="rating", value=1, source="api")
    detail = load_detail(row.id)

    assert detail.attempts == tuple(attempts)
    assert detail.recorded.inputs.features.task == "code"
    assert [feedback.id for feedback in detail.feedback] == ["f1"]
    assert (detail.has_chat, detail.has_answer) == (True, False)
    assert detail.decision is None
    assert load_body(row.id) == (b'{"messages":[{"content":"hi","role":"user"}]}', None)


def test_detail_of_a_request_past_its_retention_says_so_with_none():
    row = a_request()
    DecisionInputs.objects.all().delete()
    Body.objects.all().delete()

    assert load_detail(row.id).recorded is None
    assert load_body(row.id) == (None, None)
    assert load_detail("nothing") is None


def test_the_document_for_callers_hides_hashes_and_lists_attempts():
    row = a_request(user_hash="abc")
    an_attempt(row)
    document = decision_document(row.id)

    assert document["id"] == row.id
    assert "user_hash" not in document
    assert [attempt["deployment"] for attempt in document["attempts"]] == ["small-one"]
    assert decision_document("nothing") is None
