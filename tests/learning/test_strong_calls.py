"""Gap recovered against share of strong calls: chance is .500, and 80 % of the gap takes 80 % of the calls."""

import numpy as np
import pytest

from routerapp.learning.strong_calls import gap_curve

EVEN = np.full((1, 10), 0.1)
STRONG = np.array([1.0] * 8 + [0.0] * 2)
WEAK = np.array([1.0] * 3 + [0.0] * 6 + [1.0])


def test_a_router_that_knows_nothing_gets_half_the_gap_and_needs_the_share_it_recovers() -> None:
    curve = gap_curve(np.zeros(10), STRONG, WEAK, EVEN)

    assert curve.area()[0] == pytest.approx(0.5)
    assert curve.share_needed(0.5)[0] == pytest.approx(0.5)
    assert curve.share_needed(0.8)[0] == pytest.approx(0.8)


def test_a_random_order_of_many_prompts_comes_to_the_same() -> None:
    generator = np.random.Generator(np.random.PCG64(1))
    strong, weak = (generator.random((2, 20_000)) < np.array([[0.8], [0.6]])).astype(np.float64)
    curve = gap_curve(generator.random(20_000), strong, weak, np.full((1, 20_000), 1 / 20_000))

    assert curve.area()[0] == pytest.approx(0.5, abs=0.02)
    assert curve.share_needed(0.8)[0] == pytest.approx(0.8, abs=0.03)


def test_knowing_where_the_strong_model_wins_recovers_more_than_all_of_the_gap_on_the_way() -> None:
    curve = gap_curve(STRONG - WEAK, STRONG, WEAK, EVEN)

    # 5 prompts won, 4 equal, 1 lost, a gap of 4: up to 5/4 at half of the calls, level until nine tenths, then down to 1.
    assert curve.recovered[0].tolist() == pytest.approx([0, 1.25, 1.25, 1.0])
    assert curve.area()[0] == pytest.approx(0.3125 + 0.5 + 0.1125)
    assert curve.share_needed(0.8)[0] == pytest.approx(0.32)


def test_the_worst_order_mirrors_the_best_one() -> None:
    curve = gap_curve(WEAK - STRONG, STRONG, WEAK, EVEN)

    assert curve.area()[0] == pytest.approx(1 - 0.925)


def test_without_a_gap_there_is_no_figure() -> None:
    curve = gap_curve(np.arange(10.0), WEAK, STRONG, EVEN)

    assert np.isnan(curve.area()[0]) and np.isnan(curve.share_needed(0.5)[0])
