"""Unknown is said, digits are kept where they count, and rounding never claims all or nothing."""

from __future__ import annotations

import pytest

from dashboard.templatetags.numbers import duration, exact_money, money, share


@pytest.mark.parametrize(
    ("nusd", "words"),
    [
        (None, "unknown"),
        (0, "$0.00"),
        (1, "$0.000000001"),
        (4_123_456, "$0.00412"),
        (500_000_000, "$0.50"),
        (1_234_567_890, "$1.23"),
        (1_234_567_890_000, "$1,234.57"),
        (-4_100_000, "−$0.00410"),
    ],
)
def test_money_at_a_glance(nusd, words):
    assert money(nusd) == words


def test_exact_money_keeps_every_digit():
    assert exact_money(11_217_003) == "$0.011217003"
    assert exact_money(None) == "unknown"


@pytest.mark.parametrize(
    ("ms", "words"),
    [(None, "unknown"), (420.4, "420 ms"), (4_200, "4.20 s"), (42_000, "42.0 s"), (125_000, "2 min 5 s")],
)
def test_durations(ms, words):
    assert duration(ms) == words


@pytest.mark.parametrize(
    ("fraction", "words"),
    [(None, "unknown"), (0, "0 %"), (1, "100 %"), (0.932, "93.2 %"), (0.99999, "99.99 %"), (0.0004, "0.04 %")],
)
def test_shares_say_all_and_nothing_only_when_true(fraction, words):
    assert share(fraction) == words
