"""How far each voter stands off what everybody else says of the same answers' models, and how surprising that is by chance alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from routerapp.learning.evidence import Floats, Integers, Pieces

_EDGE = 0.02
# Votes elsewhere by which a voter's own strictness is shrunk towards none.
_STRICTNESS_VOTES = 10.0
_REWEIGHTINGS = 5
# What others say of a cell is shrunk towards what they say of the model by so many votes.
_LEVEL_VOTES = 10.0
_ENOUGH = 20.0


@dataclass(frozen=True, slots=True)
class Residuals:
    """Groups of voter × model, (g,) each. place: (n,) group of each piece, −1 for what is no vote or counts nothing.

    votes: how many; mean: of their values; expected: of what others said of the same cells, moved by the voter's own strictness.
    """

    place: Integers
    voter: Integers
    model: Integers
    votes: Floats
    mean: Floats
    expected: Floats

    def pull_factor(self, pull: float, taste: float) -> Floats:
        """(n,) 1 up to `pull` standard errors of a group's sum, held there up to twice that, falling to 0 at four times (Hampel 1974).

        The standard error is that of chance and of honest taste (half of `taste` is one standard deviation).
        """
        sd = np.sqrt(self.votes * self.expected * (1 - self.expected) + (self.votes * taste / 2) ** 2)
        z = np.abs(self.votes * (self.mean - self.expected)) / np.maximum(sd, 1e-9)
        held = np.minimum(1.0, pull / np.maximum(z, 1e-9))
        factor = np.append(held * np.clip((4 * pull - z) / (2 * pull), 0, 1), 1.0)
        return np.asarray(factor[self.place])


def settled(pieces: Pieces, voter: Integers, kept: Floats, pull: float, taste: float) -> Residuals:
    """Residuals after each voter's pull on what is expected is bounded: an M-estimate over voters by reweighting (Huber 1981, 7.8).

    Without it a tenth of all votes, aimed at one model, moves what is expected of it so far that nobody seems at odds.
    """
    soft = np.ones(len(pieces))
    for _ in range(_REWEIGHTINGS):
        soft = residuals(pieces, voter, kept, soft).pull_factor(pull, taste)
    return residuals(pieces, voter, kept, soft)


def residuals(pieces: Pieces, voter: Integers, kept: Floats, soft: Floats) -> Residuals:
    """Each group beside the others: per cell the mean without this voter's own votes, shrunk to that of the model.

    kept: (n,) 0 leaves a piece out; soft: (n,) what it counts for in what is expected of others.
    """
    plain = pieces.count * (kept > 0)
    weight = plain * soft * _anchored(pieces, plain)
    cells = len(pieces.models) * len(pieces.subjects)
    of_model_n, of_model_good = _others(weight, pieces.value, pieces.model, voter, len(pieces.models))
    level = (of_model_good + 1) / (of_model_n + 2)
    of_cell_n, of_cell_good = _others(weight, pieces.value, pieces.cell, voter, cells)
    expected = (of_cell_good + _LEVEL_VOTES * level) / (of_cell_n + _LEVEL_VOTES)
    votes = np.flatnonzero(pieces.is_vote & (kept > 0))
    keys, group = np.unique(voter[votes] * len(pieces.models) + pieces.model[votes], return_inverse=True)
    names = np.stack(np.divmod(keys, max(1, len(pieces.models))), axis=1)
    number, total, usual = (
        np.bincount(group, weights=(plain * of)[votes], minlength=len(names))
        for of in (np.ones(len(pieces)), pieces.value, expected)
    )
    size = np.maximum(number.astype(np.float64), 1e-12)
    mean, away = total / size, (total - usual) / size
    strictness = _strictness(names[:, 0], size, away)
    place = np.full(len(pieces), -1, dtype=np.int64)
    place[votes] = group
    moved = np.clip(mean - away + strictness, _EDGE, 1 - _EDGE)
    return Residuals(place, names[:, 0], names[:, 1], size, mean, moved)


def _others(weight: Floats, value: Floats, place: Integers, voter: Integers, places: int) -> tuple[Floats, Floats]:
    """(n,) weight and weighted sum of values at each piece's place, less what its own voter gave there."""
    _, own = np.unique(voter * places + place, return_inverse=True)
    found = []
    for part in (weight, weight * value):
        found.append(np.bincount(place, part, minlength=places)[place] - np.bincount(own, part)[own])
    return np.maximum(found[0], 0), np.maximum(found[1], 0)


def _anchored(pieces: Pieces, weight: Floats) -> Floats:
    """(n,) factor that keeps the votes on a model to half of what labels, judges and tests weigh there, where there are enough of these.

    So that voters who are many on one model are held against what nobody can stuff.
    """
    is_vote = pieces.is_vote
    votes = np.bincount(pieces.model, weight * is_vote, minlength=len(pieces.models))
    rest = np.bincount(pieces.model, weight * ~is_vote, minlength=len(pieces.models))
    factor = np.where(rest >= _ENOUGH, np.minimum(1.0, rest / (2 * np.maximum(votes, 1e-12))), 1.0)
    return np.where(is_vote, factor[pieces.model], 1.0)


def _strictness(voter: Integers, number: Floats, away: Floats) -> Floats:
    """(g,) mean residual of the voter on all other models, shrunk: who is hard on every model is not at odds over one."""
    _, at = np.unique(voter, return_inverse=True)
    elsewhere = np.bincount(at, weights=number)[at] - number
    total = np.bincount(at, weights=number * away)[at] - number * away
    return np.asarray(total / (elsewhere + _STRICTNESS_VOTES))


def disagreement(groups: Residuals, taste: float) -> Floats:
    """(g,) −log of a bound on the chance of a mean so far off: votes · KL(mean ‖ expected ± taste) (Hoeffding 1963, theorem 1).

    The bound holds for any values in 0 to 1 and few votes; 0 where the mean is within taste of what is expected.
    """
    q = np.clip(groups.mean, groups.expected - taste, groups.expected + taste)
    q = np.clip(q, _EDGE, 1 - _EDGE)
    p = groups.mean
    inside = np.abs(p - groups.expected) <= taste
    divergence = _term(p, q) + _term(1 - p, 1 - q)
    return np.asarray(np.where(inside, 0.0, groups.votes * np.maximum(divergence, 0.0)))


def _term(p: Floats, q: Floats) -> Floats:
    return np.asarray(np.where(p > 0, p * np.log(np.maximum(p, 1e-300) / q), 0.0))
