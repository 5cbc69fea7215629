"""Marks for answers where no person and no judge is needed: 0 or 1. Answers are hostile text: bounded, nothing of them is run or kept whole."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping

from routerapp.engine.answer_checks import Check
from routerapp.engine.chat import Chat
from routerapp.engine.text_match import compile_pattern
from routerapp.models import GradingKind
from routerapp.serving.answer_acceptance import WrittenAnswer, failed_checks
from routerapp.serving.calibration.offered import OfferedPrompt

# So much of an answer is looked at.
LOOKED_AT = 100_000


def mark(grading: str, prompt: OfferedPrompt, chat: Chat, answer: WrittenAnswer) -> float | None:
    """1 right, 0 not; None for gradings that somebody else does."""
    marker = _MARKERS.get(grading)
    return None if marker is None else float(marker(prompt, chat, answer))


def plain_words(text: str) -> str:
    """For comparing: NFKC, without case, punctuation as spaces. A minus, a point, %, + and # stay at what they belong to; 1,000 is 1000."""
    folded = unicodedata.normalize("NFKC", text[:LOOKED_AT]).casefold()
    for _ in range(2):
        # Neighbours share a digit, so every other comma goes at a time.
        folded = _THOUSANDS.sub(r"\1\2", folded)
    words = (word.strip(".").rstrip("-") for word in _SEPARATORS.sub(" ", folded).split())
    return " ".join(word for word in words if word)


def is_expected(expected: list[str], answer: str) -> bool:
    """Whether one of the expected answers is the answer, or stands in it as whole words."""
    given = f" {plain_words(answer)} "
    wanted = [plain_words(one) for one in expected]
    return any(f" {one} " in given for one in wanted if one)


def _expected(prompt: OfferedPrompt, chat: Chat, answer: WrittenAnswer) -> bool:
    return is_expected(prompt.expected, answer.text)


def _pattern(prompt: OfferedPrompt, chat: Chat, answer: WrittenAnswer) -> bool:
    return not failed_checks((Check("matches", prompt.pattern),), chat, answer)


def _schema(prompt: OfferedPrompt, chat: Chat, answer: WrittenAnswer) -> bool:
    """Of the prompt's own schema, else of the one its request asked for."""
    return not failed_checks((Check("schema", prompt.schema),), chat, answer)


_SEPARATORS = compile_pattern(r"[^\pL\pM\pN%.+#\-]+")
_THOUSANDS = compile_pattern(r"(\d),(\d\d\d)\b")
_MARKERS: Mapping[str, Callable[[OfferedPrompt, Chat, WrittenAnswer], bool]] = {
    GradingKind.EXPECTED: _expected,
    GradingKind.PATTERN: _pattern,
    GradingKind.SCHEMA: _schema,
}
