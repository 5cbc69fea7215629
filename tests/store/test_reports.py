import math

import pytest

from routerapp.models import RollupHorizon, RoutedRequest
from routerapp.store.drain import Drainer
from routerapp.store.overview import STEPS, overview, rule_hits, step_of
from routerapp.store.reports import MOST_POINTS, Filters, Range, shown_origins
from routerapp.store.rollups import LENGTH_MS
from tests.store.examples import AT_MS, attempt, begin, decision, end, journal_request, small_journal

pytestmark = pytest.mark.django_db

HOUR = LENGTH_MS["hour"]
DAY = LENGTH_MS["day"]
AROUND = Range(AT_MS - HOUR, AT_MS + HOUR)


@pytest.fixture
def journal(tmp_path):
    journal = small_journal(tmp_path)
    yield journal
    journal.close()


def drain(journal) -> None:
    with Drainer("default", journal.folder.parent.parent) as drainer:
        drainer.drain_once()


def test_totals_are_those_of_the_rows(journal) -> None:
    for number in range(40):
        journal_request(journal, number)
    drain(journal)
    totals = overview(AROUND).totals
    rows = RoutedRequest.objects.all()

    assert totals.requests == 40
    assert totals.cost_nusd == sum(row.cost_nusd for row in rows)
    assert totals.saved_nusd == sum(row.baseline_cost_nusd - row.cost_nusd for row in rows)
    assert totals.saved_share == pytest.approx(2 / 3)
    assert totals.success.share == 1.0


def test_percentiles_are_within_two_percent_of_the_rows(journal) -> None:
    for number in range(200):
        journal_request(journal, number)
    drain(journal)
    latency = overview(AROUND).totals.latency
    exact = sorted(row.latency_ms for row in RoutedRequest.objects.all())

    assert latency.samples == 200
    assert latency.p50_ms == pytest.approx(exact[math.ceil(0.5 * 200) - 1], rel=0.02)
    assert latency.p95_ms == pytest.approx(exact[math.ceil(0.95 * 200) - 1], rel=0.02)


def test_success_counts_only_what_models_are_to_blame_for(journal) -> None:
    statuses = ("ok", "ok", "upstream_error", "timeout", "cancelled", "refused_limit", "no_candidate", "invalid")
    for number, status in enumerate(statuses):
        journal.append(begin(number))
        journal.append(end(number, status=status))
    drain(journal)
    totals = overview(AROUND).totals

    assert (totals.success.ok, totals.success.judged, totals.requests) == (2, 4, 8)
    assert totals.by_status["cancelled"] == 1


def test_nothing_is_unknown_not_zero(journal) -> None:
    report = overview(AROUND)

    assert report.is_empty
    assert report.totals.success.share is None
    assert report.totals.latency.p50_ms is None
    assert report.totals.saved_share is None


def test_models_are_judged_by_their_attempts(journal) -> None:
    journal.append(begin(1))
    journal.append(attempt(1, 1, language_model="shaky", status="timeout", error_class="idle_timeout", cost_nusd=None))
    journal.append(attempt(1, 2, language_model="steady"))
    journal.append(end(1, language_model="steady", attempts=2))
    drain(journal)
    rows = {row.language_model: row for row in overview(AROUND).models}

    assert rows["shaky"].success.share == 0.0
    assert rows["shaky"].errors == {"idle_timeout": 1}
    assert rows["shaky"].unpriced_n == 1
    assert rows["steady"].success.share == 1.0
    assert rows["steady"].cost_nusd == attempt(1).cost_nusd


def test_the_series_add_up_to_the_totals(journal) -> None:
    for number in range(0, 3000, 100):
        journal_request(journal, number)
    drain(journal)
    report = overview(AROUND)

    assert report.step_ms == LENGTH_MS["minute"]
    assert sum(point.requests for point in report.over_time) == report.totals.requests == 30
    assert sum(point.cost_nusd for point in report.over_time) == report.totals.cost_nusd
    assert sum(point.cost_nusd for point in report.by_model["gpt-large"]) == report.totals.cost_nusd
    assert len({point.starts_at_ms for point in report.over_time}) == len(report.over_time) == 121


