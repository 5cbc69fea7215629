"""Static word vectors: 256 numbers per word piece, read from the two files that the package `wordllama` carries.

The package itself is never imported (its loader goes to the network). The weights are mapped, so that all processes share one copy.
"""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from routerapp.learning import words
from routerapp.learning.tensors import BadTensors, map_tensors

SIZE = 256
WEIGHTS = Path("weights", "l2_supercat_256.safetensors")
TOKENIZER = Path("tokenizers", "l2_supercat_tokenizer_config.json")
MOST_CACHED_WORDS = 20_000

_SIGN_AND_REST = np.int32(-0x70002000)
HALF_BIAS = 2.0**112


class VectorsMissing(RuntimeError):
    """The files of the word vectors are not installed, or are not what they should be."""


class Entry(NamedTuple):
    """A word: its hash (crc32), and the rows of its pieces in the table of vectors."""

    hash: int
    pieces: tuple[int, ...]


class WordVectors:
    """Vectors of words by their pieces. Keeps the entries of the last 20,000 words met; safe to share between threads."""

    def __init__(self, weights: NDArray[np.float16], tokenizer: Tokenizer) -> None:
        self._halves = weights.view(np.int16)
        self._tokenizer = tokenizer
        self._entries: dict[str, Entry] = {}

    def entries(self, found: Sequence[str]) -> list[Entry]:
        """One entry per word, in order."""
        known = self._entries.get
        return [known(word) or self._entry(word) for word in found]

    def mean(self, entries: Sequence[Entry]) -> NDArray[np.float32]:
        """(256,) float32: the mean vector of all pieces, of length 1; zeros without any."""
        at = [piece for entry in entries for piece in entry.pieces]
        if not at:
            return np.zeros(SIZE, np.float32)
        total = np.add.reduce(half_rows(self._halves, at), axis=0).astype(np.float64) * HALF_BIAS
        return np.asarray(total / max(math.sqrt(float(np.add.reduce(total * total))), 1e-9), dtype=np.float32)

    def _entry(self, found: str) -> Entry:
        word = words.plain(found)
        entry = self._entries.get(word)
        if entry is None:
            # A number is read as noughts: which number it is says little about who can answer.
            raw = word.encode("utf-8", "replace")
            text = "0" * int(word[1:]) if word[0] == "#" and len(word) > 1 else raw.decode()
            entry = Entry(
                crc32(raw),
                tuple(self._tokenizer.encode(text, add_special_tokens=False).ids),
            )
            if len(self._entries) >= MOST_CACHED_WORDS:
                self._entries = {}
            self._entries[word] = entry
        return entry


@lru_cache(maxsize=1)
def word_vectors() -> WordVectors:
    """The installed vectors, opened once per process. Raises VectorsMissing."""
    found = importlib.util.find_spec("wordllama")
    if found is None or not found.submodule_search_locations:
        raise VectorsMissing("The package wordllama, whose files hold the word vectors, is not installed.")
    folder = Path(next(iter(found.submodule_search_locations)))
    try:
        return WordVectors(mapped_weights(folder / WEIGHTS), Tokenizer.from_file(str(folder / TOKENIZER)))
    except OSError as error:
        raise VectorsMissing(f"{folder}: the word vectors cannot be read ({error}).") from None


def mapped_weights(path: Path) -> NDArray[np.float16]:
    """(pieces, 256) float16, mapped from a safetensors file. Raises VectorsMissing when it holds something else, OSError when absent."""
    try:
        weights = map_tensors(path)[0].get("embedding.weight")
    except BadTensors as error:
        raise VectorsMissing(str(error)) from None
    if weights is None or weights.dtype != np.float16 or weights.ndim != 2 or weights.shape[1] != SIZE:
        raise VectorsMissing(f"{path.name}: has no float16 'embedding.weight' of {SIZE} columns.")
    return weights


def half_rows(halves: NDArray[np.int16], at: Sequence[int] | NDArray[np.signedinteger]) -> NDArray[np.float32]:
    """These rows of a float16 table (given as its bits), times 2^-112, in float32: by moving bits, at a third of a conversion's time."""
    bits = halves.take(at, axis=0).astype(np.int32)
    bits <<= 13
    bits &= _SIGN_AND_REST
    return np.asarray(bits.view(np.float32))
