from __future__ import annotations

import subprocess
import sys
from collections import Counter

import pytest

from routerapp.engine.bucketing import exponential_race, pick_share, rendezvous, u, unit_hash


def test_draws_are_the_same_in_every_process():
    code = (
        "from routerapp.engine.bucketing import u, unit_hash; print(u(7, 'weighted', 'r1', 'a'), unit_hash('s', 'u'))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.split() == [str(u(7, "weighted", "r1", "a")), str(unit_hash("s", "u"))]


def test_each_use_has_a_draw_of_its_own():
    draws = {u(1, "a", "r", "d"), u(2, "a", "r", "d"), u(1, "b", "r", "d"), u(1, "a", "s", "d"), u(1, "a", "r", "e")}

    assert len(draws) == 5
    assert all(0 <= draw < 1 for draw in draws)
    assert u(-1, "a", "r", "d") == u(2**64 - 1, "a", "r", "d")


def test_draws_are_even():
    counts = Counter(int(u(seed, "even", "r", "d") * 10) for seed in range(5_000))

    assert all(400 < count < 600 for count in counts.values())


def test_a_race_is_won_in_proportion_to_the_weight():
    wins = 0
    for seed in range(4_000):
        wins += exponential_race(u(seed, "race", "r", "a"), 3) < exponential_race(u(seed, "race", "r", "b"), 1)

    assert wins / 4_000 == pytest.approx(0.75, abs=0.025)


def test_shares_are_taken_in_order():
    shares = {"a": 1, "never": 0, "b": 3}

    assert [pick_share(point, shares) for point in (0.0, 0.24, 0.25, 0.999999)] == ["a", "a", "b", "b"]


def test_removing_one_name_moves_only_its_own_units():
    weights = {"a": 1.0, "b": 2.0, "c": 1.0}
    without = {"a": 1.0, "c": 1.0}
    held = [rendezvous(f"unit-{number}", weights)[0] for number in range(2_000)]
    after = [rendezvous(f"unit-{number}", without)[0] for number in range(2_000)]

    assert all(now == was for was, now in zip(held, after, strict=True) if was != "b")
    assert held.count("b") / 2_000 == pytest.approx(0.5, abs=0.04)
