"""Questions that were asked again within minutes, as pieces of evidence: weakly against every answer but the last, weakly for the last.

Both sides count, and only where another model answered in between: models are compared on the same question. How seldom a question is
asked again says nothing about how good the answer was, so what nobody asked twice is no evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

from routerapp.learning.evidence import DAY_MS, Piece
from routerapp.models import Origin, RoutedRequest, Status
from routerapp.store.judged_answers import DAYS, Answer, questions_of

NEWEST = 20_000
# Faster than anybody reads is a program; later is another day's question.
LEAST_GAP_MS, MOST_GAP_MS = 2_000, 10 * 60_000
# A question asked more often in a row than this is a program, too.
MOST_ASKED = 4


@dataclass(frozen=True, slots=True)
class _Asked:
    id: str
    key: str
    ended_ms: int
    answer: Answer


def regeneration_pieces(now_ms: int, dimensions: Mapping[str, str]) -> list[Piece]:
    """Of the newest live answers. The same question: same key, same end user, and the same last message (its keyed hash)."""
    alike = [rows for rows in _by_size(now_ms) if _is_close(rows)]
    questions = questions_of(sorted({one.id for rows in alike for one in rows}))
    pieces = []
    for rows in alike:
        same: dict[str, list[_Asked]] = defaultdict(list)
        for one in rows:
            if question := questions.get(one.id):
                same[question].append(one)
        for asked in same.values():
            for chain in _chains(asked):
                pieces += _pieces(chain, now_ms, dimensions)
    return pieces


def _pieces(chain: list[_Asked], now_ms: int, dimensions: Mapping[str, str]) -> list[Piece]:
    is_over = now_ms - chain[-1].ended_ms >= MOST_GAP_MS
    if len(chain) > MOST_ASKED or not is_over or len({one.answer.model for one in chain}) < 2:
        return []
    times = [*(later.answer.at_ms for later in chain[1:]), chain[-1].ended_ms]
    return [
        one.answer.piece(
            float(one is chain[-1]), "regeneration", at_ms, dimensions, voter=one.answer.user or f"key:{one.key}"
        )
        for one, at_ms in zip(chain, times, strict=True)
    ]


def _chains(asked: list[_Asked]) -> Iterable[list[_Asked]]:
    """Parts of which each was asked again soon after the one before; too soon breaks it, too."""
    chain = asked[:1]
    for before, after in pairwise(asked):
        if LEAST_GAP_MS <= after.answer.at_ms - before.ended_ms <= MOST_GAP_MS:
            chain.append(after)
        else:
            yield chain
            chain = [after]
    yield chain


def _is_close(rows: list[_Asked]) -> bool:
    return any(after.answer.at_ms - before.ended_ms <= MOST_GAP_MS for before, after in pairwise(rows))


def _by_size(now_ms: int) -> Iterable[list[_Asked]]:
    """Answers, oldest first, that may be to one question: nothing but rows is read for all the others."""
    rows = RoutedRequest.objects.filter(
        origin=Origin.LIVE, status=Status.OK, endpoint="chat", at_ms__gte=now_ms - DAYS * DAY_MS
    ).exclude(language_model="")
    columns = ("id", "key", "user_hash", "prompt_tokens_estimate", "language_model", "task", "at_ms", "latency_ms")
    found: dict[tuple[str, str, int], list[_Asked]] = defaultdict(list)
    newest = list(rows.exclude(cache="hit").order_by("-at_ms", "-id").values_list(*columns)[:NEWEST])
    for request_id, key, user, tokens, model, task, at_ms, latency_ms in reversed(newest):
        answer = Answer(model, task or "unknown", user, at_ms)
        found[(key, user, tokens)].append(_Asked(request_id, key, at_ms + (latency_ms or 0), answer))
    return [rows for rows in found.values() if len(rows) > 1]
