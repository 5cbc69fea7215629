"""Capability scores: how good each model is per dimension or task, as posterior means with intervals and where they come from.

Sparse cells lean on the model's level, the subject's level and the pool. Voters are screened first (`votes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from routerapp.learning.evidence import HALF_LIFE_DAYS, SOURCES, Floats, Pieces, decay
from routerapp.learning.levels import posterior
from routerapp.learning.votes import VOTE_LIMITS, Quarantine, VoteLimits, screen

# Groups that a source's measured noise is shrunk towards 1 by, and how far it may go.
_PRIOR_GROUPS = 20.0
_NOISE = (0.05, 20.0)
_MOST_HELD = 0.9


@dataclass(frozen=True, slots=True)
class Score:
    """One model in one subject: posterior mean with its 95 % interval, 0 to 1.

    n: pieces (observations) counted; effective: how many fresh, independent 0/1 outcomes they amount to; shares: of each source in
    what was observed; prior_share: how much of the score comes from the levels instead; newest_ms: of the newest piece, None without.
    counts: observations counted of each source; set_aside: votes that the screening left out.
    """

    model: str
    subject: str
    mean: float
    low: float
    high: float
    n: float = 0.0
    effective: float = 0.0
    shares: Mapping[str, float] = field(default_factory=dict)
    prior_share: float = 1.0
    newest_ms: int | None = None
    counts: Mapping[str, float] = field(default_factory=dict)
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class Capabilities:
    """scores: of every model × subject, also where nothing was observed. quarantined: voters left out, and why."""

    scores: tuple[Score, ...]
    quarantined: tuple[Quarantine, ...]
    rate_limited: int

    def means(self) -> dict[str, float]:
        """ "model|subject" -> posterior mean, as the engine's evidence holds it."""
        return {f"{score.model}|{score.subject}": round(score.mean, 4) for score in self.scores}


@dataclass(frozen=True, slots=True)
class Summaries:
    """Per cell (c,) or source and cell (s, c): mean observed, effective size, pieces, share of each source, newest piece."""

    mean: Floats
    effective: Floats
    n: Floats
    shares: Floats
    newest: Floats


