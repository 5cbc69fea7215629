"""The grid of a number under search stays quick and true, however large the number that somebody wrote into a policy."""

from __future__ import annotations

import pytest

from routerapp.engine.levers.lever import ONE, THOUSANDTH, Grid, Handle, Number, Owner
from routerapp.engine.track import track_of

HANDLE = Handle(Owner.PEOPLE, "condition", "support", "rules[0].when.value")


@pytest.mark.parametrize("grid", [ONE, THOUSANDTH, Grid(100_000)])
@pytest.mark.parametrize("value", [0.3, 5, 1e15 + 0.3, 1e300, -1e300])
def test_a_place_next_to_any_value_is_found_at_once(grid: Grid, value: float) -> None:
    assert grid.value(grid.at_most(value)) <= value <= grid.value(grid.at_least(value))


def test_a_track_between_huge_values_is_as_long_as_its_bound_allows() -> None:
    number = Number(HANDLE, 1e290, lambda situation, value: situation, THOUSANDTH, 0.0, 1e300)
    track = track_of(number, 1, 2.0)

    assert number.size(track.value(track.length)) < 2.0 <= number.size(track.value(2 * track.length))