@pytest.mark.parametrize("length", [HOUR, 3 * HOUR, 7 * DAY, 14 * DAY, 30 * DAY])
def test_every_range_gives_the_same_sums(journal, length) -> None:
    for number in range(10):
        journal_request(journal, number)
    drain(journal)
    report = overview(Range(AT_MS + HOUR - length, AT_MS + HOUR))

    assert report.totals.requests == sum(point.requests for point in report.over_time) == 10


def test_a_range_whose_minutes_are_compacted_is_shown_by_hours(journal) -> None:
    journal_request(journal, 1)
    journal_request(journal, 100_000)
    drain(journal)
    assert overview(AROUND).step_ms == LENGTH_MS["minute"]
    RollupHorizon.objects.create(granularity="minute", kept_from_ms=AT_MS - AT_MS % HOUR + 10 * HOUR)
    report = overview(AROUND)

    assert report.step_ms == HOUR
    assert report.totals.requests == sum(point.requests for point in report.by_model["gpt-large"]) == 1


def test_sums_are_exact_to_the_minute_at_both_edges_of_a_long_range(journal) -> None:
    minute = LENGTH_MS["minute"]
    for number in range(4):
        at_ms = AT_MS + number * 20 * DAY
        journal.append(begin(number, at_ms=at_ms))
        journal.append(attempt(number, at_ms=at_ms))
        journal.append(end(number, at_ms=at_ms))
    drain(journal)
    around = Range(AT_MS, AT_MS + 40 * DAY + minute)

    assert overview(around).totals.requests == sum(point.requests for point in overview(around).over_time) == 3
    assert overview(Range(AT_MS + minute, around.ends_at_ms)).totals.requests == 2
    assert overview(Range(AT_MS + minute, AT_MS + 40 * DAY - minute)).totals.requests == 1
    assert overview(Range(AT_MS + minute, AT_MS + 40 * DAY - minute)).totals.latency.samples == 1


def test_the_overview_takes_as_many_queries_whatever_its_range(journal, django_assert_num_queries) -> None:
    journal_request(journal, 1)
    drain(journal)
    for length in (HOUR, DAY, 400 * DAY):
        with django_assert_num_queries(8):
            overview(Range(AT_MS + HOUR - length, AT_MS + HOUR))


def test_other_origins_stay_out_unless_asked(journal) -> None:
    for number, origin in enumerate(("live", "sample", "playground", "probe")):
        journal.append(begin(number, origin=origin))
        journal.append(attempt(number))
        journal.append(end(number))
    drain(journal)

    assert overview(AROUND).totals.requests == 1
    assert overview(AROUND, Filters(shown_origins(has_sample_data=True))).totals.requests == 2
    assert overview(AROUND, Filters(("playground",))).models[0].attempts == 1


def test_filters_narrow_what_users_saw(journal) -> None:
    journal_request(journal, 1)
    journal.append(begin(2, key="other", decision=decision(policy="sales", rule="default")))
    journal.append(end(2))
    drain(journal)

    assert overview(AROUND, Filters(key="other")).totals.requests == 1
    assert overview(AROUND, Filters(policy="support", rule="r1", task="code", team="apps")).totals.requests == 1
    assert overview(AROUND, Filters(language_model="none")).is_empty


def test_rule_hits_are_by_version_and_rule(journal) -> None:
    for number in range(3):
        journal.append(begin(number, decision=decision(rule="r2" if number else "r1")))
        journal.append(end(number))
    drain(journal)
    hits = rule_hits("support", AT_MS - HOUR, AT_MS + HOUR)

    assert [(hit.policy_version, hit.rule, hit.requests) for hit in hits] == [(3, "r2", 2), (3, "r1", 1)]
    assert rule_hits("sales", AT_MS - HOUR, AT_MS + HOUR) == ()


@pytest.mark.parametrize("series", [1, 8, 60])
@pytest.mark.parametrize("days", [0.1, 1, 13, 15, 400, 4000])
def test_a_chart_never_has_more_points_than_agreed(series, days) -> None:
    span = Range(AT_MS - int(days * DAY), AT_MS)
    step = step_of(span, series)

    assert step % LENGTH_MS[span.granularity] == 0
    assert -(-(span.ends_at_ms - span.first_period_ms) // step) * series <= MOST_POINTS
    assert STEPS.keys() == LENGTH_MS.keys()


def test_a_range_that_ends_before_it_starts_is_refused() -> None:
    with pytest.raises(ValueError, match="must end after"):
        Range(5, 5)
