"""A prompt is spoken of only where a policy asks, and what goes wrong there fails no request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import msgspec
import pytest

from routerapp.engine.prediction_readers import prediction_readers, reads_predictions
from routerapp.engine.types import Evidence, ModelPrediction, Predictions
from routerapp.serving import predicting as module
from routerapp.serving.predicting import NOTHING_PREDICTED, Predicting, open_predicting
from routerapp.serving.route_chat import prepare
from tests.runtimes import CALLER, a_chat, a_deployment, a_policy, a_runtime, a_snapshot

LEARNED = {"strategy": {"kind": "learned", "default": "model:cheap"}}
SAID = Predictions("5b1e", {"cheap": ModelPrediction(0.4, 0.02, 100.0), "dear": ModelPrediction(0.9, 0.02, 100.0)})


@dataclass
class FakeSpeaker:
    says: object = SAID
    asked: list = field(default_factory=list)

    def predict(self, chat, content, routes):
        self.asked.append((content.text, routes))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says


def serving(tmp_path, snapshot, speaker, folder=None):
    runtime = a_runtime(tmp_path, snapshot)
    predicting = open_predicting(snapshot, folder or tmp_path, NOTHING_PREDICTED, lambda *_: speaker)
    runtime.swap(snapshot, replace(predicting, speaker=speaker))
    return runtime


def test_predictions_come_into_the_inputs_and_decide(tmp_path):
    speaker = FakeSpeaker()
    runtime = serving(tmp_path, a_snapshot(policies=[a_policy(**LEARNED)]), speaker)
    prepared = prepare(runtime, a_chat("Prove it."), CALLER)

    assert prepared.inputs.predictions == SAID
    assert prepared.decision.plan[0].deployment == "dear"
    assert speaker.asked == [("Prove it.", {})]


def test_nobody_is_asked_for_a_policy_that_does_not_read_predictions(tmp_path):
    speaker = FakeSpeaker()
    policies = [a_policy("plain"), a_policy("clever", **LEARNED)]
    runtime = serving(tmp_path, a_snapshot(policies=policies), speaker)

    assert prepare(runtime, a_chat("Hello", model="policy/plain"), CALLER).inputs.predictions is None
    assert prepare(runtime, a_chat("Hello", model="cheap"), CALLER).inputs.predictions is None
    assert prepare(runtime, a_chat("Hello", model="policy/clever"), CALLER).inputs.predictions == SAID


def test_a_saved_draft_has_every_request_spoken_of(tmp_path):
    snapshot = a_snapshot()
    parts = msgspec.structs.replace(snapshot.parts, draft_documents=[a_policy("next", **LEARNED)])
    runtime = serving(tmp_path, replace(snapshot, parts=parts), FakeSpeaker())

    assert prepare(runtime, a_chat("Hello"), CALLER).inputs.predictions == SAID


@pytest.mark.parametrize("says", [ValueError("broken arrays"), None])
def test_what_fails_or_stays_silent_leaves_the_default(tmp_path, says, caplog):
    runtime = serving(tmp_path, a_snapshot(policies=[a_policy(**LEARNED)]), FakeSpeaker(says))
    prepared = prepare(runtime, a_chat("Hello"), CALLER)

    assert prepared.decision.plan[0].deployment == "cheap"
    assert [one.verdict for one in prepared.decision.trace if one.stage == "strategy"] == ["not_predicted"]


def test_what_is_no_number_is_left_out(tmp_path):
    odd = Predictions(
        "x", {"cheap": ModelPrediction(float("nan")), "dear": ModelPrediction(1)}, tasks={"math": float("inf")}
    )
    runtime = serving(tmp_path, a_snapshot(policies=[a_policy(**LEARNED)]), FakeSpeaker(odd))
    found = prepare(runtime, a_chat("Hello"), CALLER).inputs.predictions

    assert found.models == {"dear": ModelPrediction(1.0)}
    assert isinstance(found.models["dear"].quality, float)
    assert found.tasks == {}


def with_predictor(snapshot, sha256):
    return replace(snapshot, evidence=Evidence("e", predictor=sha256))


def test_a_missing_artefact_is_a_problem_to_show_and_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cached_artefact", _missing)
    snapshot = with_predictor(a_snapshot(policies=[a_policy(**LEARNED)]), "a" * 64)
    found = open_predicting(snapshot, tmp_path, NOTHING_PREDICTED)

    assert found.speaker is None
    assert "is not in the database" in found.problem
    runtime = a_runtime(tmp_path, snapshot)
    runtime.swap(snapshot, found)
    assert runtime.report()["predictor"] == {"sha256": "a" * 64, "problem": found.problem}
    assert prepare(runtime, a_chat("Hello"), CALLER).decision.outcome == "routed"


def test_a_broken_artefact_is_a_problem_to_show_and_no_failure(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cached_artefact", lambda sha256, folder: tmp_path / "x")
    snapshot = with_predictor(a_snapshot(policies=[a_policy(**LEARNED)]), "a" * 64)

    def broken(*_):
        raise ValueError("no arrays in it")

    found = open_predicting(snapshot, tmp_path, NOTHING_PREDICTED, broken)
    assert (found.speaker, found.problem) == (None, "The predictor aaaaaaaaaaaa cannot be used: no arrays in it")


def test_nothing_is_fetched_or_opened_where_no_policy_reads_predictions(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "cached_artefact", _missing)
    found = open_predicting(with_predictor(a_snapshot(), "a" * 64), tmp_path, NOTHING_PREDICTED, None)

    assert found == Predicting(predictor="a" * 64)


def _missing(sha256, folder):
    raise module.NoArtefact(f"The predictor {sha256[:12]} is not in the database.")


def test_readers_are_those_that_read_and_those_that_enter_them():
    arm = {"name": "a", "use": {"strategy": {"kind": "threshold", "strong": "model:a", "weak": "model:b"}}}
    policies = {
        "plain": [a_policy("plain")],
        "clever": [a_policy("clever", **LEARNED)],
        "arms": [a_policy("arms", strategy={"kind": "split", "experiment": "e", "arms": [arm]})],
        "explores": [a_policy("explores", explore={"share": 0.1, "margin": 0.05})],
        "explores-all": [a_policy("explores-all", explore={"share": 0.1})],
        "enters": [a_policy("enters", pool=["policy:arms"])],
        "enters-twice": [a_policy("enters-twice", pool=["policy:enters"])],
    }

    assert prediction_readers(policies) == {"clever", "arms", "explores", "enters", "enters-twice"}
    assert not reads_predictions({"rules": [{"use": None}, 3, "kind"]})


def test_a_prompt_marked_critical_is_recorded_as_such_whatever_is_kept(tmp_path):
    snapshot = a_snapshot(settings={"metadata_allow": ["team"]}, deployments=[a_deployment("cheap")])
    runtime = a_runtime(tmp_path, snapshot)
    chat = a_chat("Hello", metadata={"critical": "yes", "secret": "x"})

    assert prepare(runtime, chat, CALLER).inputs.facts.metadata == {"critical": "yes"}
