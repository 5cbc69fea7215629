"""Generated changes, 400 or as many as GENERATED_CHANGES says: each chooses the target, one step less and smaller ones do not.

And `none` survives looking everywhere.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from routerapp.engine.counterfactual import chooses
from routerapp.engine.explain import Change, Explanation, explain, rounds_of
from routerapp.engine.levers.lever import DOWN, UP, Lever, Number, Switch
from routerapp.engine.matching import UnknownObservation
from routerapp.engine.problems import PolicyError
from routerapp.engine.types import Decision
from tests.explain.changes import Case, changed
from tests.explain.explainable import a_case

pytestmark = pytest.mark.long
PARTS = 4
CHANGES = int(os.environ.get("GENERATED_CHANGES", "400")) // PARTS
LOOKED_ALL_OVER = 150
TARGETS = 4
NONE = "none by one change"
REMOVAL = 3
_SHARES = (0.0, 0.1, 0.25, 0.5, 0.66, 0.8, 0.9, 0.97, 0.99, 1.01, 1.03, 1.1, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)


@pytest.mark.parametrize("part", range(PARTS))
def test_the_change_chooses_the_target_and_no_smaller_step_does(part):
    random = Random(20_260_101 + part)
    kinds: Counter[str] = Counter()
    done = decisions = 0
    began = time.process_time()
    while done - kinds[NONE] < CHANGES:
        case = a_case(random)
        situation, first = case.situation(), case.first()
        for target in some_targets(case, situation.decide(), random):
            found = explain(situation, target)
            done, decisions = done + 1, decisions + found.decisions
            assert found.first == first
            assert found.is_complete
            kinds[NONE if found.change is None else f"{found.change.owner}: {found.change.kind}"] += 1
            if found.change is not None:
                _check(case, found.change, target, random)
    spent = time.process_time() - began
    print(
        f"\n{done - kinds[NONE]:,} changes, {done:,} cases, {spent:.0f} s of one core, {decisions / done:.0f} decisions each"
    )
    for kind, count in kinds.most_common():
        print(f"  {count:6,} {kind}")
    assert len(kinds) >= 9


def test_nothing_smaller_is_found_by_looking_all_over():
    """Every lever, also those the search left out, at a coarse grid: none does what `none` says no change does, none with a smaller size."""
    random = Random(7)
    nones = 0
    for _ in range(LOOKED_ALL_OVER):
        case = a_case(random)
        situation = case.situation().set_apart()
        first = case.first()
        target = random.choice([slug for slug in case.config["deployments"] if slug != first])
        found = explain(situation, target)
        nones += found.change is None
        for number, levers in enumerate(rounds_of(situation, situation.decide(), target)):
            for lever in levers:
                for value in _smaller(lever, number, found):
                    assert not _picks(lever, value, target), (lever.handle, lever.before, value, target, found)
    print(f"\n{LOOKED_ALL_OVER} cases, {nones} of them none")
    assert nones


def some_targets(case: Case, decision: Decision, random: Random) -> list[str]:
    """Candidates that were not chosen; of those that are out only some, for most of them take two changes."""
    first = decision.plan[0].deployment if decision.plan else None
    others = [one for one in decision.candidates if one.deployment != first]
    wanted = [one.deployment for one in others if one.eligible or random.random() < 0.15]
    unreached = [
        slug for slug in case.config["deployments"] if slug not in {one.deployment for one in others} | {first}
    ]
    wanted += [slug for slug in unreached if random.random() < 0.15]
    return random.sample(wanted, min(TARGETS, len(wanted)))


def _check(case: Case, change: Change, target: str, random: Random) -> None:
    """By hand, in the documents: nothing of the search is used."""
    assert changed(case, change, change.after).first() == target, (change, target)
    if change.short is not None:
        assert changed(case, change, change.short).first() != target, (change, target)
    for value in _between(change, random):
        assert changed(case, change, value).first() != target, (change, value, target)


def _between(change: Change, random: Random) -> list[Any]:
    """Up to two values of the grid that are nearer to today's than one step short is."""
    if change.step is None or change.short is None or change.before is None:
        return []
    steps = round(abs(change.short - change.before) / change.step)
    way = 1 if change.before > change.short else -1
    return [change.short + way * change.step * random.randint(1, steps - 1) for _ in range(2)] if steps > 2 else []


def _smaller(lever: Lever, number: int, found: Explanation) -> Iterator[Any]:
    """Values of this lever that would have come before what was found."""
    change = found.change
    place = 9
    if change is not None:
        is_removal = change.kind == "deployment" and change.subject == found.first and change.field[:3] == "is_"
        place = REMOVAL if is_removal else ("people", "caller", "nobody").index(change.owner)
    for value in [lever.after] if isinstance(lever, Switch) else _coarse(lever):
        size = lever.size if isinstance(lever, Switch) else lever.size(value)
        if (number, size) < (place, 0.0 if change is None else change.size - 1e-9):
            yield value


def _coarse(number: Number) -> list[Any]:
    low, high = number.grid.at_least(number.low), number.grid.at_most(number.high)
    places = {low + (high - low) * part // 12 for part in range(13)}
    places |= {number.grid.at_most((number.before or 0) * share) for share in _SHARES}
    places |= {number.grid.at_most(mark) + beside for mark in number.landmarks for beside in (-1, 0, 1)}
    values = [number.grid.value(place) for place in sorted(places) if low <= place <= high]
    if number.before is None:
        return values
    return [
        one for one in values if one != number.before and (UP if one > number.before else DOWN) in number.directions
    ]


def _picks(lever: Lever, value: Any, target: str) -> bool:
    try:
        return chooses(lever.apply(value).decide(), target)
    except (PolicyError, UnknownObservation):
        return False
