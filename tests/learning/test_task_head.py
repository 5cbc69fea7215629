"""The trained task head: better than the transparent signals on prompts that neither has seen, sure of what it is sure of, moved by examples."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routerapp.engine.task_words import TASKS
from routerapp.learning.artefact import BadArtefact
from routerapp.learning.logistic import Examples, fit_logistic, whitened
from routerapp.learning.reading import read_prompt, read_prompts
from routerapp.learning.signals import signals_of
from routerapp.learning.task_artefact import FILE, load_tasks, shipped_head, write_tasks
from routerapp.learning.task_head import TaskHead
from routerapp.learning.task_training import TaskExamples, fit_tasks, fit_threshold, with_thresholds

SEEN_ROWS = 60
LABELLED = Path(__file__).parent.parent / "data" / "task_labels.jsonl"
LEGAL = (
    "Does clause nine of the lease bind the subtenant?",
    "Which clause of the lease lets the landlord terminate?",
    "Is the indemnity clause in this lease enforceable?",
    "Check whether the arbitration clause covers the subtenant.",
    "What notice period does the lease clause require?",
    "Redline the liability clause in favour of the tenant.",
)


def said(head, text):
    return head.say(read_prompt(text), signals_of(text)[1])


def examples_of(texts, classes, labels):
    return TaskExamples(
        read_prompts(texts),
        np.stack([signals_of(text)[1] for text in texts]),
        np.array([classes.index(label) for label in labels]),
        np.ones(len(texts)),
        tuple(texts),
        np.ones(len(texts), bool),
    )


@pytest.fixture(scope="module")
def head():
    return shipped_head()


@pytest.fixture(scope="module")
def answers(head):
    rows = [json.loads(line) for line in LABELLED.read_text().splitlines()[SEEN_ROWS:]]
    return [(row, said(head, row["text"]), signals_of(row["text"])[0].task) for row in rows]


def accuracy(answers, at):
    return float(np.mean([one[0]["task"] == (one[1].task if at == 1 else one[2]) for one in answers]))


def test_is_right_more_often_than_the_signals_and_abstains_less(answers):
    before, after = accuracy(answers, 2), accuracy(answers, 1)
    answered = [one for one in answers if one[1].task]

    assert after >= before + 0.08
    assert accuracy(answered, 1) >= 0.79
    assert len(answered) / len(answers) >= 0.9


@pytest.mark.parametrize("of", ["task", "language"])
def test_is_worse_than_the_signals_for_no_class_and_no_language(answers, of):
    for name in {row[of] for row, _, _ in answers}:
        mine = [one for one in answers if one[0][of] == name]

        assert accuracy(mine, 1) >= accuracy(mine, 2), name


def test_what_it_is_sure_of_comes_true_that_often(answers):
    answered = [one for one in answers if one[1].task]
    confidence = np.array([one[1].confidence for one in answered])
    right = np.array([one[0]["task"] == one[1].task for one in answered])

    assert abs(confidence.mean() - right.mean()) <= 0.06


def test_abstains_from_the_difficulty_of_what_is_like_no_graded_prompt(head):
    hard = said(head, "What is the remainder when 3^2024 is divided by 7? Choose: A. 1 B. 2 C. 3 D. 4")

    assert hard.complexity is not None and 0.0 <= hard.complexity <= 1.0
    assert said(head, "おはよう、今日も頑張ろう").complexity is None
    assert said(head, "  ").posterior == {}


def test_the_same_head_gives_the_same_bytes_and_the_same_numbers(head, tmp_path):
    content, address = write_tasks(head.fitted)
    (tmp_path / "head.safetensors").write_bytes(content)
    again = load_tasks(tmp_path / "head.safetensors", address)

    assert (content, address) == (FILE.read_bytes(), head.address)
    assert said(again, LEGAL[0]) == said(head, LEGAL[0])


def test_refuses_a_file_that_was_changed_or_is_no_task_head(head, tmp_path):
    path = tmp_path / "head.safetensors"
    path.write_bytes(FILE.read_bytes()[:-8] + b"changed!")
    with pytest.raises(BadArtefact, match="sha256"):
        load_tasks(path, head.address)
    path.write_bytes(write_tasks(replace(head.fitted, offsets=head.fitted.offsets[:-1]))[0])
    with pytest.raises(BadArtefact, match="offsets"):
        load_tasks(path)
    with pytest.raises(BadArtefact, match="format or reading"):
        load_tasks(FILE.with_name("prior.safetensors"))


def test_a_few_examples_teach_a_class_of_ones_own_and_change_little_else(head):
    classes = (*TASKS, "own-legal")
    anchors = [("Translate to Spanish: hello", "translate"), ("Write a haiku", "writing"), ("hi there", "chat")]
    texts, labels = [*LEGAL, *(one for one, _ in anchors)], ["own-legal"] * len(LEGAL) + [one for _, one in anchors]

    fitted = fit_tasks(classes, examples_of(texts, classes, labels), 0, base=head.fitted).fitted
    moved = TaskHead(fitted)

    assert said(moved, "Does the lease clause on notice bind the landlord?").task == "own-legal"
    assert said(moved, "Traduis en anglais : bonjour").task == "translate"
    assert said(moved, "Implement quicksort in Rust.").task == "code"
    assert fitted.familiar == head.fitted.familiar


def test_the_threshold_is_the_lowest_that_is_right_often_enough():
    posterior = np.array([[0.9, 0.1], [0.8, 0.2], [0.55, 0.45], [0.52, 0.48]])
    member = np.array([0, 0, 1, 1])

    assert fit_threshold(posterior, member, 0.5) == 0.2
    assert fit_threshold(posterior, member, 1.0) == pytest.approx(0.56)


def test_people_set_thresholds_of_classes_that_are_there(head):
    strict = TaskHead(with_thresholds(head.fitted, {"translate": 1.0}))

    assert said(strict, "Translate to Spanish: hello").task == ""
    with pytest.raises(ValueError, match="'poetry' is no class"):
        with_thresholds(head.fitted, {"poetry": 0.5})
    with pytest.raises(ValueError, match="from 0 to 1"):
        with_thresholds(head.fitted, {"code": 2.0})


def test_whitened_features_give_the_same_fit():
    generator = np.random.Generator(np.random.PCG64(1))
    features, member = generator.standard_normal((40, 3)).astype(np.float32), generator.integers(0, 2, 40)
    strength = np.array([1.0, 4.0, 0.25])
    scores, weight = np.zeros((40, 2)), np.ones(40)
    short, back = whitened(features, strength)

    found = back @ fit_logistic(Examples(short, scores, member, weight))
    plainly = fit_logistic(Examples(features / np.sqrt(strength), scores, member, weight)) / np.sqrt(strength)[:, None]

    np.testing.assert_allclose(found, plainly, atol=2e-3)
    with pytest.raises(ValueError, match="No example"):
        fit_logistic(Examples(short[:0], scores[:0], member[:0], weight[:0]))
