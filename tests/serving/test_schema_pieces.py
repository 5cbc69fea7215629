"""Answers that were asked for JSON of a schema become evidence where both sides were kept whole, and only there."""

from __future__ import annotations

from typing import Any

import pytest

from routerapp.serving.schema_pieces import schema_pieces
from tests.factories import REQUESTS_FROM_MS, a_request

pytestmark = pytest.mark.django_db
NOW_MS = REQUESTS_FROM_MS + 3_600_000
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
GOOD, BAD = '{"n": 3}', '{"n": "three"}'


def kept(
    texts: list[str | None], schema: Any = SCHEMA, marks: Any = None, form: str = "json_schema", **row: Any
) -> None:
    asked: dict[str, Any] = {"messages": [{"role": "user", "content": "count"}], "response_format": {"type": form}}
    if schema is not None:
        asked["response_format"]["json_schema"] = {"name": "count", "schema": schema}
    said = {"choices": [{"content": text} for text in texts], "signalbox": marks or {"redacted": 0, "is_cut": False}}
    a_request(chat=asked, answer=said, task="extraction", **row)


def said() -> list[tuple[str, float, str, str]]:
    return sorted(
        (one.model, one.value, one.task, one.dimension) for one in schema_pieces(NOW_MS, {"extraction": "json"})
    )


def test_what_followed_and_what_missed_both_count_by_the_share_of_choices() -> None:
    kept([GOOD], language_model="a")
    kept([BAD], language_model="b")
    kept(["not even JSON"], language_model="c")
    kept([GOOD, BAD], language_model="d")

    assert said() == [
        (model, value, "extraction", "json") for model, value in zip("abcd", (1.0, 0.0, 0.0, 0.5), strict=True)
    ]


def test_nothing_is_said_of_answers_that_nobody_can_judge() -> None:
    kept([GOOD], schema=None)
    kept([GOOD], form="json_object")
    kept([GOOD], schema="no schema")
    kept([None])
    kept([BAD], marks={"redacted": 1, "is_cut": False})
    kept([BAD], marks={"redacted": 0, "is_cut": True})
    kept([BAD], strategy="cascade")
    kept([BAD], cache="hit")
    kept([BAD], origin="sample")
    kept([BAD], status="error")
    a_request(chat="damaged", answer={})
    a_request()

    assert said() == []


def test_a_schema_that_is_none_or_reaches_outside_speaks_against_nobody() -> None:
    kept([GOOD], schema={"$ref": "http://127.0.0.1/schema.json"})
    kept([BAD], schema={"type": 7})

    assert said() == []
