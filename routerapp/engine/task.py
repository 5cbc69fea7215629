"""What kind of work a prompt asks for: weighted words near its start, plus the shape of code, formulas and pasted text.

Transparent on purpose: each point has a reason that can be shown. Abstains with "unknown" when the evidence is thin or torn.
"""

from __future__ import annotations

from functools import lru_cache

import ahocorasick
import msgspec

from routerapp.engine.task_words import DEFAULT_TASK_WORDS, TASKS, TaskWords

SCAN_HEAD = 500
# The instruction stands at the start or at the very end; what lies between is usually material.
INSTRUCTION_HEAD = 160
INSTRUCTION_TAIL = 100
MATERIAL_WEIGHT = 0.25
LEAST_POINTS = 0.8
LEAST_CONFIDENCE = 0.30
PRIOR_POINTS = 0.5
LONG_TEXT = 400
SHORT_TEXT = 130
VERY_SHORT = 30
MANY_DIGITS = 5
# An interrogative in a long prompt is usually part of another task.
LONG_QUESTION_WEIGHT = 0.4


class TaskGuess(msgspec.Struct, frozen=True, gc=False):
    """confidence: points of the task over all points plus a prior; reasons: the heaviest words and shapes, at most four."""

    task: str
    confidence: float
    reasons: tuple[str, ...]


class TaskClassifier:
    """One automaton over all words of all tasks; built once per set of words."""

    def __init__(self, words: TaskWords = DEFAULT_TASK_WORDS) -> None:
        # stem -> (task, weight, whether letters may follow, name of the reason)
        weights: dict[str, list[tuple[str, float, bool, str]]] = {}
        for task, phrases in words.items():
            for phrase in phrases:
                body, _, weight = phrase.partition("^")
                stem = body.rstrip("*").lower()
                is_open = body.endswith("*")
                weights.setdefault(stem, []).append((task, float(weight or 1), is_open, f"{task}:{stem}"))
        self._automaton = ahocorasick.Automaton()
        for stem, entries in weights.items():
            self._automaton.add_word(stem, (len(stem), not _is_unspaced(stem), entries))
        self._automaton.make_automaton()

    def guess(self, text: str, *, has_code: bool, has_math: bool, conversation_turns: int = 1) -> TaskGuess:
        return _conclude(*self._weighed(text, has_code, has_math, conversation_turns))

    def points(self, text: str, *, has_code: bool, has_math: bool, conversation_turns: int = 1) -> dict[str, float]:
        """What each task of TASKS has collected, in their order; what a trained classifier looks at."""
        return self._weighed(text, has_code, has_math, conversation_turns)[0]

    def _weighed(
        self, text: str, has_code: bool, has_math: bool, turns: int
    ) -> tuple[dict[str, float], dict[str, tuple[float, str]]]:
        head = (text if len(text) <= SCAN_HEAD else text[:SCAN_HEAD] + "\n" + text[-INSTRUCTION_TAIL:]).lower()
        points = dict.fromkeys(TASKS, 0.0)
        reasons: dict[str, tuple[float, str]] = {}
        self._count_words(head, points, reasons)
        for task, weight, reason in _shapes(text, has_code=has_code, has_math=has_math, turns=turns):
            points[task] += weight
            reasons[reason] = (weight, task)
        if len(text) >= SHORT_TEXT:
            points["question"] *= LONG_QUESTION_WEIGHT
        return points, reasons

    def _count_words(self, head: str, points: dict[str, float], reasons: dict[str, tuple[float, str]]) -> None:
        length = len(head)
        tail = length - INSTRUCTION_TAIL
        for end, (size, is_spaced, entries) in self._automaton.iter(head):
            start = end - size + 1
            # A word of the list may stand inside another word; letters, digits and the underscore make words.
            if is_spaced and start and ((before := head[start - 1]).isalnum() or before == "_"):
                continue
            after = head[end + 1] if end + 1 < length else " "
            closes = not is_spaced or not (after.isalnum() or after == "_")
            place = 1.0 if start < INSTRUCTION_HEAD or start >= tail else MATERIAL_WEIGHT
            for task, weight, is_open, reason in entries:
                if (closes or is_open) and reason not in reasons:
                    points[task] += weight * place
                    reasons[reason] = (weight * place, task)


def _is_unspaced(text: str) -> bool:
    return any("\u3040" <= character <= "\u9fff" for character in text)


def _shapes(text: str, *, has_code: bool, has_math: bool, turns: int) -> list[tuple[str, float, str]]:
    size = len(text)
    asks = text.rstrip().endswith(("?", "？"))
    found: list[tuple[str, float, str]] = []
    if has_code:
        found.append(("code", 2.0, "shape:code"))
    if has_math:
        found.append(("math", 1.5, "shape:formula"))
    if asks and size < SHORT_TEXT:
        found.append(("question", 0.6, "shape:short question"))
    if asks and size >= SHORT_TEXT:
        found.append(("reasoning", 1.3, "shape:long question"))
    if asks and not has_code and _digits(text[:LONG_TEXT]) >= MANY_DIGITS:
        found.append(("math", 0.9, "shape:question with numbers"))
    if size < VERY_SHORT and not asks and not has_code and not has_math:
        found.append(("chat", 0.5, "shape:very short"))
    if size > LONG_TEXT:
        found.append(("summarize", 0.3, "shape:long text"))
    return found


def _digits(text: str) -> int:
    return sum(text.count(digit) for digit in "0123456789")


def _conclude(points: dict[str, float], reasons: dict[str, tuple[float, str]]) -> TaskGuess:
    # The first of the tasks with the most points: max keeps the order of TASKS.
    most = max(points.values())
    best = next(task for task in TASKS if points[task] == most)
    confidence = round(most / (sum(points.values()) + PRIOR_POINTS), 2)
    if points[best] < LEAST_POINTS or confidence < LEAST_CONFIDENCE:
        return TaskGuess("unknown", confidence, ())
    mine = sorted(((weight, reason) for reason, (weight, task) in reasons.items() if task == best), reverse=True)
    return TaskGuess(best, confidence, tuple(reason for _, reason in mine[:4]))


@lru_cache(maxsize=4)
def _classifier_for(frozen: tuple[tuple[str, tuple[str, ...]], ...]) -> TaskClassifier:
    return TaskClassifier(dict(frozen))


@lru_cache(maxsize=1)
def default_classifier() -> TaskClassifier:
    return TaskClassifier()


def classifier_for(words: TaskWords) -> TaskClassifier:
    """A classifier for these words, cached by value; meant to be called once per snapshot."""
    if words is DEFAULT_TASK_WORDS:
        return default_classifier()
    return _classifier_for(tuple((task, tuple(phrases)) for task, phrases in words.items()))
