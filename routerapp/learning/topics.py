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
from routerapp.learning.sparse import Table
from routerapp.learning.vectors import HALF_BIAS, half_rows

Array = NDArray[np.float64]

SIZE = 128
LEAST_PROMPTS = 4
MOST_SHARE = 0.7
OVERSAMPLED = 12
# Small numbers keep their digits in half precision when stored larger.
STORED_TIMES = 256.0


@dataclass(frozen=True, slots=True)
class Topics:
    """kept: the buckets that have a row (r,) int32, sorted; rarity: (r,) float32; directions: (r, k) float16, times 256.

    Weights of linear heads on n-grams may stand beside the directions as further columns.
    """

    kept: NDArray[np.int32]
    rarity: NDArray[np.float32]
    directions: NDArray[np.float16]

    def rows(self) -> NDArray[np.int32]:
        """(2^17,) the row of each bucket, -1 where it has none."""
        row = np.full(BUCKETS, -1, np.int32)
        row[self.kept] = np.arange(len(self.kept), dtype=np.int32)
        return row

    def beside(self, weights: NDArray[np.float32]) -> Topics:
        """With these weights (r, j) as further columns."""
        more = (weights * np.float32(STORED_TIMES)).astype(np.float16)
        return Topics(self.kept, self.rarity, np.concatenate((self.directions, more), axis=1))

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
    return np.asarray(np.add.reduce(found, axis=0).astype(np.float64) * (HALF_BIAS / STORED_TIMES))


def find_topics(readings: Readings, seed: int, most: int = BUCKETS, size: int = SIZE) -> Topics:
    """The directions of these prompts; fewer than `size` for few prompts. most: so many n-grams, those of most prompts, are looked at."""
    n = len(readings)
    seen = np.bincount(readings.buckets, minlength=BUCKETS)
    kept = np.flatnonzero((seen >= min(LEAST_PROMPTS, max(2, n // 50))) & (seen <= max(MOST_SHARE * n, 2))).astype(
        np.int32
    )
    if len(kept) > most:
        kept = np.sort(kept[np.argsort(-seen[kept], kind="stable")[:most]])
    size = max(1, min(size, n // 8, len(kept)))
    if not len(kept):
        return Topics(kept, np.zeros(0, np.float32), np.zeros((0, size), np.float16))
    rarity = (np.log((n + 1) / (seen[kept] + 1)) + 0.3).astype(np.float32)
    table = Table.of(readings, kept, rarity)
    generator = np.random.Generator(np.random.PCG64(seed))
    wide = min(size + OVERSAMPLED, n, len(kept))
    spread = table.times(generator.standard_normal((len(kept), wide)).astype(np.float32))
    back = table.transposed().times(np.linalg.qr(spread)[0])
    back = table.transposed().times(np.linalg.qr(table.times(np.linalg.qr(back)[0]))[0])
    basis = np.linalg.qr(back)[0]
    _, _, turned = np.linalg.svd(table.times(basis), full_matrices=False)
    return Topics(kept, rarity, (basis @ turned[:size].T * STORED_TIMES).astype(np.float16))