def assess(
    pieces: Pieces,
    now_ms: int,
    half_life_days: float = HALF_LIFE_DAYS,
    limits: VoteLimits = VOTE_LIMITS,
    since_ms: Mapping[str, int] | None = None,
) -> Capabilities:
    """Scores of every model × subject. since_ms: per model, answers before this are not counted (its version changed then)."""
    screened = screen(pieces, limits)
    since = np.array([(since_ms or {}).get(model, -(2**62)) for model in pieces.models], dtype=np.int64)
    counted = screened.factor > 0
    counted &= pieces.answered_ms >= since[pieces.model] if len(pieces) else counted
    summaries = summarise(pieces, screened.factor * counted, decay(now_ms - pieces.answered_ms, half_life_days))
    found = posterior(summaries.mean, summaries.effective, len(pieces.models), len(pieces.subjects))
    names, cells = tuple(SOURCES), len(found.mean)
    counts = _table(pieces, pieces.count * counted, len(names), cells)
    set_aside = np.bincount(pieces.cell, weights=pieces.is_vote & (screened.factor == 0), minlength=cells)
    scores = []
    for place in range(len(found.mean)):
        newest = summaries.newest[place]
        scores.append(
            Score(
                pieces.models[place // len(pieces.subjects)],
                pieces.subjects[place % len(pieces.subjects)],
                float(found.mean[place]),
                float(found.low[place]),
                float(found.high[place]),
                float(summaries.n[place]),
                float(summaries.effective[place]),
                {name: round(float(s), 4) for name, s in zip(names, summaries.shares[:, place], strict=True) if s > 0},
                float(found.prior_share[place]),
                None if np.isnan(newest) else int(newest),
                {name: float(n) for name, n in zip(names, counts[:, place], strict=True) if n > 0},
                int(set_aside[place]),
            )
        )
    return Capabilities(tuple(scores), screened.quarantined, screened.rate_limited)


def summarise(pieces: Pieces, factor: Floats, fading: Floats) -> Summaries:
    """What was observed in each cell, (models · subjects) cells. factor: (n,) of the screening; fading: (n,) of age.

    Effective size of a source in a cell: (Σ f·d)² / Σ f²·d over its noise, at most the source's `most`. d fades, f does not: for
    evidence of equal weight it is Σ d, which is what exponential smoothing knows of a level that wanders (Muth 1960; Harrison, West
    1997, chapter 2). Sources are put together by trust × size; effective size of the mean as Kish (1965).
    """
    sources, cells = len(SOURCES), len(pieces.models) * len(pieces.subjects)
    f = pieces.weight * factor
    noise = _noise(pieces, f, fading, cells)
    total = _table(pieces, f * fading * pieces.count, sources, cells)
    squares = _table(pieces, f**2 * fading * pieces.count, sources, cells)
    most = np.array([[trust.most] for trust in SOURCES.values()])
    size = np.minimum(_over(total**2, squares) / noise[:, None], most)
    mean = _over(_table(pieces, f * fading * pieces.count * pieces.value, sources, cells), total)
    pull = np.array([[trust.weight] for trust in SOURCES.values()]) * size
    whole = pull.sum(axis=0)
    newest = np.full(cells, np.nan)
    counted = f > 0
    np.fmax.at(newest, pieces.cell[counted], pieces.at_ms[counted].astype(np.float64))
    return Summaries(
        mean=_over((pull * mean).sum(axis=0), whole),
        effective=_over(whole**2, _over(pull**2, size).sum(axis=0)),
        n=np.bincount(pieces.cell, weights=pieces.count * counted, minlength=cells).astype(np.float64),
        shares=_over(pull, np.broadcast_to(whole, pull.shape)),
        newest=newest,
    )


def _noise(pieces: Pieces, f: Floats, fading: Floats, cells: int) -> Floats:
    """(sources,) variance of a source's sums over that of independent 0/1 outcomes: below 1 for graded marks, above 1 where votes of
    one voter go together. Pearson's dispersion over groups (McCullagh, Nelder 1989, section 4.5); a group is a voter within a cell.
    """
    w = f * fading * pieces.count
    total = np.bincount(pieces.cell, weights=w, minlength=cells)
    good = np.bincount(pieces.cell, weights=w * pieces.value, minlength=cells)
    expected = _over(good.astype(np.float64), total.astype(np.float64))[pieces.cell]
    group = np.where(pieces.voter < 0, np.arange(len(pieces)) + len(pieces.voters), pieces.voter)
    groups = len(pieces) + len(pieces.voters)
    keys, place = np.unique((pieces.source * cells + pieces.cell) * groups + group, return_inverse=True)
    places = keys // max(1, groups)
    # A cell's mean is of its own pieces: each group and each piece is nearer to it than to the truth, by its share of the cell.
    share = w / np.maximum(total[pieces.cell], 1e-12)
    held = np.minimum(np.bincount(place, weights=share, minlength=len(keys)), 1.0)
    away = np.bincount(place, weights=f * pieces.count * (pieces.value - expected), minlength=len(keys)) ** 2
    own_variance = f**2 * pieces.count * expected * (1 - expected) / np.maximum(1 - share, 1 - _MOST_HELD)
    usual = np.bincount(place, weights=own_variance, minlength=len(keys))
    tells = held < _MOST_HELD
    found = np.ones(len(SOURCES))
    for source in range(len(SOURCES)):
        own = (places // cells == source) & tells if cells else tells
        if usual[own].sum() > 0:
            ratio = float(np.sum(away[own] / (1 - held[own])) / usual[own].sum())
            found[source] = (ratio * own.sum() + _PRIOR_GROUPS) / (own.sum() + _PRIOR_GROUPS)
    return np.clip(found, *_NOISE)


def _table(pieces: Pieces, weights: Floats, sources: int, cells: int) -> Floats:
    place = pieces.source * cells + pieces.cell
    # Without pieces bincount counts, in integers.
    found = np.bincount(place, weights=weights, minlength=sources * cells).astype(np.float64)
    return found.reshape(sources, cells)


def _over(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.zeros_like(above), where=below > 0))
