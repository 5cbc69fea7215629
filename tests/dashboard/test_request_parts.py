"""The arithmetic and the waterfall of one request."""

from __future__ import annotations

from dashboard.arithmetic import cost_sheet
from dashboard.waterfall import waterfall
from routerapp.engine.answer_checks import CHECKS
from routerapp.models import AttemptRow, RoutedRequest
from routerapp.serving.answer_acceptance import NOT_ACCEPTED

PRICED = {
    "input_nusd_per_mtok": 2_500_000_000,
    "output_nusd_per_mtok": 10_000_000_000,
    "cached_input_nusd_per_mtok": 250_000_000,
}


def an_attempt(**fields) -> AttemptRow:
    return AttemptRow(**{"number": 1, "at_ms": 1_000, "latency_ms": 400, "status": "ok", "role": "primary"} | fields)


def test_the_cost_is_shown_digit_by_digit():
    attempt = an_attempt(**PRICED, input_tokens=413, cached_tokens=100, output_tokens=7, cost_nusd=877_500)
    sheet = cost_sheet(RoutedRequest(cost_nusd=877_500), [attempt])

    assert sheet is not None
    lines = sheet.attempts[0].lines
    assert [(line.name, line.tokens, line.amount_usd) for line in lines] == [
        ("Input", 313, "0.0007825"),
        ("Cached input", 100, "0.000025"),
        ("Output", 7, "0.00007"),
    ]
    assert (sheet.attempts[0].computed_nusd, sheet.sum_nusd, sheet.is_equal) == (877_500, 877_500, True)


def test_writes_to_a_prompt_cache_are_a_line_of_their_own():
    rates = PRICED | {"cache_write_nusd_per_mtok": 3_125_000_000}
    used = {"input_tokens": 1_413, "cached_tokens": 100, "cache_write_tokens": 1_000, "output_tokens": 7}
    sheet = cost_sheet(RoutedRequest(cost_nusd=4_002_500), [an_attempt(**rates, **used, cost_nusd=4_002_500)])

    assert sheet is not None
    assert [(line.name, line.tokens, line.amount_usd) for line in sheet.attempts[0].lines] == [
        ("Input", 313, "0.0007825"),
        ("Cached input", 100, "0.000025"),
        ("Cache writes", 1_000, "0.003125"),
        ("Output", 7, "0.00007"),
    ]
    assert (sheet.attempts[0].computed_nusd, sheet.attempts[0].problem) == (4_002_500, "")


def test_a_recorded_cost_that_does_not_follow_is_marked():
    attempt = an_attempt(**PRICED, input_tokens=1_000, output_tokens=0, cost_nusd=1)
    sheet = cost_sheet(RoutedRequest(cost_nusd=2), [attempt])

    assert sheet is not None
    assert sheet.attempts[0].problem == "differs from what was recorded"
    assert not sheet.is_equal


def test_unpriced_is_not_free():
    sheet = cost_sheet(RoutedRequest(), [an_attempt(input_tokens=5, output_tokens=5)])

    assert sheet is not None
    assert "unpriced" in sheet.attempts[0].problem
    assert sheet.attempts[0].computed_nusd is None


def test_bars_follow_each_other_on_one_axis():
    first = an_attempt(at_ms=1_000, latency_ms=400, status="timeout")
    second = an_attempt(at_ms=1_500, latency_ms=500, connect_ms=100, ttft_ms=250)
    drawn = waterfall(RoutedRequest(at_ms=1_000, latency_ms=1_000), [first, second])

    assert drawn is not None
    assert drawn.total_ms == 1_000
    assert [(bar.phase, bar.x, bar.width) for bar in drawn.lanes[0].bars] == [("wait", 0, 400)]
    assert [(bar.phase, bar.x, bar.width) for bar in drawn.lanes[1].bars] == [
        ("connect", 500, 100),
        ("wait", 600, 150),
        ("answer", 750, 250),
    ]


def test_an_instant_failure_still_has_a_bar_and_nothing_called_has_no_waterfall():
    drawn = waterfall(RoutedRequest(at_ms=1_000, latency_ms=None), [an_attempt(latency_ms=0, status="upstream_error")])

    assert drawn is not None
    assert drawn.lanes[0].bars[0].width > 0
    assert waterfall(RoutedRequest(at_ms=1), []) is None


def test_every_check_that_an_answer_did_not_pass_is_said_in_words():
    refused = ",".join(NOT_ACCEPTED + kind for kind in CHECKS)
    drawn = waterfall(RoutedRequest(at_ms=1_000, latency_ms=400), [an_attempt(warnings=refused + ",usage_missing")])

    assert drawn is not None
    *notes, other = drawn.lanes[0].notes
    assert len(notes) == len(CHECKS)
    assert all(note.startswith("Not taken: ") and "_" not in note for note in notes)
    assert other == "usage_missing"
