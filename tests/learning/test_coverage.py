"""Choosing prompts for a calibration: every kind is there, in about its share, and the same ones each time."""

from __future__ import annotations

import numpy as np
import pytest

from routerapp.learning.coverage import cover, shares


def clusters(sizes: list[int], seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Points around as many unit vectors as there are sizes, and which of them each belongs to."""
    draw = np.random.Generator(np.random.PCG64(seed))
    member = np.repeat(np.arange(len(sizes)), sizes)
    return np.eye(len(sizes), 16)[member] + draw.normal(scale=0.02, size=(len(member), 16)), member


def test_every_cluster_gives_at_least_one_even_when_one_holds_nearly_all():
    points, member = clusters([900] + [6] * 9)

    sample = cover(points, 60, seed=3)

    assert len(sample.at) == len(set(sample.at)) == 60
    assert set(member[list(sample.at)].tolist()) == set(range(10))
    assert np.bincount(member[list(sample.at)])[0] >= 30, "a large cluster keeps about its share"


def test_drawing_evenly_would_have_missed_some():
    points, member = clusters([900] + [6] * 9)
    even = np.random.Generator(np.random.PCG64(3)).choice(len(points), 60, replace=False)

    assert len(set(member[even].tolist())) < len(set(member[list(cover(points, 60, seed=3).at)].tolist()))


def test_the_same_seed_chooses_the_same_and_another_one_others():
    points, _ = clusters([200, 100, 30])

    assert cover(points, 40, seed=5) == cover(points.copy(), 40, seed=5)
    assert cover(points, 40, seed=5).at != cover(points, 40, seed=6).at


def test_copies_of_one_prompt_come_last():
    points = np.vstack([np.zeros((500, 4)), np.eye(4), 2 * np.eye(4)])

    sample = cover(points, 12, seed=0)

    assert set(range(500, 508)) <= set(sample.at)


def test_takes_all_where_there_are_no_more_and_fills_up_among_copies():
    assert cover(np.eye(3), 20, seed=0).at == (0, 1, 2)
    assert len(cover(np.zeros((50, 3)), 20, seed=0).at) == 20


@pytest.mark.parametrize(
    ("members", "count", "taken"),
    [([90, 5, 5], 10, [8, 1, 1]), ([1, 1, 98], 50, [1, 1, 48]), ([2, 2, 2], 5, [2, 2, 1]), ([3, 4], 7, [3, 4])],
)
def test_shares_are_proportional_with_one_each(members, count, taken):
    assert shares(np.array(members), count).tolist() == taken


@pytest.mark.parametrize(("points", "count"), [(np.eye(3), 0), (np.zeros(3), 1)])
def test_nonsense_is_refused(points, count):
    with pytest.raises(ValueError, match=r"At least 1|a table"):
        cover(points, count, seed=0)
