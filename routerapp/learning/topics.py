"""The leading directions of a training set's n-grams: each prompt's thousands of buckets as 128 numbers (latent semantic analysis).

Deerwester et al., "Indexing by latent semantic analysis", 1990; found by randomised projection (Halko et al., arXiv:0909.4061, 4.3).
No labels are looked at, so what is found may be used in every fold of a cross-validation.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.reading import Readings
from routerapp.learning.vectors import HALF_BIAS, half_rows

Array = NDArray[np.float64]

SIZE = 128
LEAST_PROMPTS = 4
MOST_SHARE = 0.7
OVERSAMPLED = 12
SLICE = 100_000


@dataclass(frozen=True, slots=True)
class Topics:
    """kept: the buckets that have a row (r,) int32, sorted; rarity: (r,) float32; directions: (r, k) float16."""

    kept: NDArray[np.int32]
    rarity: NDArray[np.float32]
    directions: NDArray[np.float16]

    def rows(self) -> NDArray[np.int32]:
        """(2^17,) the row of each bucket, -1 where it has none."""
        row = np.full(BUCKETS, -1, np.int32)
        row[self.kept] = np.arange(len(self.kept), dtype=np.int32)
        return row

    def project(self, readings: Readings) -> Array:
        """(n, k) float64: where these prompts lie; a prompt of unknown n-grams lies at 0."""
        rows, bits = self.rows(), self.directions.view(np.int16)
        out = np.zeros((len(readings), self.directions.shape[1]))
        for at in range(len(readings)):
            out[at] = place(readings.buckets[readings.starts[at] : readings.starts[at + 1]], rows, self.rarity, bits)
        return out


def place(
    buckets: NDArray[np.int32], rows: NDArray[np.int32], rarity: NDArray[np.float32], bits: NDArray[np.int16]
) -> Array:
    """(k,) float64: one prompt's buckets, weighted by rarity to length 1, along the directions. Sums run in a fixed order."""
    at = rows[buckets]
    at = at[at >= 0]
    if not len(at):
        return np.zeros(bits.shape[1])
    weight = rarity[at]
    length = float(np.add.reduce((weight * weight).astype(np.float64)))
    found = half_rows(bits, at)
    found *= (weight / np.float32(np.sqrt(length)))[:, None]
    return np.add.reduce(found, axis=0).astype(np.float64) * HALF_BIAS


def find_topics(readings: Readings, seed: int, size: int = SIZE) -> Topics:
    """The directions of these prompts; fewer than `size` for few prompts. Time grows with the number of n-grams."""
    n = len(readings)
    seen = np.bincount(readings.buckets, minlength=BUCKETS)
    kept = np.flatnonzero((seen >= min(LEAST_PROMPTS, max(2, n // 50))) & (seen <= max(MOST_SHARE * n, 2))).astype(
        np.int32
    )
    size = max(1, min(size, n // 8, len(kept)))
    if not len(kept):
        return Topics(kept, np.zeros(0, np.float32), np.zeros((0, size), np.float16))
    rarity = (np.log((n + 1) / (seen[kept] + 1)) + 0.3).astype(np.float32)
    table = _Table.of(readings, kept, rarity)
    generator = np.random.Generator(np.random.PCG64(seed))
    wide = min(size + OVERSAMPLED, n, len(kept))
    spread = table.times(generator.standard_normal((len(kept), wide)).astype(np.float32))
    back = table.transposed().times(np.linalg.qr(spread)[0])
    back = table.transposed().times(np.linalg.qr(table.times(np.linalg.qr(back)[0]))[0])
    basis = np.linalg.qr(back)[0]
    _, _, turned = np.linalg.svd(table.times(basis), full_matrices=False)
    return Topics(kept, rarity, (basis @ turned[:size].T).astype(np.float16))


@dataclass(frozen=True, slots=True)
class _Table:
    """A sparse matrix by rows: row i has values[starts[i]:starts[i + 1]] in columns[…]."""

    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, readings: Readings, kept: NDArray[np.int32], rarity: NDArray[np.float32]) -> _Table:
        row = np.full(BUCKETS, -1, np.int64)
        row[kept] = np.arange(len(kept))
        columns = row[readings.buckets]
        prompts = np.repeat(np.arange(len(readings)), np.diff(readings.starts))[columns >= 0]
        columns = columns[columns >= 0]
        values = rarity[columns]
        lengths = np.sqrt(np.bincount(prompts, weights=values.astype(np.float64) ** 2, minlength=len(readings)))
        starts = np.concatenate(([0], np.cumsum(np.bincount(prompts, minlength=len(readings)))))
        return cls(columns, (values / lengths[prompts]).astype(np.float32), starts, len(kept))

    def transposed(self) -> _Table:
        order = np.argsort(self.columns, kind="stable")
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        starts = np.concatenate(([0], np.cumsum(np.bincount(self.columns, minlength=self.width))))
        return _Table(rows[order], self.values[order], starts, len(self.starts) - 1)

    def times(self, right: NDArray[np.float32]) -> NDArray[np.float32]:
        rows = len(self.starts) - 1
        out = np.zeros((rows, right.shape[1]), np.float32)
        first = 0
        while first < rows:
            last = int(np.searchsorted(self.starts, self.starts[first] + SLICE, "right")) - 1
            last = min(max(last, first + 1), rows)
            low, high = self.starts[first], self.starts[last]
            filled = first + np.flatnonzero(self.starts[first + 1 : last + 1] > self.starts[first:last])
            if high > low:
                terms = right[self.columns[low:high]]
                terms *= self.values[low:high, None]
                out[filled] = np.add.reduceat(terms, self.starts[filled] - low, axis=0)
            first = last
        return out
