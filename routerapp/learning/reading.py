"""A prompt as numbers: word vector, hashed n-grams, surface counts and counts of the whole request. Nothing of the text is kept.

READING is the version: whoever changes a number below raises it, and predictors trained on another reading refuse to speak.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from routerapp.learning import ngrams, surface, vectors, words

READING = "1"
FORMATS = ("text", "json_object", "json_schema")
REQUEST_NAMES = ("tools", "turns", "has_system_prompt", "json", "schema", "max_tokens")


@dataclass(frozen=True, slots=True)
class RequestCounts:
    """What is known of the whole request besides its last user message. max_tokens: 0 where the caller set none; format: one of FORMATS."""

    tools: int = 0
    turns: int = 1
    has_system_prompt: bool = False
    format: str = "text"
    max_tokens: int = 0

    def numbers(self) -> NDArray[np.float32]:
        """(6,) float32; counts as ln(1 + n). Raises ValueError for a negative count or an unknown format."""
        if self.format not in FORMATS:
            raise ValueError(f"format {self.format!r}: one of {', '.join(FORMATS)} is allowed.")
        counts = (self.tools, self.turns, self.max_tokens)
        if min(counts) < 0:
            raise ValueError(f"tools, turns and max_tokens are counts from 0, not {counts}.")
        tools, turns, most = (math.log1p(count) for count in counts)
        return np.array(
            [tools, turns, self.has_system_prompt, self.format != "text", self.format == "json_schema", most],
            np.float32,
        )


@dataclass(frozen=True, slots=True)
class PromptReading:
    """vector (256,), counts (44,), request (6,): float32; buckets: sorted int32, each once. is_empty: no word, number or sign was found."""

    vector: NDArray[np.float32]
    buckets: NDArray[np.int32]
    counts: NDArray[np.float32]
    request: NDArray[np.float32]
    version: str = READING
    is_empty: bool = False


@dataclass(frozen=True, slots=True)
class Readings:
    """n readings as arrays: vectors (n, 256), counts (n, 44), request (n, 6); row i's buckets are buckets[starts[i]:starts[i + 1]]."""

    vectors: NDArray[np.float32]
    counts: NDArray[np.float32]
    request: NDArray[np.float32]
    buckets: NDArray[np.int32]
    starts: NDArray[np.int64]
    version: str = field(default=READING)

    def __len__(self) -> int:
        return len(self.vectors)

    def rows(self, index: Sequence[int] | NDArray[np.int64]) -> Readings:
        """The readings at these positions, in that order."""
        at = np.asarray(index, np.int64)
        sizes = (self.starts[1:] - self.starts[:-1])[at]
        starts = np.concatenate(([0], np.cumsum(sizes)))
        within = np.arange(starts[-1]) - np.repeat(starts[:-1], sizes)
        buckets = self.buckets[np.repeat(self.starts[at], sizes) + within]
        return Readings(self.vectors[at], self.counts[at], self.request[at], buckets, starts, self.version)

    def one(self, at: int) -> PromptReading:
        """The reading at this position."""
        buckets = self.buckets[self.starts[at] : self.starts[at + 1]]
        return PromptReading(
            self.vectors[at], buckets, self.counts[at], self.request[at], self.version, not len(buckets)
        )


_PLAIN = RequestCounts()


def read_prompt(text: str, request: RequestCounts = _PLAIN) -> PromptReading:
    """One prompt (the last user message) as numbers; time does not grow with its length. Raises vectors.VectorsMissing."""
    kept = words.capped(text)
    found = words.split(kept)
    known = vectors.word_vectors()
    entries = known.entries(found)
    return PromptReading(
        known.mean(entries),
        ngrams.buckets([entry.hash for entry in entries]),
        surface.counts(kept, found, len(text)),
        request.numbers(),
        is_empty=not found,
    )


def read_prompts(texts: Iterable[str]) -> Readings:
    """Many prompts of plain requests."""
    return together([read_prompt(text) for text in texts])


def together(readings: Sequence[PromptReading]) -> Readings:
    """Single readings as one table. Raises ValueError without any."""
    if not readings:
        raise ValueError("No prompt was read.")
    sizes = [len(reading.buckets) for reading in readings]
    return Readings(
        np.stack([reading.vector for reading in readings]),
        np.stack([reading.counts for reading in readings]),
        np.stack([reading.request for reading in readings]),
        np.concatenate([reading.buckets for reading in readings]),
        np.concatenate(([0], np.cumsum(sizes))).astype(np.int64),
        readings[0].version,
    )
