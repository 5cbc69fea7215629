"""From a stored run to ratios, bars, Markdown and chart: right sums, nothing that failed is left unsaid."""

from __future__ import annotations

import copy
import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from benchmarks.chart import draw
from benchmarks.comparison import compare
from benchmarks.report import BEGIN, END, publish, write_report


def load(
    *, p50: float, cpu: float = 0, answers: int = 1_000, errors: int = 0, rate: float = 100, **more: Any
) -> dict[str, Any]:
    """One run of the load generator, CPU in microseconds a request."""
    times = {"samples": answers, "mean": p50, "p50": p50, "p95": 2 * p50, "p99": 3 * p50}
    return {
        "rate": rate,
        "planned": answers + errors,
        "answers": answers,
        "answers_per_second": 1e6 / cpu if cpu else 20_000,
        "most_in_flight": 10,
        "errors": errors,
        "error_kinds": {"status": errors, "closed": 0},
        "first_error": "HTTP/1.1 500" if errors else "",
        "latency_us": times,
        "first_token_us": times,
        "chunk_delay_us": times,
        "cpu": {"worker_us": cpu * answers + 1_000, "tree_us": 2 * cpu * answers + 100, "seconds": 1},
        **more,
    }


def gateway(label: str, *, cpu: float, slow: float, streams: str = "32", **more: Any) -> dict[str, Any]:
    """A subject that takes so much CPU a request and so many microseconds longer than the mock."""
    half = load(p50=slow, cpu=cpu)
    half["cpu_with_draining"] = {"worker_us": cpu * 1_000 + 5_000, "tree_us": 3 * cpu * 1_000 + 500, "seconds": 5}
    each = {
        "half": half,
        "saturation": load(p50=slow, cpu=cpu),
        "50 KB": load(p50=slow, cpu=2 * cpu),
        "alone": load(p50=50 + slow, cpu=cpu),
        "low": load(p50=100 + slow, cpu=cpu + 1),
        "hundred": load(p50=50_000 + slow, cpu=cpu, rate=1_900),
        "streams": {streams: {**load(p50=50_100 + slow, cpu=11 * cpu, answers=10), "streams": 32, "chunks_each": 200}},
    }
    held = {"streams": 100, "rss_before_kib": 1_000, "rss_during_kib": 3_000, "load": load(p50=1, answers=100)}
    memory = {"worker_rss_kib": [102_400], "worker_pss_kib": [51_200], "tree_pss_kib": 204_800}
    return {
        "label": label,
        "rounds": [copy.deepcopy(each), copy.deepcopy(each), copy.deepcopy(each)],
        "idle_us_per_second": {"worker": 1_000, "tree": 100},
        "open_streams": held,
        "memory_at_end": memory,
        **more,
    }


@pytest.fixture
def run() -> dict[str, Any]:
    direct = {
        "saturation": load(p50=10),
        "alone": load(p50=50),
        "low": load(p50=100),
        "hundred": load(p50=50_000),
        "streams": {
            number: load(p50=50_100, streams=int(number), chunks_each=200, answers=10) for number in ("2", "8", "32")
        },
    }
    stored = {
        "at": "2026-11-23T12:00:00+00:00",
        "minutes": 15.0,
        "machine": {
            "cpu": "A CPU",
            "cores": 2,
            "memory_gib": 8,
            "system": "Linux",
            "python": "3.11",
            "load_average": 0.1,
        },
        "cores": {"server": 0, "mock and load": 1},
        "versions": {"signalbox": "abc", "litellm": "1", "portkey": "2"},
        "rounds": 3,
        "left_out": {"Signalbox, two workers": "SIGNALBOX_WORKERS cannot be used."},
        "subjects": {
            "direct": {"label": "direct to the mock", "rounds": [direct] * 3},
            "signalbox": gateway("Signalbox, all features on", cpu=150, slow=400),
            "plain": gateway("Signalbox, all features off", cpu=120, slow=300),
            "limits": gateway("limits and budgets", cpu=126, slow=300),
            "litellm": gateway("LiteLLM proxy", cpu=15_000, slow=20_000, streams="2"),
            "portkey": gateway("Portkey gateway", cpu=750, slow=1_000, streams="8"),
        },
    }
    return dict(json.loads(json.dumps(stored)))


def test_ratios_are_of_medians_in_the_same_run(run: dict[str, Any]) -> None:
    run["subjects"]["litellm"]["rounds"][0]["half"]["cpu"]["worker_us"] = 1e12

    compared = compare(run)

    assert compared["subjects"]["signalbox"]["cpu_us"] == 150
    assert compared["ratios"]["litellm"]["cpu_us"] == 100
    assert compared["ratios"]["portkey"]["cpu_us"] == 5
    assert compared["ratios"]["portkey"]["requests_per_second"] == 5


