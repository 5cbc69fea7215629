"""Screens votes before they count: rate limits, voters at odds with everybody else, bursts of strangers, caps, and a bound on each voter's pull.

Nothing is deleted: each vote gets a factor from 0 to 1, and each voter left out a reason as data, to be looked at by people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.bursts import bursts
from routerapp.learning.disagreement import disagreement, residuals, settled
from routerapp.learning.evidence import DAY_MS, Floats, Integers, Pieces

AT_ODDS = "at_odds"
BURST = "burst"
STRANGERS_AT_ODDS = "strangers_at_odds"
EVERYBODY_NEW = "*"
_PASSES = 3


@dataclass(frozen=True, slots=True)
class VoteLimits:
    """per_day: votes of one voter that count in a day (of UTC). most_share: of a score's votes that one voter may hold, but
    least_cap votes always. taste: how far a voter may honestly stand off, 0 to 1. false_share: expected share of honest voters
    among those left out. few: voters with fewer votes in all are judged together,
    and nobody alone over fewer on a model. others: so many pieces of anybody else there must be on a model before strangers
    can be at odds with them. pull: standard errors that one voter may pull a model's score by.
    """

    per_day: int = 50
    most_share: float = 0.1
    least_cap: float = 5.0
    taste: float = 0.1
    false_share: float = 0.1
    few: int = 5
    others: float = 20.0
    pull: float = 2.5


VOTE_LIMITS = VoteLimits()


@dataclass(frozen=True, slots=True)
class Quarantine:
    """voter: as recorded, or EVERYBODY_NEW for all voters with few votes. model: over which it was
    found. votes: how many are left out, a named voter's on all models. detail: the numbers."""

    voter: str
    model: str
    reason: str
    votes: int
    detail: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Screened:
    """factor: (n,) 0 to 1 by which each piece counts; 1 for what is no vote. rate_limited: votes over their voter's daily number."""

    factor: Floats
    quarantined: tuple[Quarantine, ...]
    rate_limited: int


def screen(pieces: Pieces, limits: VoteLimits = VOTE_LIMITS) -> Screened:
    """Rate limit, then bursts, voters at odds (again without those found before), strangers at odds, then caps."""
    is_vote, voter = pieces.is_vote, voters_of(pieces)
    kept = np.ones(len(pieces))
    if not is_vote.any():
        return Screened(kept, (), 0)
    kept[over_rate(pieces, voter, limits.per_day)] = 0.0
    rate_limited = int(np.sum(kept == 0))
    found = _burst_quarantine(pieces, voter, kept)
    for _ in range(_PASSES):
        found += _at_odds(pieces, voter, kept, limits)
    found += _strangers(pieces, voter, kept, limits)
    kept = kept * np.where(is_vote, capped(pieces, voter, kept, limits), 1.0)
    left = settled(pieces, voter, kept, limits.pull, limits.taste)
    kept = kept * np.where(is_vote, left.pull_factor(limits.pull, limits.taste), 1.0)
    return Screened(kept, tuple(found), rate_limited)


def voters_of(pieces: Pieces) -> Integers:
    """(n,) number of each piece's voter; whoever gave no name counts as a voter of one vote."""
    return np.where(pieces.voter < 0, len(pieces.voters) + np.arange(len(pieces)), pieces.voter)


