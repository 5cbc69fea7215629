"""The values one number can take in one direction, in order of distance: 0 is the value of today, 1 the first step of the grid."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Any

from routerapp.engine.levers.lever import UP, Number

WIDENING = 8


@dataclass(frozen=True, slots=True)
class Track:
    """length: how many steps there are before the bound, or before a change reaches the size it must stay below."""

    number: Number
    direction: int
    begin: int
    length: int

    def value(self, distance: int) -> Any:
        if distance == 0:
            return self.number.before
        return self.number.grid.value(self.begin + self.direction * (distance - 1))

    def probes(self) -> list[int]:
        """Where to look, near to far: the far end alone if that tells; else beside every landmark, and ever wider steps."""
        if self.length < 1:
            return []
        if self.number.is_monotone:
            return [self.length]
        found = {self.length}
        for mark in self.number.landmarks:
            for place in {self.number.grid.at_most(mark), self.number.grid.at_least(mark)}:
                distance = self.direction * (place - self.begin) + 1
                found |= {distance - 1, distance, distance + 1}
        distance = 1
        while self.number.is_wide and distance < self.length:
            found.add(distance)
            distance *= WIDENING
        return sorted(place for place in found if 1 <= place <= self.length)


def track_of(number: Number, direction: int, below: float) -> Track:
    """below: the size a change must stay under to be of use."""
    grid = number.grid
    if number.before is None:
        origin = number.origin or 0
        begin = grid.at_least(origin) if direction == UP else grid.at_most(origin)
    elif direction == UP:
        begin = grid.at_most(number.before) + 1
    else:
        begin = grid.at_least(number.before) - 1
    last = grid.at_most(number.high) if direction == UP else grid.at_least(number.low)
    length = direction * (last - begin) + 1
    if number.before is None:
        return Track(number, direction, begin, length if number.size(0) < below else 0)
    edge = number.edge(direction, below)
    if isfinite(edge):
        nearest = grid.at_most(edge) if direction == UP else grid.at_least(edge)
        length = min(length, direction * (nearest - begin) + 1)
    track = Track(number, direction, begin, length)
    if length < 1 or number.size(track.value(length)) < below:
        return track
    # Sizes grow with the distance; where floats lie far apart many places share one, so halving and not one by one.
    near, far = 0, length
    while far - near > 1:
        middle = (near + far) // 2
        near, far = (middle, far) if number.size(track.value(middle)) < below else (near, middle)
    return Track(number, direction, begin, near)
