"""Hashed n-grams: which words and pairs of neighbouring words a text has, as places in 2^17 buckets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BITS = 17
BUCKETS = 1 << BITS

_PAIR = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xD6E8FEB86659FD93)


def buckets(hashes: Sequence[int]) -> NDArray[np.int32]:
    """Sorted places (0 to 2^17 - 1), each once, of words, given by their hashes (32 bits), and of pairs of neighbours."""
    if not hashes:
        return np.zeros(0, np.int32)
    single = np.array(hashes, dtype=np.uint64)
    pairs = single[:-1] * _PAIR + single[1:]
    mixed = np.concatenate((single, pairs)) * _MIX
    places = (mixed >> np.uint64(64 - BITS)).astype(np.int32)
    places.sort()
    return np.asarray(places[np.concatenate(([True], places[1:] != places[:-1]))], dtype=np.int32)
