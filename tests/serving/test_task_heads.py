"""The trained task head from its version to the decision: rules go by it, the trace says what both saw, and nothing is read while it is off."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec
import pytest

from routerapp.engine.replay import replay
from routerapp.engine.types import Decision, Evidence
from routerapp.learning.task_artefact import ADDRESS_FILE, FILE
from routerapp.serving.predicting import NOTHING_PREDICTED, open_predicting
from routerapp.serving.route_chat import prepare
from routerapp.store.replay import exact_inputs
from tests.runtimes import CALLER, a_chat, a_policy, a_runtime, a_snapshot

PUZZLE = "Two of these four claims cannot both be true; find them and say why."
HARD = "A baker sells 24 loaves at 3 dollars each and gives 5 away. How many dollars does she make in a week of 6 days?"
LEARNED = {"kind": "learned", "default": "model:dear", "cost_quality": 0.85, "max_loss": 0.2}


def serving(tmp_path, *, is_on=True, when=None):
    rules = [
        {"id": "r1", "name": "puzzles", "when": when, "use": {"pool": ["model:dear"], "strategy": {"kind": "ordered"}}}
    ]
    policy = a_policy(**({"rules": rules} if when else {}))
    address = ADDRESS_FILE.read_text().strip()
    folder = tmp_path / "predictors"
    folder.mkdir()
    shutil.copy(FILE, folder / f"{address}.safetensors")
    snapshot = replace(a_snapshot(policies=[policy]), evidence=Evidence("e", task_head=address if is_on else ""))
    runtime = a_runtime(tmp_path, snapshot)
    runtime.swap(snapshot, open_predicting(snapshot, tmp_path, NOTHING_PREDICTED))
    return runtime


def test_a_rule_goes_by_what_the_head_says_and_the_decision_replays_to_the_byte(tmp_path):
    runtime = serving(tmp_path, when={"field": "task", "op": "in", "value": ["reasoning"]})
    made = prepare(runtime, a_chat(PUZZLE), CALLER)

    assert runtime.predicting.problem == ""
    features = made.decision.features
    assert (made.decision.rule, features.task) == ("r1", "reasoning")
    assert features.trained["signals_task"] != "reasoning"
    assert features.trained["head"] == ADDRESS_FILE.read_text().strip()
    recorded = msgspec.json.encode(made.decision)
    inputs = exact_inputs(msgspec.json.decode(msgspec.json.encode(made.inputs)))
    again = replay(
        msgspec.json.decode(recorded, type=Decision),
        runtime.snapshot.config,
        Evidence("e"),
        inputs,
        made.live,
        made.now_ms,
    )
    assert again.outcome == "same"
    assert msgspec.json.encode(inputs) == msgspec.json.encode(made.inputs)


def test_complexity_is_what_graded_prompts_say_where_the_prompt_is_like_them(tmp_path):
    runtime = serving(tmp_path)
    hard, chat = (prepare(runtime, a_chat(text), CALLER).decision.features for text in (HARD, "hello, nice to see you"))

    assert hard.complexity == round(hard.trained["complexity"], 2)
    assert chat.trained["complexity"] is None
    assert chat.complexity == chat.trained["signals_complexity"]


def test_off_nothing_is_opened_and_what_is_recorded_is_what_always_was(tmp_path):
    runtime = serving(tmp_path, is_on=False)
    made = prepare(runtime, a_chat(PUZZLE), CALLER)

    assert runtime.predicting.tasks is None
    assert b"trained" not in msgspec.json.encode(made.inputs)
    assert b"trained" not in msgspec.json.encode(made.decision)


def test_an_empty_prompt_is_left_to_the_signals(tmp_path):
    features = prepare(serving(tmp_path), a_chat("   "), CALLER).decision.features

    assert features.trained is msgspec.UNSET


def test_the_same_head_is_not_opened_again(tmp_path):
    runtime = serving(tmp_path)

    after = open_predicting(runtime.snapshot, tmp_path, runtime.predicting)

    assert after.tasks is runtime.predicting.tasks


def test_a_head_that_fails_costs_no_request(tmp_path, caplog):
    class Broken:
        def judge(self, *_):
            raise ValueError("broken")

    runtime = serving(tmp_path)
    runtime.predicting = replace(runtime.predicting, tasks=Broken())
    made = prepare(runtime, a_chat(PUZZLE), CALLER)

    assert made.decision.plan and made.decision.features.trained is msgspec.UNSET
    assert "the transparent signals stand" in caplog.text


@pytest.mark.django_db
def test_a_head_that_is_nowhere_is_a_problem_people_see(tmp_path):
    snapshot = replace(a_snapshot(), evidence=Evidence("e", task_head="b" * 64))

    found = open_predicting(snapshot, tmp_path, NOTHING_PREDICTED)

    assert found.tasks is None and "bbbbbbbbbbbb" in found.problem
