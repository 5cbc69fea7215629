"""Which of two answers to one question somebody liked better, as pieces of evidence: one strength per model and task (Bradley, Terry).

A vote is feedback with the label better_than:<decision> or as_good_as:<decision>, see votes_given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from routerapp.experiments.bradley_terry import Duel, strengths
from routerapp.learning.evidence import DAY_MS, TASK, Piece, decay, gather
from routerapp.learning.votes import screen
from routerapp.models import Feedback, FeedbackKind, Origin
from routerapp.store.judged_answers import DAYS, Answer, answers_of, questions_of
from routerapp.store.votes_given import PERSON, SCORES

NEWEST = 20_000
ORIGINS = (Origin.LIVE, Origin.PLAYGROUND)


@dataclass(frozen=True, slots=True)
class Vote:
    """score: 1 the first answer was better, 0.5 as good."""

    first: Answer
    second: Answer
    score: float
    at_ms: int
    voter: str


def arena_pieces(now_ms: int, dimensions: Mapping[str, str]) -> list[Piece]:
    """One piece per task and model: its chance against the average of the models it met. dimensions: task -> dimension."""
    votes = recent_votes(now_ms)
    if not votes:
        return []
    weights = _screened(votes, dimensions)
    by_task: dict[str, list[tuple[Vote, float]]] = defaultdict(list)
    for vote, weight in zip(votes, weights, strict=True):
        if weight > 0:
            by_task[vote.first.task].append((vote, weight))
    return [piece for task in sorted(by_task) for piece in _strengths(by_task[task], dimensions)]


def recent_votes(now_ms: int) -> list[Vote]:
    """Of each voter on two answers the last counts; both were asked the same question, of different models."""
    last: dict[tuple[str, frozenset[str]], tuple[str, str, float, int]] = {}
    rows = Feedback.objects.filter(kind=FeedbackKind.LABEL, at_ms__gte=now_ms - DAYS * DAY_MS).order_by("-at_ms", "-id")
    columns = ("request_id", "label", "source", "at_ms")
    for prefix, score in SCORES.items():
        for request_id, label, source, at_ms in rows.filter(label__startswith=prefix).values_list(*columns)[:NEWEST]:
            other = label.removeprefix(prefix)
            pair = (source, frozenset((request_id, other)))
            if pair not in last or last[pair][3] < at_ms:
                last[pair] = (request_id, other, score, at_ms)
    ids = sorted({name for first, second, _, _ in last.values() for name in (first, second)})
    answers, questions = answers_of(ids, ORIGINS), questions_of(ids)
    found = []
    for (source, _), (first, second, score, at_ms) in sorted(last.items(), key=lambda pair: (pair[1][3], pair[1][0])):
        one, other_answer = answers.get(first), answers.get(second)
        if one and other_answer and one.model != other_answer.model and _same(questions, first, second):
            found.append(Vote(one, other_answer, score, at_ms, source if source.startswith(PERSON) else one.user))
    return found


def _strengths(votes: list[tuple[Vote, float]], dimensions: Mapping[str, str]) -> Iterable[Piece]:
    newest = max(vote.at_ms for vote, _ in votes)
    fading = decay(np.array([newest - vote.at_ms for vote, _ in votes], dtype=np.int64))
    duels = [
        Duel(vote.first.model, vote.second.model, vote.score, weight * faded)
        for (vote, weight), faded in zip(votes, fading.tolist(), strict=True)
    ]
    task = votes[0][0].first.task
    for one in strengths(duels):
        # What says less than one answer would count as a single vote, and was screened before.
        if one.win.value is not None and one.effective > 1:
            answer = Answer(one.model, task, "", newest)
            yield answer.piece(one.win.value, "arena", newest, dimensions, count=one.effective)


def _screened(votes: list[Vote], dimensions: Mapping[str, str]) -> list[float]:
    """How far each vote counts, 0 to 1: as one for the one and one against the other."""
    pieces = []
    for vote in votes:
        pieces.append(vote.first.piece(vote.score, "arena", vote.at_ms, dimensions, voter=vote.voter))
        pieces.append(vote.second.piece(1 - vote.score, "arena", vote.at_ms, dimensions, voter=vote.voter))
    factor = screen(gather(pieces, TASK)).factor.tolist()
    return [min(factor[at], factor[at + 1]) for at in range(0, len(factor), 2)]


def _same(questions: Mapping[str, str], first: str, second: str) -> bool:
    return first in questions and questions[first] == questions.get(second)
