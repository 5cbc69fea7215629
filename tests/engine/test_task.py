"""The task classifier on a labelled file of its own: 371 prompts in eight languages.

The words were written against the demo prompts. The first 60 rows of the file were read at that time, so figures are given without them.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from routerapp.engine.chat import Chat
from routerapp.engine.content import read_content
from routerapp.engine.features import extract_features
from routerapp.engine.task import TaskClassifier, classifier_for
from routerapp.engine.task_words import DEFAULT_TASK_WORDS, TASKS

SEEN_ROWS = 60
LABELLED = Path(__file__).parent.parent / "data" / "task_labels.jsonl"


def guess(text: str) -> str:
    chat = Chat("auto", {}, ({"role": "user", "content": text},))
    return extract_features(chat, read_content(chat)).task


@pytest.fixture(scope="module")
def answers() -> list[tuple[dict[str, str], str]]:
    rows = [json.loads(line) for line in LABELLED.read_text().splitlines()[SEEN_ROWS:]]
    return [(row, guess(row["text"])) for row in rows]


def test_reports_accuracy_confusion_and_abstention(answers, capsys):
    right = sum(row["task"] == task for row, task in answers)
    silent = sum(task == "unknown" for _, task in answers)
    confusion = Counter((row["task"], task) for row, task in answers if task not in (row["task"], "unknown"))
    accuracy, answered = right / len(answers), right / (len(answers) - silent)
    with capsys.disabled():
        print(f"\n  task classifier, n={len(answers)}: accuracy {accuracy:.3f}, where it answers {answered:.3f},")
        print(f"  abstains {silent / len(answers):.3f}; most confused (true, guessed): {confusion.most_common(5)}")

    assert len(answers) >= 300 and len({row["language"] for row, _ in answers}) >= 5
    assert accuracy >= 0.62 and answered >= 0.77


def test_no_language_is_left_behind(answers):
    for language in {row["language"] for row, _ in answers}:
        mine = [(row["task"], task) for row, task in answers if row["language"] == language]
        assert sum(true == task for true, task in mine) / len(mine) >= 0.55, language


@pytest.mark.parametrize("text", ["", "....", "zxqv wlp", "\x00\x01", "🙂" * 500])
def test_abstains_without_evidence(text):
    assert guess(text) in ("unknown", "chat")


def test_gives_the_words_that_decided():
    found = TaskClassifier().guess("Translate this into German: hello", has_code=False, has_math=False)

    assert found.task == "translate"
    assert found.reasons[0].startswith("translate:")
    assert found.confidence > 0.5


def test_people_can_teach_it_a_word():
    words = {**DEFAULT_TASK_WORDS, "code": (*DEFAULT_TASK_WORDS["code"], "flurbify^5")}

    assert classifier_for(words).guess("please flurbify the widget", has_code=False, has_math=False).task == "code"


def test_every_task_has_words():
    assert set(DEFAULT_TASK_WORDS) == set(TASKS)