def test_latency_is_what_is_added_to_the_mock_asked_directly(run: dict[str, Any]) -> None:
    ours = compare(run)["subjects"]["signalbox"]

    assert ours["alone_added_p50_ms"] == 0.4
    assert ours["low_added_p50_ms"] == 0.4
    assert ours["low_added_p99_ms"] == 1.2
    assert ours["first_token_added_p50_ms"] == 0.4
    assert ours["hundred_in_flight"] == pytest.approx(95.8)


def test_a_chunk_costs_what_a_stream_costs_beyond_a_plain_request(run: dict[str, Any]) -> None:
    ours = compare(run)["subjects"]["signalbox"]

    assert ours["cpu_chunk_us"] == (11 * 150 - 150) / 200
    assert ours["cpu_stream_by_chunk_us"] == pytest.approx(11 * 150 / 200, abs=0.1)
    assert ours["kib_per_open_stream"] == 20


def test_what_doing_nothing_costs_is_taken_off(run: dict[str, Any]) -> None:
    ours = compare(run)["subjects"]["signalbox"]

    assert (ours["cpu_us"], ours["shared_rate_cpu_us"], ours["tree_cpu_us"]) == (150, 151, 450)
    assert ours["idle_worker_us"] == 1_000


def test_bars_pass_miss_or_were_not_measured(run: dict[str, Any]) -> None:
    bars = {bar["words"]: (bar["value"], bar["verdict"]) for bar in compare(run)["bars"]}

    assert bars["CPU per request, LiteLLM's over ours"] == (100, "pass")
    assert bars["CPU per request, Portkey's over ours"] == (5, "miss")
    assert bars["two workers over one, requests/s"] == (None, "not measured")
    assert bars["features on over features off, % more CPU"] == (25, "pass")
    assert bars["open streams at once on one worker"] == (10, "miss")


def test_features_are_itemised_against_none(run: dict[str, Any]) -> None:
    items = {item["label"]: item for item in compare(run)["items"]}

    assert items["limits and budgets"]["more_us"] == 6
    assert items["limits and budgets"]["more_percent"] == 5


def test_every_run_with_errors_is_told(run: dict[str, Any]) -> None:
    run["subjects"]["portkey"]["rounds"][1]["saturation"] = load(p50=5, cpu=750, errors=7)

    text = write_report(run, compare(run))

    assert "- portkey, saturation: 7 status of 1,007 (first: HTTP/1.1 500)" in text


def test_the_report_has_machine_versions_ratios_bars_and_what_is_missing(run: dict[str, Any]) -> None:
    text = write_report(run, compare(run))

    assert "2 cores of A CPU" in text and "LiteLLM 1, Portkey gateway 2" in text
    assert "| CPU per request, µs (2 KB, half of own saturation) | 150 | 15,000 | 750 | 100.0 | 5.0 |" in text
    assert "| CPU per request, Portkey's over ours | ≥ 6 | 5.0 | miss |" in text
    assert "Not measured: Signalbox, two workers. SIGNALBOX_WORKERS cannot be used." in text
    assert "No run had an error." in text
    assert "busy" not in text


def test_a_busy_machine_is_told(run: dict[str, Any]) -> None:
    run["machine"]["load_average"] = 3.5

    assert "The machine was busy with other work" in write_report(run, compare(run))


def test_a_peer_that_could_not_be_installed_is_left_out(run: dict[str, Any]) -> None:
    del run["subjects"]["portkey"]
    run["left_out"]["Portkey gateway"] = "npm is not on this machine"

    compared = compare(run)

    assert "npm is not on this machine" in write_report(run, compared)
    assert {bar["words"]: bar["verdict"] for bar in compared["bars"]}[
        "CPU per request, Portkey's over ours"
    ] == "not measured"


def test_the_chart_is_whole_and_says_its_numbers(run: dict[str, Any]) -> None:
    picture = ElementTree.fromstring(draw(compare(run)))

    texts = [element.text for element in picture.iter("{http://www.w3.org/2000/svg}text")]
    assert {"15,000", "150", "750"} <= set(texts)
    assert "prefers-color-scheme: dark" in ElementTree.tostring(picture, encoding="unicode")


def test_publishing_replaces_what_stands_between_the_marks(run: dict[str, Any], tmp_path: Path) -> None:
    page, picture = tmp_path / "page.md", tmp_path / "picture.svg"
    page.write_text(f"# Before\n\n{BEGIN}\nthe last numbers\n{END}\n\nAfter\n")

    publish(run, compare(run), page, picture)
    publish(run, compare(run), page, picture)

    text = page.read_text()
    assert text.startswith("# Before\n") and text.endswith("\n\nAfter\n")
    assert "the last numbers" not in text and text.count("LiteLLM ÷ Signalbox") == 1
    assert picture.read_text().startswith("<svg")


def test_publishing_refuses_a_page_without_the_marks(run: dict[str, Any], tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Nothing\n")

    with pytest.raises(ValueError, match=r"page\.md needs the lines"):
        publish(run, compare(run), page, tmp_path / "picture.svg")
