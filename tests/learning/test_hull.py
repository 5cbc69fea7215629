"""Hulls of points in the cost-quality plane, against values worked out by hand."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.learning.hull import hull_of


def rows(*values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64)


def test_keeps_the_corners_and_drops_what_lies_under_the_line_between_them() -> None:
    hull = hull_of(rows([1, 2, 3, 4]), rows([0.2, 0.3, 0.8, 0.9]))

    assert hull.corners() == [(1.0, 0.2), (3.0, 0.8), (4.0, 0.9)]


def test_never_falls_where_more_cost_buys_less_quality() -> None:
    hull = hull_of(rows([1, 2, 3]), rows([0.5, 0.9, 0.7]))

    assert hull.corners()[:2] == [(1.0, 0.5), (2.0, 0.9)]
    assert hull.area(np.array([1.0]), np.array([3.0]))[0] == pytest.approx(0.7 + 0.9)


def test_of_points_with_one_cost_only_the_best_counts() -> None:
    hull = hull_of(rows([1, 1, 1, 2]), rows([0.1, 0.6, 0.3, 0.6]))

    assert hull.corners()[0] == (1.0, 0.6)
    assert hull.area(np.array([1.0]), np.array([2.0]))[0] == pytest.approx(0.6)


def test_area_is_cut_to_the_range_and_flat_right_of_the_last_corner() -> None:
    hull = hull_of(rows([0, 2]), rows([0.0, 1.0]))

    assert hull.area(np.array([1.0]), np.array([4.0]))[0] == pytest.approx(0.75 + 2.0)


def test_says_at_what_cost_a_quality_is_reached() -> None:
    hull = hull_of(rows([1, 3]), rows([0.5, 0.9]))

    assert hull.cost_at(np.array([0.7]))[0] == pytest.approx(2.0)
    assert hull.cost_at(np.array([0.4]))[0] == pytest.approx(1.0)
    assert np.isnan(hull.cost_at(np.array([0.95]))[0])


def test_each_draw_has_its_own_hull() -> None:
    hull = hull_of(rows([1, 2, 3], [3, 2, 1]), rows([0.1, 0.2, 0.9], [0.1, 0.8, 0.7]))

    assert hull.corners(0) == [(1.0, 0.1), (3.0, 0.9)]
    assert hull.corners(1)[:2] == [(1.0, 0.7), (2.0, 0.8)]


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=12))
def test_no_point_lies_above_its_hull_and_every_corner_is_concave(points: list[tuple[int, int]]) -> None:
    cost, quality = (np.array([[point[axis] for point in points]], dtype=np.float64) for axis in (0, 1))
    corners = hull_of(cost, quality).corners()
    at = np.interp(cost[0], [x for x, _ in corners], [y for _, y in corners])

    assert (quality[0] <= at + 1e-9).all()
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(corners) if b[0] > a[0]]
    assert slopes == sorted(slopes, reverse=True)
    assert all(slope >= 0 for slope in slopes)
