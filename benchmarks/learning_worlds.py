"""Worlds with a known truth, for checking what the statistics of learning from use promise: scores, votes, attacks on votes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from routerapp.learning.evidence import DAY_MS, NOBODY, SOURCES, Floats, Integers, Pieces

NOW_MS = 20_000 * DAY_MS
NAMES = tuple(SOURCES)
RATING = NAMES.index("rating")
ATTACKS = ("heavy voters", "voters like others", "one-vote accounts in an hour", "one-vote accounts over weeks")


def scores(rng: np.random.Generator, models: int = 12, subjects: int = 6, middle: float = 0.65) -> Floats:
    """(models, subjects) true shares of success: a level of each model, of each subject, and something of their own."""
    spreads = rng.uniform(0.04, 0.15, 3)
    angle = np.arcsin(np.sqrt(middle)) + rng.normal(0, spreads[0], (models, 1))
    angle = angle + rng.normal(0, spreads[1], (1, subjects)) + rng.normal(0, spreads[2], (models, subjects))
    return np.asarray(np.sin(np.clip(angle, 0.05, np.pi / 2 - 0.05)) ** 2)


def evidence(
    rng: np.random.Generator,
    truth: Floats,
    per_cell: float = 40.0,
    days: int = 5,
    taste: float = 0.0,
    graded: float = 0.0,
) -> Pieces:
    """Labels, judges' verdicts and ratings of 80 voters over `days`, unevenly spread over cells. taste: standard deviation of a voter's
    liking of a model; graded: share of pieces whose value is a mark between 0 and 1 instead of good or bad.
    """
    models, subjects = truth.shape
    per = rng.poisson(per_cell * rng.gamma(0.7, 1 / 0.7, models * subjects))
    cell = np.repeat(np.arange(models * subjects), per)
    n = len(cell)
    source = rng.choice([NAMES.index("label"), NAMES.index("judge"), RATING], n, p=[0.2, 0.3, 0.5])
    voter = np.where(source == RATING, rng.integers(0, 80, n), NOBODY)
    liking = rng.normal(0, taste, (81, models))
    liking[-1] = 0
    chance = np.clip(truth.ravel()[cell] + liking[voter, cell // subjects], 0.01, 0.99)
    value = np.where(rng.random(n) < graded, rng.beta(4 * chance, 4 * (1 - chance)), rng.random(n) < chance)
    at_ms = NOW_MS - rng.integers(0, days * DAY_MS, n)
    return _pieces(models, subjects, cell, source, voter, value, at_ms)


def wandering(
    rng: np.random.Generator, models: int, subjects: int, half_life_days: float, daily: int
) -> tuple[Floats, Pieces]:
    """Truth that wanders as fast as the half-life assumes, and a year of labels, `daily` a cell and day. Returns today's truth."""
    fade = np.log(2) / half_life_days
    step = np.sqrt(0.25 * fade**2 / daily)
    angle = np.arcsin(np.sqrt(scores(rng, models, subjects))).ravel()
    walk = rng.normal(0, step, (365, models * subjects))
    walk[0] = angle
    shares = np.sin(np.clip(np.cumsum(walk, axis=0), 0.05, np.pi / 2 - 0.05)) ** 2
    day = np.repeat(np.arange(365), models * subjects * daily)
    cell = np.tile(np.repeat(np.arange(models * subjects), daily), 365)
    value = (rng.random(len(cell)) < shares[day, cell]).astype(np.float64)
    label = np.full(len(cell), NAMES.index("label"))
    at_ms = NOW_MS - (364 - day) * DAY_MS
    nobody = np.full(len(cell), NOBODY)
    return shares[-1].reshape(models, subjects), _pieces(models, subjects, cell, label, nobody, value, at_ms)


def poisoned(rng: np.random.Generator, clean: Pieces, attack: str, share: float = 0.1) -> Pieces:
    """The same with so many hostile ratings that they are `share` of all votes: half against one model, half for another."""
    votes = int(np.sum(clean.is_vote))
    n = round(votes * share / (1 - share))
    usual = max(1, votes // len(clean.voters))
    accounts = {"heavy voters": 3, "voters like others": max(2, n // usual)}.get(attack, n)
    start = len(clean.voters)
    voter = start + np.arange(n) % accounts
    victim, friend = rng.choice(len(clean.models), 2, replace=False)
    model = np.where(rng.random(n) < 0.5, victim, friend)
    span = int(clean.at_ms.max() - clean.at_ms.min()) + 1
    in_an_hour = attack.endswith("hour")
    at_ms = clean.at_ms.min() + (span // 2 + rng.integers(0, 3_000_000, n) if in_an_hour else rng.integers(0, span, n))
    names = tuple(f"x{number:05}" for number in range(accounts))
    added = _added(clean, model, rng.integers(0, len(clean.subjects), n), voter, (model == friend).astype(float), at_ms)
    return replace(added, voters=clean.voters + names)


def _added(
    clean: Pieces, model: Integers, subject: Integers, voter: Integers, value: Floats, at_ms: Integers
) -> Pieces:
    ones = np.ones(len(model))
    return replace(
        clean,
        model=np.concatenate([clean.model, model]),
        subject=np.concatenate([clean.subject, subject]),
        source=np.concatenate([clean.source, np.full(len(model), RATING)]),
        voter=np.concatenate([clean.voter, voter]),
        value=np.concatenate([clean.value, value]),
        weight=np.concatenate([clean.weight, ones]),
        count=np.concatenate([clean.count, ones]),
        at_ms=np.concatenate([clean.at_ms, at_ms]),
        answered_ms=np.concatenate([clean.answered_ms, at_ms]),
    )


def _pieces(
    models: int, subjects: int, cell: Integers, source: Integers, voter: Integers, value: Floats, at_ms: Integers
) -> Pieces:
    ones = np.ones(len(cell))
    return Pieces(
        tuple(f"m{number:02}" for number in range(models)),
        tuple(f"s{number:02}" for number in range(subjects)),
        tuple(f"v{number:02}" for number in range(80)),
        cell // subjects,
        cell % subjects,
        source,
        voter,
        np.asarray(value, dtype=np.float64),
        ones,
        ones,
        at_ms,
        at_ms,
    )
