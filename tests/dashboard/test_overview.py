"""The overview: its numbers, charts, ranges, live panel and exports, empty and full."""

from __future__ import annotations

import json

import pytest

from dashboard.charts import share_range
from routerapp.models import InstallationState
from tests.dashboard.recorded import record_traffic

pytestmark = pytest.mark.django_db
LIVE = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#live"}


def test_an_empty_installation_says_what_to_do(viewer):
    page = viewer.get("/")

    assert page.status_code == 200
    assert "Nothing to route to yet" in page.text and "Set up models" in page.text
    assert "data-chart" not in page.text


def test_numbers_rest_on_rows_and_unknown_is_said(viewer, tmp_path):
    record_traffic(tmp_path, {}, {}, {"status": "timeout"}, {"is_priced": False, "model": "local"})
    tiles = {tile.label: tile for tile in viewer.get("/").context["tiles"]}

    assert tiles["Requests"].figure == "4"
    assert (tiles["Cost"].figure, tiles["Cost"].note) == ("$0.000600", "2 unpriced, not counted")
    assert tiles["Saved against baseline"].figure == "$0.00120"
    assert (tiles["Success"].figure, tiles["Success"].note) == ("75.0 %", "3 of 4")
    assert tiles["Latency, median"].note == "3 samples"


def test_all_unpriced_is_unknown_not_zero(viewer, tmp_path):
    record_traffic(tmp_path, {"is_priced": False})
    tiles = {tile.label: tile for tile in viewer.get("/").context["tiles"]}

    assert (tiles["Cost"].figure, tiles["Cost"].is_known) == ("unknown", False)
    assert tiles["Saved against baseline"].figure == "unknown"


def test_each_chart_has_a_finding_a_table_a_csv_and_its_data(viewer, tmp_path):
    record_traffic(tmp_path, {}, {"model": "gpt-large"})
    page = viewer.get("/?range=24h")

    assert len(page.context["charts"]) == 10
    for chart in page.context["charts"]:
        assert chart.finding.endswith(".")
        assert f'id="{chart.data_id}"' in page.text
        assert len(chart.columns) == len(chart.rows[0])
        response = viewer.get(chart.csv_url)
        lines = response.text.splitlines()
        assert response["Content-Type"].startswith("text/csv")
        assert lines[0] == ",".join(chart.csv_columns)
        assert len(lines) == len(chart.csv_rows) + 1


@pytest.mark.parametrize("name", ["1h", "24h", "7d", "30d"])
def test_no_chart_has_more_than_2000_points(viewer, tmp_path, name):
    record_traffic(tmp_path, *({"model": f"model-{n}", "ago_ms": n * 60_000} for n in range(30)))

    for chart in viewer.get(f"/?range={name}").context["charts"]:
        assert sum(len(trace["x"]) for trace in chart.figure["data"]) <= 2_000
        json.dumps(chart.figure, allow_nan=False)


def test_the_eighth_model_and_on_are_drawn_together(viewer, tmp_path):
    record_traffic(tmp_path, *({"model": f"model-{n}"} for n in range(10)))
    chart = viewer.get("/").context["charts"][0]

    assert len(chart.legend) == 8
    assert chart.legend[-1] == ("other", "other")
    assert sum(sum(trace["y"]) for trace in chart.figure["data"]) == 10


def test_sample_data_shows_only_while_the_installation_has_it(viewer, tmp_path):
    record_traffic(tmp_path, {"origin": "sample"}, {"origin": "playground"}, {"origin": "live"})
    counts = []
    for has_sample_data in (False, True):
        InstallationState.objects.update_or_create(id=1, defaults={"sample_data": has_sample_data})
        counts.append(viewer.get("/").context["report"].totals.requests)

    assert counts == [1, 2]
    assert viewer.get("/?origin=playground").context["report"].totals.requests == 1
    assert viewer.get("/?origin=all").context["report"].totals.requests == 3


def test_the_badge_offers_removal_to_admins_only(signed_in):
    InstallationState.objects.update_or_create(id=1, defaults={"sample_data": True})

    assert "sample-data/remove" in signed_in("admin").get("/").text
    page = signed_in("viewer").get("/").text
    assert "Sample data" in page
    assert "sample-data/remove" not in page


def test_the_live_panel_answers_nothing_until_something_was_recorded(viewer, tmp_path, monkeypatch):
    monkeypatch.setattr("dashboard.freshness.ranges.now_ms", lambda: 60_000)
    seen = viewer.get("/").context["seen"]

    assert viewer.get("/", {"seen": seen}, headers=LIVE).status_code == 204

    record_traffic(tmp_path, {})
    fragment = viewer.get("/", {"seen": seen}, headers=LIVE)
    assert fragment.status_code == 200
    assert fragment.context["seen"] != seen


def test_the_live_panel_is_the_page_without_its_frame(viewer, tmp_path):
    record_traffic(tmp_path, {})
    fragment = viewer.get("/", headers=LIVE)

    assert fragment.text.lstrip().startswith('<div class="stack" id="live"')
    assert "<html" not in fragment.text
    assert "HX-Request" in fragment["Vary"]


def test_a_range_that_has_ended_is_not_live(viewer):
    page = viewer.get("/?start=2026-01-01T00:00&end=2026-01-02T00:00")

    assert page.status_code == 200
    assert "data-live" not in page.text


@pytest.mark.parametrize(
    "query",
    [
        "range=9y",
        "start=yesterday",
        "start=2026-02-01T00:00&end=2026-01-01T00:00",
        "start=1990-01-01T00:00",
        "origin=mars",
    ],
)
def test_a_range_that_cannot_be_used_is_refused_with_the_page(viewer, query):
    page = viewer.get(f"/?{query}")

    assert page.status_code == 422
    assert "This range cannot be shown" in page.text


def test_an_unknown_chart_is_not_found(viewer):
    assert viewer.get("/charts/nonsense/csv/").status_code == 404


def test_the_api_call_beside_a_chart_asks_for_the_same_traffic(viewer, tmp_path):
    record_traffic(tmp_path, {})
    chart = viewer.get("/?range=7d&origin=live").context["charts"][0]

    assert "/api/reports/overview?from_ms=" in chart.api_call
    assert "&origin=live'" in chart.api_call
    assert "to_ms" not in chart.api_call


def test_the_numbers_lead_to_the_very_rows_they_count(viewer, tmp_path):
    InstallationState.objects.update_or_create(id=1, defaults={"sample_data": True})
    record_traffic(tmp_path, {}, {"origin": "sample"}, {"origin": "playground"}, {"ago_ms": 3 * 86_400_000})
    page = viewer.get("/?range=24h")
    tile = page.context["tiles"][0]

    assert tile.figure == "2"
    assert len(viewer.get(tile.url).context["page"].rows) == 2


@pytest.mark.parametrize(
    ("percents", "lowest"), [([100.0, 100.0], 98.9), ([100.0, None, 95.0], 94.6), ([0.0], 0.0), ([None], 0.0)]
)
def test_the_axis_of_success_ends_just_above_all(percents, lowest):
    bottom, top = share_range(percents)

    assert bottom == pytest.approx(lowest, abs=0.05)
    assert 100 < top <= 105
