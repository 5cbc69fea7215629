"""Which rollups a range is read from: whole days where it holds them, hours and minutes at its edges, as far as they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from routerapp.models import Granularity, RollupHorizon
from routerapp.store.rollups import LENGTH_MS

MINUTE, HOUR, DAY = Granularity.MINUTE.value, Granularity.HOUR.value, Granularity.DAY.value
GRAINS = (MINUTE, HOUR, DAY)


class Piece(NamedTuple):
    """Half open. Pieces of a range touch and never overlap; there are five at most."""

    granularity: str
    from_ms: int
    to_ms: int


def kept_from_ms(using: str = "default") -> dict[str, int]:
    """Granularity -> the start of the first period that is still there. Days are always kept."""
    return dict(RollupHorizon.objects.using(using).values_list("granularity", "kept_from_ms"))


def finest_kept(at_ms: int, kept: Mapping[str, int]) -> str:
    """The finest granularity that still has this instant."""
    return next((grain for grain in GRAINS if at_ms >= kept.get(grain, 0)), DAY)


def pieces(from_ms: int, to_ms: int, coarsest: str, kept: Mapping[str, int]) -> tuple[Piece, ...]:
    """The range cut into the fewest rollups. Edges are exact to the minute; where minutes (hours) are gone, to the hour (day)."""
    starts = _down(from_ms, finest_kept(from_ms, kept))
    ends = -_down(-to_ms, finest_kept(to_ms - 1, kept))
    return tuple(_cut(starts, ends, GRAINS[: GRAINS.index(coarsest) + 1]))


def _cut(from_ms: int, to_ms: int, grains: tuple[str, ...]) -> list[Piece]:
    *finer, grain = grains
    first, last = -_down(-from_ms, grain), _down(to_ms, grain)
    if not finer:
        first, last = from_ms, to_ms
    elif first >= last:
        return _cut(from_ms, to_ms, tuple(finer))
    before = _cut(from_ms, first, tuple(finer)) if from_ms < first else []
    after = _cut(last, to_ms, tuple(finer)) if last < to_ms else []
    return [*before, Piece(grain, first, last), *after]


def _down(at_ms: int, grain: str) -> int:
    return at_ms - at_ms % LENGTH_MS[grain]
