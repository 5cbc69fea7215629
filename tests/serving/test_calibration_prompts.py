"""Prompts as people bring them, and marks where neither a person nor a judge is needed. Needs no database."""

from __future__ import annotations

import json
from typing import Any

import pytest

from routerapp.serving.answer_acceptance import WrittenAnswer
from routerapp.serving.calibration.marks import is_expected, mark, plain_words
from routerapp.serving.calibration.offered import OfferedPrompt, pack, prompt_of, read_jsonl, unpack
from routerapp.serving.calibration.questions import ceiling_of
from routerapp.serving.refusals import Invalid


def test_lines_are_read_with_what_is_right_and_each_question_once() -> None:
    lines = [
        '{"prompt": "What is 2 + 2?", "expected": 4}',
        "",
        '{"prompt": "Name a river.", "system": "Be brief.", "expected": ["Rhine", "Elbe"]}',
        '{"prompt": "What is 2 + 2?", "expected": 4}',
    ]
    found = read_jsonl(("\ufeff" + "\r\n".join(lines)).encode(), "expected")

    assert [(one.text, one.expected) for one in found] == [
        ("What is 2 + 2?", ["4"]),
        ("Name a river.", ["Rhine", "Elbe"]),
    ]
    assert found[1].messages[0] == {"role": "system", "content": "Be brief."}
    assert unpack(pack(found)) == found
    assert [prompt_of(one.text, one.document) for one in found] == found


@pytest.mark.parametrize(
    ("line", "grading", "told"),
    [
        ("", "people", "There is no prompt"),
        ("nonsense", "people", "Line 2 is not JSON"),
        ("[1]", "people", "Line 2 is not an object"),
        ('{"prompt": "  "}', "people", "Line 2 has no prompt"),
        ('{"prompt": 7}', "people", "prompt is text, not int"),
        ('{"promt": "x"}', "people", "a field 'promt'. Allowed: prompt, system"),
        ('{"prompt": "x"}', "expected", "has no expected"),
        ('{"prompt": "x", "expected": {"a": 1}}', "expected", "a text, a number or a list"),
        ('{"prompt": "x", "pattern": "(?=a)"}', "pattern", "RE2 cannot read"),
        ('{"prompt": "x", "pattern": "' + "a" * 600 + '"}', "pattern", "at most 512"),
        ('{"prompt": "x", "schema": {"type": "nonsense"}}', "schema", "this schema cannot be used"),
        ('{"prompt": "x", "schema": {"$ref": "http://192.0.2.1/s"}}', "schema", "this schema cannot be used"),
        ('{"prompt": "a\\u0000b"}', "people", "characters that are none"),
        ('{"prompt": "a\\ud800b"}', "people", "Line 2"),
        ('{"prompt": "' + "x" * 100_001 + '"}', "people", "at most 100,000"),
        ("[" * 100_000, "people", "Line 2 is not JSON"),
    ],
)
def test_what_cannot_be_read_says_where_and_what_is_allowed(line: str, grading: str, told: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_jsonl(("\n" + line).encode(), grading)

    assert told in refused.value.problems[0].message and refused.value.problems[0].path == "prompts"


def test_too_many_too_large_and_no_text_are_refused() -> None:
    for content, told in (
        (b'{"prompt": "x"}\n' * 5_001, "At most 5,000"),
        (b" " * (3 * 2**20 + 1), "at most 3 MiB"),
        (b"\xff\xfe", "not UTF-8"),
    ):
        with pytest.raises(Invalid, match=told):
            read_jsonl(content, "people")


@pytest.mark.parametrize(
    ("expected", "answer", "is_right"),
    [
        ("4", "The answer is **4**.", True),
        ("4", "14", False),
        ("4", "It is 4.5", False),
        ("-4", "x = -4", True),
        ("4", "2+2=4", True),
        ("1,000,000", "That makes 1000000 people", True),
        ("Paris", "PARIS!", True),
        ("café", "CAFÉ", True),
        ("New York", "new\n  york, of course", True),
        ("C++", "I would take C", False),
        ("50%", "About 50%.", True),
        ("...", "anything", False),
        ("是的", "是的。", True),
    ],
)
def test_an_expected_answer_is_found_whole_and_without_regard_to_dress(
    expected: str, answer: str, is_right: bool
) -> None:
    assert is_expected([expected], answer) is is_right


def test_any_of_several_will_do_and_a_huge_answer_is_looked_at_in_part() -> None:
    assert is_expected(["Rhine", "Elbe"], "the Elbe")
    assert not is_expected(["Elbe"], "x " * 1_000_000 + "Elbe")
    assert plain_words("") == ""


def test_each_grading_gives_one_or_nothing_and_people_and_judges_are_waited_for() -> None:
    prompt = OfferedPrompt("x", [], expected=["4"], pattern="^4$", schema={"type": "integer"})

    def marked(grading: str, text: Any) -> float | None:
        body = json.dumps({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}).encode()
        chat: Any = None
        return mark(grading, prompt, chat, WrittenAnswer(body, is_stream=False))

    assert [marked(grading, "4") for grading in ("expected", "pattern", "schema", "judge", "people")] == [
        1,
        1,
        1,
        None,
        None,
    ]
    assert [marked(grading, "no") for grading in ("expected", "pattern", "schema")] == [0, 0, 0]


def test_the_ceiling_is_the_next_cent() -> None:
    assert [ceiling_of(n) for n in (0, 1, 10_000_000, 10_000_001)] == [0, 10_000_000, 10_000_000, 20_000_000]
