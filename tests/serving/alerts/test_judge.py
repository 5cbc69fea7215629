"""When an alert opens and closes, as a function of one value at a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.serving.alerts.judge import OpenSince, Step, judge

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WINDOW = timedelta(minutes=15)


@pytest.mark.parametrize(
    ("value", "incident", "step"),
    [
        (0.2, None, Step.OPENS),
        (0.19, None, Step.NOTHING),
        (None, None, Step.NOTHING),
        (0.2, OpenSince(), Step.HOLDS),
        (0.5, OpenSince(NOW - 2 * WINDOW), Step.HOLDS),
        (0.1, OpenSince(), Step.CALM),
        (None, OpenSince(), Step.CALM),
        (0.1, OpenSince(NOW - WINDOW + timedelta(seconds=1)), Step.CALM),
        (0.1, OpenSince(NOW - WINDOW), Step.CLOSES),
        (None, OpenSince(NOW - WINDOW), Step.CLOSES),
    ],
)
def test_opens_at_the_threshold_and_closes_after_a_whole_calm_window(value, incident, step):
    assert judge(value, 0.2, incident, NOW, WINDOW) is step


@given(st.lists(st.sampled_from([0.0, 0.1, 0.2, 0.9, None]), max_size=60))
def test_no_sequence_of_values_closes_it_within_a_window_of_one_that_reached_the_threshold(values):
    incident, last_over = None, None
    for minute, value in enumerate(values):
        now = NOW + timedelta(minutes=minute)
        match judge(value, 0.2, incident, now, WINDOW):
            case Step.OPENS | Step.HOLDS:
                assert value is not None and value >= 0.2
                incident, last_over = OpenSince(), now
            case Step.CALM:
                assert incident is not None
                incident = OpenSince(incident.calm_since or now)
            case Step.CLOSES:
                assert last_over is not None and now - last_over > WINDOW
                incident = None
            case Step.NOTHING:
                assert incident is None and (value is None or value < 0.2)
