"""Pieces of evidence on how well language models answer, as arrays: what ratings, labels, judges, benchmarks and failures said.

A piece is about a dimension ("coding"), a task class or both. What it counts for depends on its source, its own weight and its age.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

DAY_MS = 86_400_000
HALF_LIFE_DAYS = 60.0
DIMENSION, TASK = "dimension", "task"
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Trust:
    """weight: what a piece counts for beside a label when both speak of one score. most: the effective number of pieces that the
    source may stand for in one score, however many arrive: its own slant does not average out. is_vote: given by people, one by one.
    """

    weight: float
    most: float
    is_vote: bool = False


SOURCES: Mapping[str, Trust] = MappingProxyType(
    {
        "label": Trust(1.0, 2_000.0),
        "judge": Trust(0.7, 500.0),
        "benchmark": Trust(0.7, 200.0),
        "schema_failure": Trust(0.7, 500.0),
        "arena": Trust(0.7, 500.0, is_vote=True),
        "rating": Trust(0.5, 500.0, is_vote=True),
        "regeneration": Trust(0.3, 200.0, is_vote=True),
    }
)


@dataclass(frozen=True, slots=True)
class Piece:
    """value: 0 bad to 1 good. at_ms: when it came; lag_ms: how long after the answer it speaks of. voter: whoever gave it, "" unknown.

    count: how many observations `value` is the mean of (a benchmark of 500 prompts is one piece).
    """

    model: str
    value: float
    source: str
    at_ms: int
    dimension: str = ""
    task: str = ""
    weight: float = 1.0
    lag_ms: int = 0
    voter: str = ""
    count: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.value <= 1:
            raise ValueError(f"The value of a piece of evidence is 0 to 1, not {self.value!r}.")
        if self.source not in SOURCES:
            raise ValueError(f"{self.source!r} is no source of evidence. There are: {', '.join(SOURCES)}.")
        if not (self.dimension or self.task):
            raise ValueError("A piece of evidence is about a dimension, a task, or both.")
        if not self.weight >= 0 or not self.count > 0:
            raise ValueError("The weight of a piece of evidence is not negative, and its count is above zero.")


@dataclass(frozen=True, slots=True)
class Pieces:
    """n pieces about subjects of one kind. model, subject, source, voter: (n,) places in the tuples, voter NOBODY where unknown;
    value, weight, count, at_ms, answered_ms: (n,). answered_ms: when the answer spoken of was given.
    """

    models: tuple[str, ...]
    subjects: tuple[str, ...]
    voters: tuple[str, ...]
    model: Integers
    subject: Integers
    source: Integers
    voter: Integers
    value: Floats
    weight: Floats
    count: Floats
    at_ms: Integers
    answered_ms: Integers

    def __len__(self) -> int:
        return len(self.value)

    @property
    def cell(self) -> Integers:
        """(n,) model × subject as one number: model · subjects + subject."""
        return self.model * len(self.subjects) + self.subject

    @property
    def is_vote(self) -> NDArray[np.bool_]:
        """(n,) true for single votes; what sums up many (strengths of an arena, screened before) is none."""
        kinds = np.array([trust.is_vote for trust in SOURCES.values()])
        return np.asarray(kinds[self.source] & (self.count <= 1), dtype=np.bool_)


def gather(pieces: Iterable[Piece], kind: str, models: Sequence[str] = (), subjects: Sequence[str] = ()) -> Pieces:
    """Those of one kind (DIMENSION or TASK) as arrays. models, subjects: also these, though nothing is known of them. Sorted by name."""
    kept = [(piece, getattr(piece, kind)) for piece in pieces if getattr(piece, kind)]
    model_names = tuple(sorted({piece.model for piece, _ in kept} | set(models)))
    subject_names = tuple(sorted({subject for _, subject in kept} | set(subjects)))
    voter_names = tuple(sorted({piece.voter for piece, _ in kept if piece.voter}))
    places = [
        {name: at for at, name in enumerate(names)} for names in (model_names, subject_names, SOURCES, voter_names)
    ]
    return Pieces(
        model_names,
        subject_names,
        voter_names,
        _integers(places[0][piece.model] for piece, _ in kept),
        _integers(places[1][subject] for _, subject in kept),
        _integers(places[2][piece.source] for piece, _ in kept),
        _integers(places[3].get(piece.voter, NOBODY) for piece, _ in kept),
        np.array([piece.value for piece, _ in kept], dtype=np.float64),
        np.array([piece.weight for piece, _ in kept], dtype=np.float64),
        np.array([piece.count for piece, _ in kept], dtype=np.float64),
        _integers(piece.at_ms for piece, _ in kept),
        _integers(piece.at_ms - piece.lag_ms for piece, _ in kept),
    )


def decay(age_ms: Integers, half_life_days: float = HALF_LIFE_DAYS) -> Floats:
    """(n,) 2^(−age / half-life): a power prior that forgets (Ibrahim, Chen 2000, "Power prior distributions", eq. 1). 1 for the future."""
    if not half_life_days > 0:
        raise ValueError(f"A half-life is above zero days, not {half_life_days!r}.")
    return np.asarray(np.exp2(-np.maximum(age_ms, 0) / (half_life_days * DAY_MS)))


def _integers(values: Iterable[int]) -> Integers:
    return np.fromiter(values, dtype=np.int64)
