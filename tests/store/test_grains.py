import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerapp.store.grains import DAY, GRAINS, HOUR, MINUTE, Piece, finest_kept, pieces
from routerapp.store.rollups import LENGTH_MS

DAY_MS, HOUR_MS, MINUTE_MS = LENGTH_MS[DAY], LENGTH_MS[HOUR], LENGTH_MS[MINUTE]
instants = st.integers(0, 400 * DAY_MS)


@settings(deadline=None)
@given(instants, instants, st.sampled_from(GRAINS), st.integers(0, 400), st.integers(0, 9600))
def test_pieces_cover_the_range_without_gap_or_overlap_and_are_few(
    one, other, coarsest, hours_from, minutes_from
) -> None:
    from_ms, to_ms = min(one, other), max(one, other) + 1
    kept = {HOUR: hours_from * DAY_MS, MINUTE: max(hours_from * DAY_MS, minutes_from * HOUR_MS)}
    coarsest = max(coarsest, finest_kept(from_ms, kept), key=GRAINS.index)
    found = pieces(from_ms, to_ms, coarsest, kept)

    assert len(found) <= 5
    assert all(before.to_ms == after.from_ms for before, after in itertools.pairwise(found))
    assert found[0].from_ms <= from_ms < to_ms <= found[-1].to_ms
    for piece in found:
        length_ms = LENGTH_MS[piece.granularity]
        assert piece.from_ms < piece.to_ms
        assert piece.from_ms % length_ms == piece.to_ms % length_ms == 0
        assert piece.from_ms >= kept.get(piece.granularity, 0)
    if from_ms >= kept[MINUTE]:
        assert from_ms - found[0].from_ms < MINUTE_MS
        assert found[-1].to_ms - to_ms < MINUTE_MS


def test_whole_days_are_read_as_days_and_the_edges_finer() -> None:
    start = 3 * DAY_MS + 22 * HOUR_MS + 30 * MINUTE_MS
    end = 6 * DAY_MS + HOUR_MS + 5

    assert pieces(start, end, DAY, {}) == (
        Piece(MINUTE, start, 3 * DAY_MS + 23 * HOUR_MS),
        Piece(HOUR, 3 * DAY_MS + 23 * HOUR_MS, 4 * DAY_MS),
        Piece(DAY, 4 * DAY_MS, 6 * DAY_MS),
        Piece(HOUR, 6 * DAY_MS, 6 * DAY_MS + HOUR_MS),
        Piece(MINUTE, 6 * DAY_MS + HOUR_MS, 6 * DAY_MS + HOUR_MS + MINUTE_MS),
    )


@pytest.mark.parametrize(
    ("kept", "first"), [({MINUTE: 9 * DAY_MS}, HOUR), ({MINUTE: 9 * DAY_MS, HOUR: 9 * DAY_MS}, DAY)]
)
def test_where_the_finer_are_gone_the_edge_is_as_coarse_as_what_is_left(kept, first) -> None:
    start = 3 * DAY_MS + 22 * HOUR_MS + 30 * MINUTE_MS
    found = pieces(start, 5 * DAY_MS, DAY, kept)

    assert found[0].granularity == first
    assert found[0].from_ms == start - start % LENGTH_MS[first]
