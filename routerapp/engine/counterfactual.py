"""The smallest change of one lever that makes decide() choose another deployment. Found by deciding again, never by a formula of its own.

For a number: look outwards until the target is first, then halve the interval to the step before which it is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from typing import Any

from routerapp.engine.levers.lever import Handle, Lever, Number, Switch
from routerapp.engine.matching import UnknownObservation
from routerapp.engine.problems import PolicyError
from routerapp.engine.situation import Situation
from routerapp.engine.track import Track, track_of
from routerapp.engine.types import Decision

MAX_TRIALS = 600
CLIMBS = 14


@dataclass(frozen=True, slots=True)
class Found:
    """One change that chooses the target. short: the neighbouring value that is one step less and does not, where there is one."""

    handle: Handle
    before: Any
    after: Any
    size: float
    step: int | float | None = None
    short: Any = None


class OutOfTrials(Exception):
    """The bound on decisions, or on time, is reached."""


class Trials:
    """Decides again and counts. now: the decision as it is. has_time: asked before each decision."""

    def __init__(
        self, now: Decision, target: str, most: int = MAX_TRIALS, has_time: Callable[[], bool] | None = None
    ) -> None:
        self.target = target
        self.gap_now = lead(now, target)
        self.count = 0
        self._most = most
        self._has_time = has_time

    def picks(self, make: Callable[[Any], Situation], value: Any) -> bool:
        return self.look(make, value)[0]

    def look(self, make: Callable[[Any], Situation], value: Any) -> tuple[bool, float]:
        """(is the target first, how far its score is ahead of the best other: minus infinity where there is nothing to compare)."""
        decision = self.decided(make, value)
        return (False, -inf) if decision is None else (chooses(decision, self.target), lead(decision, self.target))

    def decided(self, make: Callable[[Any], Situation], value: Any) -> Decision | None:
        """None where the change makes no readable policy, or asks about content nobody kept. Raises OutOfTrials."""
        if self.count >= self._most or (self._has_time is not None and not self._has_time()):
            raise OutOfTrials
        self.count += 1
        try:
            return make(value).decide()
        except (PolicyError, UnknownObservation):
            return None


def chooses(decision: Decision, target: str) -> bool:
    return bool(decision.plan) and decision.plan[0].deployment == target


def lead(decision: Decision, target: str) -> float:
    own, others = -inf, []
    for candidate in decision.candidates:
        if candidate.score is None:
            continue
        if candidate.deployment == target:
            own = candidate.score
        else:
            others.append(candidate.score)
    return own - max(others) if others and own > -inf else -inf


def smallest_change(levers: Iterable[Lever], trials: Trials, keep: Callable[[Found], None]) -> None:
    """Hands over ever smaller changes of these levers; the last one handed over is the smallest. Raises OutOfTrials."""
    best = inf
    for lever in sorted(levers, key=_cheap_first):
        found = _try_switch(lever, trials, best) if isinstance(lever, Switch) else _try_number(lever, trials, best)
        if found is not None:
            best = found.size
            keep(found)


def _cheap_first(lever: Lever) -> tuple[int, float]:
    """Switches cost one decision and bound how far numbers need to be looked at; stable, so that equal ones keep their order."""
    if isinstance(lever, Switch):
        return 0, lever.size
    return (1 if lever.is_monotone else 2), 0.0


def _try_switch(lever: Switch, trials: Trials, below: float) -> Found | None:
    if lever.size >= below or not trials.picks(lever.apply, lever.after):
        return None
    return Found(lever.handle, lever.before, lever.after, lever.size)


def _try_number(lever: Number, trials: Trials, below: float) -> Found | None:
    best: Found | None = None
    for direction in lever.directions:
        track = track_of(lever, direction, below if best is None else best.size)
        distance = _nearest(track, trials)
        if distance is not None:
            after, short = track.value(distance), track.value(distance - 1)
            best = Found(lever.handle, lever.before, after, lever.size(after), lever.grid.step, short)
    return best


def _nearest(track: Track, trials: Trials) -> int | None:
    """The distance at which the target is first and one step before which it is not."""
    missed: list[tuple[int, float]] = [(0, trials.gap_now)]
    for place in track.probes():
        picks, gap = trials.look(track.number.apply, track.value(place))
        if picks:
            return _halve(track, trials, missed[-1][0], place)
        missed.append((place, gap))
    is_hidden = track.number.is_wide and not track.number.is_monotone
    return _climb(track, trials, missed) if is_hidden else None


def _halve(track: Track, trials: Trials, misses: int, picks: int) -> int:
    while picks - misses > 1:
        middle = (misses + picks) // 2
        if trials.picks(track.number.apply, track.value(middle)):
            picks = middle
        else:
            misses = middle
    return picks


def _climb(track: Track, trials: Trials, missed: list[tuple[int, float]]) -> int | None:
    """Where scores are compared, the target may lead between two probes only: look where it came nearest."""
    gaps = [gap for _, gap in missed]
    top = max(range(len(gaps)), key=gaps.__getitem__)
    if not 1 <= top < len(gaps) - 1 or not gaps[top - 1] < gaps[top] > gaps[top + 1]:
        return None
    low, high = missed[top - 1][0], missed[top + 1][0]
    for _ in range(CLIMBS):
        left, right = low + (high - low) // 3, high - (high - low) // 3
        ahead: list[float] = []
        for place in (left, right):
            picks, gap = trials.look(track.number.apply, track.value(place))
            if picks:
                return _halve(track, trials, low, place)
            ahead.append(gap)
        if high - low < 3:
            return None
        low, high = (low, right) if ahead[0] > ahead[1] else (left, high)
    return None
