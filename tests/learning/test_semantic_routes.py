"""Thresholds are fitted to the examples alone, and what they get right is counted with each example left out."""

from __future__ import annotations

import numpy as np
import pytest

from routerapp.learning.semantic_routes import UNFITTED, fit_thresholds, share_routed_right, similarities


def around(centre, n=6, spread=0.12, seed=1):
    noise = np.random.Generator(np.random.PCG64(seed)).normal(0, spread, (n, 8))
    rows = np.eye(8)[centre] + noise
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


APART = {"one": around(0), "two": around(1, seed=2), "three": around(2, seed=3)}


def test_similarity_is_the_cosine_to_the_nearest_example():
    found = similarities(
        np.eye(8, dtype=np.float32)[0], {"x": np.eye(8, dtype=np.float32)[:2], "y": -np.eye(8, dtype=np.float32)[:1]}
    )

    assert found == {"x": 1.0, "y": -1.0}
    assert similarities(np.zeros(8, np.float32), {"x": APART["one"]}) == {"x": 0.0}


def test_routes_that_lie_apart_get_all_of_their_own_and_none_of_the_others():
    fits = fit_thresholds(APART)

    assert all(fit.recall >= 0.8 and fit.false_share == 0 for fit in fits.values())
    assert share_routed_right(APART, {name: fit.threshold for name, fit in fits.items()}) >= 0.8


def test_routes_of_the_same_examples_cannot_be_told_apart_and_it_shows():
    same = {"one": around(0), "two": around(0, seed=9)}

    assert (
        max(fit.false_share for fit in fit_thresholds(same).values()) > 0.3
        or min(fit.recall for fit in fit_thresholds(same).values()) < 0.7
    )


def test_with_nothing_to_tell_from_the_usual_threshold_stays():
    assert fit_thresholds({"one": APART["one"]})["one"].threshold == UNFITTED
    alone = fit_thresholds({"one": APART["one"][:1], "two": APART["two"][:1]})
    assert {fit.threshold for fit in alone.values()} == {UNFITTED}
    with pytest.raises(ValueError, match="at least one"):
        fit_thresholds({})