def over_rate(pieces: Pieces, voter: Integers, per_day: int) -> NDArray[np.bool_]:
    """(n,) true for votes that came after `per_day` others of their voter on one day."""
    order = np.lexsort((pieces.at_ms, pieces.at_ms // DAY_MS, voter))
    day = np.stack([voter[order], (pieces.at_ms // DAY_MS)[order]], axis=1)
    starts = np.ones(len(order), dtype=bool)
    starts[1:] = (day[1:] != day[:-1]).any(axis=1)
    first = np.maximum.accumulate(np.where(starts, np.arange(len(order)), 0))
    found = np.zeros(len(order), dtype=bool)
    found[order] = np.arange(len(order)) - first >= per_day
    return found & pieces.is_vote


def capped(pieces: Pieces, voter: Integers, kept: Floats, limits: VoteLimits) -> Floats:
    """(n,) factor that holds each voter to most_share of a cell's votes (or least_cap votes, whichever is more)."""
    weight = pieces.weight * kept * pieces.count * pieces.is_vote
    total = np.bincount(pieces.cell, weights=weight)[pieces.cell]
    _, place = np.unique(voter * len(pieces.models) * len(pieces.subjects) + pieces.cell, return_inverse=True)
    own = np.bincount(place, weights=weight)[place]
    most = np.maximum(limits.most_share * total, limits.least_cap)
    return np.asarray(np.minimum(1.0, most / np.maximum(own, 1e-12)))


def _burst_quarantine(pieces: Pieces, voter: Integers, kept: Floats) -> list[Quarantine]:
    found = []
    for burst in bursts(pieces.at_ms, voter, pieces.model, pieces.is_vote & (kept > 0)):
        kept[burst.rows] = 0.0
        found.append(
            Quarantine(
                EVERYBODY_NEW,
                pieces.models[burst.model],
                BURST,
                len(burst.rows),
                {"from_ms": burst.from_ms, "voters": burst.voters, "usual": round(burst.usual, 3)},
            )
        )
    return found


def _at_odds(pieces: Pieces, voter: Integers, kept: Floats, limits: VoteLimits) -> list[Quarantine]:
    """Voters whose votes on a model differ from everybody else's beyond taste and chance: Benjamini, Hochberg (1995) over voters × models,
    so that many who are each a little suspicious are found where one would not be. Tested are groups of enough votes to tell."""
    left = settled(pieces, voter, kept, limits.pull, limits.taste)
    named = (left.voter < len(pieces.voters)) & (left.votes >= limits.few)
    surprise = np.where(named, disagreement(left, limits.taste), 0.0)
    found = []
    most_first = np.argsort(-surprise, kind="stable")[: int(named.sum())]
    tests, ranks = max(1, int(named.sum())), np.arange(1, len(most_first) + 1)
    passed = np.flatnonzero(np.exp(-surprise[most_first]) <= limits.false_share * ranks / tests)
    left_out: set[int] = set()
    for place in most_first[: passed[-1] + 1 if len(passed) else 0].tolist():
        number = int(left.voter[place])
        if number in left_out:
            continue
        left_out.add(number)
        rows = (voter == number) & pieces.is_vote & (kept > 0)
        kept[rows] = 0.0
        detail = {"mean": round(float(left.mean[place]), 4), "others": round(float(left.expected[place]), 4)}
        model = pieces.models[int(left.model[place])]
        found.append(Quarantine(pieces.voters[number], model, AT_ODDS, int(rows.sum()), detail))
    return found


def _strangers(pieces: Pieces, voter: Integers, kept: Floats, limits: VoteLimits) -> list[Quarantine]:
    """Voters with few votes in all, taken together, against everybody else: many accounts with one vote each look like this.

    Where strangers are all there is, there is nobody they could be at odds with: what they say is what is known.
    """
    _, place = np.unique(voter, return_inverse=True)
    votes = np.bincount(place, weights=pieces.is_vote * (kept > 0))
    is_stranger = (votes[place] < limits.few) & pieces.is_vote
    # As if all strangers were one voter, and everybody else another.
    left = residuals(pieces, is_stranger.astype(np.int64), kept, np.ones(len(pieces)))
    surprise = np.where(left.voter == 1, disagreement(left, limits.taste), 0.0)
    found = []
    others = np.bincount(pieces.model, weights=pieces.count * (kept > 0) * ~is_stranger, minlength=len(pieces.models))
    for at in np.flatnonzero(surprise > log(len(pieces.models) / limits.false_share)).tolist():
        if others[int(left.model[at])] < limits.others:
            continue
        rows = (left.place == at) & is_stranger
        kept[rows] = 0.0
        detail = {"mean": round(float(left.mean[at]), 4), "others": round(float(left.expected[at]), 4)}
        found.append(
            Quarantine(EVERYBODY_NEW, pieces.models[int(left.model[at])], STRANGERS_AT_ODDS, int(rows.sum()), detail)
        )
    return found
