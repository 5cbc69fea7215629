"""Surface counts: 44 plain numbers about how a text looks, whatever its words mean."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_SIGNS = (
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "$",
    "\\",
    "^",
    "_",
    "=",
    "+",
    "-",
    "*",
    "/",
    "<>",
    "|",
    '"',
    "'",
    "`",
    "#",
    "@:",
    ",;",
    ".",
    "?",
    "!%",
)
_CLASSES = ("abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789", " ", "\n")
_ASKED = frozenset(("many", "much", "calculate", "find", "determine", "compute"))
_CHOSEN = re.compile(r"(?m)^\s*\(?[A-J][).:]\s")
_WORDS = ("not", "except", "which", "what", "why", "if")

NAMES = (
    "characters",
    "words",
    "characters_per_word",
    "kinds_of_words",
    *(f"sign {signs}" for signs in _SIGNS),
    *(f"share {name}" for name in ("lower", "upper", "digit", "space", "line", "other")),
    *(f"word {word}" for word in _WORDS),
    "asks_for_a_number",
    "options",
)
SIZE = len(NAMES)


def _byte_classes() -> NDArray[np.intp]:
    nothing = len(_SIGNS) + len(_CLASSES) + 1
    classes = np.full(256, nothing, np.intp)
    for number, members in enumerate((*_SIGNS, *_CLASSES)):
        classes[[ord(member) for member in members]] = number
    classes[128:] = nothing - 1
    return classes


_CLASS_OF_BYTE = _byte_classes()


def counts(text: str, words: Sequence[str], characters: int) -> NDArray[np.float32]:
    """(44,) float32. text: what was kept of the prompt, words: of that; characters: of the whole prompt.

    Counts are ln(1 + n); shares are of the kept text's bytes.
    """
    raw = text.encode("utf-8", "replace")
    by_class = np.bincount(_CLASS_OF_BYTE[np.frombuffer(raw, np.uint8)], minlength=len(_SIGNS) + len(_CLASSES) + 2)[:-1]
    kinds = set(words)
    of_words = [float(word in kinds) for word in _WORDS]
    found = np.empty(SIZE, np.float32)
    found[0] = math.log1p(characters)
    found[1] = math.log1p(len(words))
    found[2] = len(text) / max(len(words), 1)
    found[3] = len(kinds) / max(len(words), 1)
    signs = len(_SIGNS)
    found[4 : 4 + signs] = np.log1p(by_class[:signs])
    found[4 + signs : 10 + signs] = by_class[signs:] / max(len(raw), 1)
    found[10 + signs : 16 + signs] = of_words
    found[16 + signs] = len(_ASKED & kinds)
    found[17 + signs] = math.log1p(len(_CHOSEN.findall(text)))
    return found
