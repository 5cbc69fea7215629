"""Sparse matrices of prompts and n-grams, with the two products that training needs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.ngrams import BUCKETS
from routerapp.learning.reading import Readings

SLICE = 100_000


@dataclass(frozen=True, slots=True)
class Table:
    """A sparse matrix by rows: row i has values[starts[i]:starts[i + 1]] in columns[…]."""

    columns: NDArray[np.int64]
    values: NDArray[np.float32]
    starts: NDArray[np.int64]
    width: int

    @classmethod
    def of(cls, readings: Readings, kept: NDArray[np.int32], rarity: NDArray[np.float32]) -> Table:
        """Prompts × kept buckets, weighted by rarity, each prompt to length 1."""
        row = np.full(BUCKETS, -1, np.int64)
        row[kept] = np.arange(len(kept))
        columns = row[readings.buckets]
        prompts = np.repeat(np.arange(len(readings)), np.diff(readings.starts))[columns >= 0]
        columns = columns[columns >= 0]
        values = rarity[columns]
        lengths = np.sqrt(np.bincount(prompts, weights=values.astype(np.float64) ** 2, minlength=len(readings)))
        starts = np.concatenate(([0], np.cumsum(np.bincount(prompts, minlength=len(readings)))))
        return cls(columns, (values / lengths[prompts]).astype(np.float32), starts, len(kept))

    def transposed(self) -> Table:
        """Columns as rows."""
        order = np.argsort(self.columns, kind="stable")
        rows = np.repeat(np.arange(len(self.starts) - 1), np.diff(self.starts))
        starts = np.concatenate(([0], np.cumsum(np.bincount(self.columns, minlength=self.width))))
        return Table(rows[order], self.values[order], starts, len(self.starts) - 1)

    def times(self, right: NDArray[np.float32]) -> NDArray[np.float32]:
        """(rows, k): this matrix times a dense one, slice by slice."""
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
