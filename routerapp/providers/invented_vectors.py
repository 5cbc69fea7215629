"""Vectors a simulated deployment answers with: of length one, the same for the same text and model, closer the more words two texts share."""

from __future__ import annotations

import hashlib
import math
import random
from typing import Any

DEFAULT_DIMENSIONS = 256
MOST_DIMENSIONS = 4_096
MOST_WORDS = 2_000
_PLACES_A_WORD = 8
_BYTES_PER_TOKEN = 4


def invent_vectors(inputs: Any, model: str, dimensions: int | None) -> list[list[float]]:
    """One for each input, in order."""
    size = min(dimensions or DEFAULT_DIMENSIONS, MOST_DIMENSIONS)
    return [_vector(words, model, size) for words in _inputs(inputs)]


def count_input_tokens(inputs: Any) -> int:
    """Token numbers as they are counted; text by its bytes."""
    total = 0
    for one in inputs if isinstance(inputs, list) else [inputs]:
        if isinstance(one, str):
            total += max(1, len(one.encode("utf-8", "surrogatepass")) // _BYTES_PER_TOKEN)
        else:
            total += len(one) if isinstance(one, list) else 1
    return total


def input_text(inputs: Any) -> str:
    """All of it that is text, for faults that wait for a word."""
    listed = inputs if isinstance(inputs, list) else [inputs]
    return "\n".join(one for one in listed if isinstance(one, str))


def _inputs(inputs: Any) -> list[list[str]]:
    if isinstance(inputs, str):
        return [_words(inputs)]
    if not isinstance(inputs, list) or not inputs:
        return []
    if isinstance(inputs[0], int):
        return [[str(token) for token in inputs[:MOST_WORDS]]]
    return [_words(one) if isinstance(one, str) else [str(token) for token in one[:MOST_WORDS]] for one in inputs]


def _words(text: str) -> list[str]:
    return text.lower().split(maxsplit=MOST_WORDS)[:MOST_WORDS] or [text]


def _vector(words: list[str], model: str, size: int) -> list[float]:
    """Feature hashing (Weinberger et al., 2009), with a little noise of the whole text so that no place stays empty."""
    whole = hashlib.blake2b("\x1f".join([model, *words]).encode("utf-8", "surrogatepass"), digest_size=16).digest()
    draw = random.Random(whole)
    vector = [0.05 * draw.uniform(-1, 1) for _ in range(size)]
    for word in words:
        digest = hashlib.blake2b(f"{model}\x1f{word}".encode("utf-8", "surrogatepass"), digest_size=32).digest()
        for place in range(_PLACES_A_WORD):
            bits = int.from_bytes(digest[4 * place : 4 * place + 4], "little")
            vector[(bits >> 1) % size] += 1.0 if bits & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector)) or 1.0
    return [value / length for value in vector]
