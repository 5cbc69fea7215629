"""A prompt's text as lower-cased words, numbers and signs: what vectors and n-grams are made of."""

from __future__ import annotations

import re

HEAD_CHARACTERS = 1_300
TAIL_CHARACTERS = 700
LONGEST_WORD = 40
LONGEST_NUMBER = 6

# Scripts written without spaces (Japanese, Chinese, Korean) are taken sign by sign.
_PIECE = re.compile(
    r"[^\W\d_\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+|\d+|[^\w\s]|[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]|_"
)


def capped(text: str) -> str:
    """The first 1,300 and the last 700 characters: where a prompt says what it wants, at a cost that does not grow with its length."""
    if len(text) <= HEAD_CHARACTERS + TAIL_CHARACTERS:
        return text
    return f"{text[:HEAD_CHARACTERS]}\n{text[-TAIL_CHARACTERS:]}"


def split(text: str) -> list[str]:
    """Lower-cased words, numbers and single signs, in the order of the text."""
    return _PIECE.findall(text.lower())


def plain(piece: str) -> str:
    """What a piece counts as: a number is its length ("#3"), a word its first 40 letters."""
    return f"#{min(len(piece), LONGEST_NUMBER)}" if piece.isdecimal() else piece[:LONGEST_WORD]
