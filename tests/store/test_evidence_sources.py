"""What becomes evidence besides ratings: labels with a value, checks of cascades, questions asked again, and which of two answers was better."""

from __future__ import annotations

import itertools
import zlib
from typing import Any

import pytest

from routerapp.engine.canonical import canonical_bytes
from routerapp.models import DecisionTrace, Feedback, RoutedRequest
from routerapp.store.arena_pieces import arena_pieces
from routerapp.store.check_pieces import check_pieces
from routerapp.store.feedback_pieces import recent_pieces
from routerapp.store.regeneration_pieces import MOST_ASKED, regeneration_pieces
from tests.factories import REQUESTS_FROM_MS, a_request, an_attempt

pytestmark = pytest.mark.django_db
MINUTE = 60_000
NOW_MS = REQUESTS_FROM_MS + 3_600_000
DIMENSIONS = {"code": "code"}
_numbers = itertools.count(1)


def label(row: RoutedRequest, text: str, source: str = "key", after_ms: int = MINUTE) -> None:
    Feedback.objects.create(
        id=f"f-{next(_numbers)}",
        request_id=row.id,
        at_ms=row.at_ms + after_ms,
        kind="label",
        label=text,
        source=source,
    )


def asked(minute: float, model: str, unit: str = "u", **overrides: Any) -> RoutedRequest:
    fields = {"at_ms": REQUESTS_FROM_MS + round(minute * MINUTE), "language_model": model, "task": "code", "key": "app"}
    return a_request(facts={"prompt_unit": unit}, user_hash="ann", **fields | overrides)


def values(pieces: list[Any]) -> list[tuple[str, float, str]]:
    return sorted((piece.model, piece.value, piece.source) for piece in pieces)


def test_a_label_counts_once_it_has_a_value_and_others_say_nothing() -> None:
    first, second, third = (asked(minute, "small") for minute in range(3))
    label(first, "Correct")
    label(second, "wrong")
    label(third, "holiday")

    pieces = recent_pieces(NOW_MS, DIMENSIONS, {"correct": 1.0, "wrong": 0.0})

    assert values(pieces) == [("small", 0.0, "label"), ("small", 1.0, "label")]
    assert {piece.voter for piece in pieces} == {""}
    assert recent_pieces(NOW_MS, DIMENSIONS, {}) == []


def a_cascade(checks: list[str], warnings: str, *, has_judged: bool = False) -> None:
    row = asked(next(_numbers), "big", strategy="cascade")
    plan = [
        {"deployment": "cheap", "role": "primary", "accept_if": [{"check": kind} for kind in checks]},
        {"deployment": "dear", "role": "escalation"},
    ]
    DecisionTrace.objects.create(
        request_id=row.id, at_ms=row.at_ms, document=zlib.compress(canonical_bytes({"plan": plan}))
    )
    an_attempt(row, deployment="cheap", language_model="small", warnings=warnings)
    if has_judged:
        an_attempt(row, deployment="judge", language_model="judge", role="check", number=11)
    if warnings:
        an_attempt(row, deployment="dear", language_model="big", role="escalation")


def test_a_cascades_schema_and_judge_speak_for_and_against_the_model_they_checked() -> None:
    a_cascade(["schema"], "")
    a_cascade(["schema", "judge"], "not_accepted:schema")
    a_cascade(["schema", "judge"], "not_accepted:judge", has_judged=True)
    a_cascade(["judge"], "", has_judged=True)

    assert values(check_pieces(NOW_MS, DIMENSIONS)) == [
        ("small", 0.0, "judge"),
        ("small", 0.0, "schema_failure"),
        ("small", 1.0, "judge"),
        ("small", 1.0, "schema_failure"),
        ("small", 1.0, "schema_failure"),
    ]


def test_a_judge_that_never_answered_has_said_nothing() -> None:
    a_cascade(["judge"], "not_accepted:judge")

    assert check_pieces(NOW_MS, DIMENSIONS) == []


def test_a_question_asked_again_speaks_weakly_for_the_last_answer() -> None:
    asked(1, "small")
    asked(2, "big")

    assert values(regeneration_pieces(NOW_MS, DIMENSIONS)) == [
        ("big", 1.0, "regeneration"),
        ("small", 0.0, "regeneration"),
    ]


@pytest.mark.parametrize(
    ("minutes", "models", "overrides"),
    [
        ((1, 2), ("small", "small"), {}),
        ((1, 20), ("small", "big"), {}),
        ((1, 1.02), ("small", "big"), {}),
        ((1, 2), ("small", "big"), {"unit": "another question"}),
        ((1, 2), ("small", "big"), {"key": "another key"}),
        ((1, 2), ("small", "big"), {"user_hash": "another person"}),
        ((55, 56), ("small", "big"), {}),
        (tuple(range(MOST_ASKED + 1)), ("small", "big") * 3, {}),
    ],
    ids=["one model", "later", "a program", "question", "key", "person", "not over", "too often"],
)
def test_what_is_no_regeneration_says_nothing(
    minutes: tuple[float, ...], models: tuple[str, ...], overrides: dict[str, Any]
) -> None:
    for place, (minute, model) in enumerate(zip(minutes, models, strict=False)):
        fields = {"unit": "u", "key": "app"} | (overrides if place else {})
        user = fields.pop("user_hash", "ann")
        row = asked(minute, model, **fields)
        RoutedRequest.objects.filter(id=row.id).update(user_hash=user)

    assert regeneration_pieces(NOW_MS, DIMENSIONS) == []


def duel(better: str, worse: str, source: str = "user:ann", verdict: str = "better_than") -> tuple[str, str]:
    unit = f"question {next(_numbers)}"
    one, other = (asked(1, model, unit, origin="playground") for model in (better, worse))
    label(one, f"{verdict}:{other.id}", source)
    return one.id, other.id


def test_votes_on_two_answers_become_a_strength_of_each_model() -> None:
    for place in range(12):
        duel("big", "small", f"user:{place % 4}")

    big, small = arena_pieces(NOW_MS, DIMENSIONS)

    assert (big.model, small.model, big.source, big.dimension) == ("big", "small", "arena", "code")
    assert big.value > 0.7 > 0.3 > small.value
    assert big.count > 1


def test_of_one_voter_the_last_vote_on_two_answers_counts() -> None:
    for place in range(12):
        one, other = duel("big", "small", f"user:{place % 4}")
        first, second = RoutedRequest.objects.get(id=other), one
        label(first, f"better_than:{second}", f"user:{place % 4}", after_ms=2 * MINUTE)

    small, big = sorted(arena_pieces(NOW_MS, DIMENSIONS), key=lambda piece: -piece.value)

    assert (small.model, big.model) == ("small", "big")


def test_a_vote_between_answers_to_two_questions_or_of_one_model_or_on_nothing_is_none() -> None:
    one, other = asked(1, "big", "one"), asked(1, "small", "other")
    label(one, f"better_than:{other.id}")
    duel("big", "big")
    label(one, "better_than:nobody")

    assert arena_pieces(NOW_MS, DIMENSIONS) == []
