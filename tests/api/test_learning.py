"""Learned routing through the API: a file goes up, a training is asked for, cards and reports are read, one is put in force and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from routerapp.models import BenchmarkData, Draft, LearnedScore, PredictorState
from tests.api.callers import Caller, calls_as, codes_of
from tests.factories import a_language_model
from tests.learned_documents import a_card
from tests.learned_rows import a_benchmark, a_predictor, an_evaluation

pytestmark = pytest.mark.django_db


def upload(caller: Caller, **fields: Any) -> Any:
    assert caller.key is not None
    return Client().post(reverse("api:benchmarks"), fields, headers={"authorization": f"Bearer {caller.key.full_key}"})


def test_a_file_is_taken_as_a_form_and_read_by_a_job() -> None:
    editor = calls_as("editor")
    file = SimpleUploadedFile("sums.csv", b"prompt,model,quality\nWhat?,big,1\n")
    answer = upload(editor, slug="sums", name="Sums", file=file)

    assert (answer.status_code, answer.json()["benchmark"]["state"]) == (202, "importing")
    assert editor("GET", f"jobs/{answer.json()['job']}").json()["kind"] == "import_benchmark"
    assert editor("GET", "benchmarks/sums").json()["sha256"] == BenchmarkData.objects.get().sha256
    assert editor("DELETE", "benchmarks/sums").status_code == 204


def test_a_form_that_is_wrong_says_where() -> None:
    editor = calls_as("editor")

    assert codes_of(upload(editor, slug="sums", name="Sums", files="x")) == {"files": "unknown_field"}
    bad = upload(editor, slug="sums", name="Sums", file=SimpleUploadedFile("sums.txt", b"x"))
    assert (bad.status_code, codes_of(bad)) == (422, {"file": "unknown_format"})
    assert upload(calls_as("viewer"), slug="a", name="A").status_code == 403


def test_a_training_is_a_job_and_nonsense_is_refused_by_place() -> None:
    a_benchmark(slug="sums")
    editor = calls_as("editor")
    asked = {"name": "ours", "benchmarks": ["sums"], "models": {"big": "claude", "small": "mini"}}

    assert codes_of(editor("POST", "predictors", asked | {"models": {"big": "claude"}})) == {"models": "bad_number"}
    assert codes_of(editor("POST", "predictors", asked | {"seed": -1})) == {"seed": "out_of_range"}
    answer = editor("POST", "predictors", asked)
    assert (answer.status_code, answer.json()["kind"], answer.json()["queue"]) == (202, "train_predictor", "long")


def test_predictors_are_read_promoted_and_rolled_back() -> None:
    first = a_predictor()
    publisher = calls_as("publisher")
    assert publisher("POST", "predictors/ours/1/promote", {}).json()["state"] == "live"
    a_predictor(card=a_card(gate={"champion": first.sha256, "is_better": False, "reason": "Too close."}))

    refused = publisher("POST", "predictors/ours/2/promote", {})
    assert (refused.status_code, codes_of(refused)) == (422, {"gate": "gate_refuses"})
    forced = {"override": True, "reason": "other prices"}
    assert publisher("POST", "predictors/ours/2/promote", forced).status_code == 403
    promoted = calls_as("admin")("POST", "predictors/ours/2/promote", forced)
    assert (promoted.status_code, promoted.json()["gate"]) == (200, "Too close.")
    listed = publisher("GET", "predictors?state=live").json()["data"]
    assert [(one["name"], one["version"]) for one in listed] == [("ours", 2)]
    assert publisher("POST", "predictors/roll-back", {}).json()["live"]["version"] == 1
    assert publisher("GET", "predictors/ours/1").json()["card"]["pool"] == ["big", "small"]
    assert publisher("DELETE", "predictors/ours/1").status_code == 204
    first.refresh_from_db()
    assert first.state == PredictorState.RETIRED
    assert publisher("GET", f"predictors/ours/{2**40}").status_code == 404


def test_a_report_is_read_whole_and_a_point_of_its_front_becomes_a_draft() -> None:
    row = an_evaluation()
    a_language_model(slug="big"), a_language_model(slug="small")
    editor = calls_as("editor")

    assert "report" not in editor("GET", "evaluations").json()["data"][0]
    assert editor("GET", f"evaluations/{row.pk}").json()["report"]["default"] == "big"
    answer = editor("POST", f"evaluations/{row.pk}/draft", {"point": 1, "slug": "saves"})
    assert answer.status_code == 201
    assert answer.json()["document"]["default"]["strategy"]["kind"] == "learned"
    assert codes_of(editor("POST", f"evaluations/{row.pk}/draft", {"point": 9, "slug": "more"})) == {
        "point": "out_of_range"
    }
    assert Draft.objects.count() == 1


def test_the_scheduled_refit_is_read_set_and_asked_for() -> None:
    publisher = calls_as("publisher")
    assert publisher("GET", "refit").json() == {"every": "off", "promotes": False, "next_at": None, "last": None}
    answer = publisher("PUT", "refit", {"every": "weekly", "promotes": True})
    assert answer.status_code == 200 and answer.json()["next_at"] is not None
    assert codes_of(publisher("PUT", "refit", {"every": "daily"})).keys() == {"every"}
    job = calls_as("editor")("POST", "refit", {})
    assert (job.status_code, job.json()["kind"]) == (202, "refit_predictor")


def test_scores_learned_from_use_come_with_interval_and_sources_and_are_made_by_a_job() -> None:
    sources = {"rating": {"n": 90, "share": 1.0, "weight": 0.5}}
    taught = {"mean": 0.8, "low": 0.7, "high": 0.9, "judgements": 90, "effective": 60.5, "prior_share": 0.1}
    for kind, subject in (("dimension", "code"), ("task", "math")):
        LearnedScore.objects.create(
            language_model="big", kind=kind, subject=subject, sources=sources, made_at_ms=1, **taught
        )
    editor = calls_as("editor")

    [found] = editor("GET", "learned-scores?kind=task&language_model=big").json()["data"]
    job = editor("POST", "learned-scores")

    assert (found["subject"], found["low"], found["high"], found["sources"]) == ("math", 0.7, 0.9, sources)
    assert (job.status_code, job.json()["kind"]) == (202, "learn_from_use")
    assert codes_of(editor("GET", "learned-scores?kind=tasks")) == {"kind": "invalid_choice"}
