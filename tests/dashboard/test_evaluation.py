"""The evaluation pages: a file comes in, a training is asked for and watched, a card says what it is worth, a target becomes a draft."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from dashboard.evaluation_charts import plane_chart, reliability_chart
from dashboard.target_form import presets
from routerapp.models import (
    BenchmarkData,
    BenchmarkState,
    Draft,
    Job,
    JobState,
    Policy,
    PredictorState,
    PredictorVersion,
)
from routerapp.serving.learning_jobs import TRAIN
from routerapp.serving.refit_schedule import note_refit
from routerapp.store import jobs
from tests.factories import a_language_model
from tests.learned_documents import a_card, a_gate, a_report
from tests.learned_rows import a_benchmark, a_predictor, an_evaluation

pytestmark = pytest.mark.django_db


def url(name: str, *rest: Any) -> str:
    return reverse(f"dashboard:{name}", args=rest)


def test_an_empty_installation_says_what_to_do_first(signed_in):
    editor, viewer = signed_in("editor").get(url("evaluation")), signed_in("viewer").get(url("evaluation"))

    assert url("benchmark-import") in editor.text and "No predictors yet" in editor.text
    assert url("benchmark-import") not in viewer.text and "Editors can import" in viewer.text


def test_a_file_is_taken_and_its_page_tells_how_far_it_is(signed_in):
    editor = signed_in("editor")
    file = SimpleUploadedFile("sums.csv", b"prompt,model,quality\nWhat?,big,1\n")
    answer = editor.post(url("benchmark-import"), {"name": "Sums", "slug": "sums", "file": file})

    assert (answer.status_code, answer["Location"]) == (302, url("benchmark-detail", "sums"))
    page = editor.get(url("benchmark-detail", "sums"))
    assert "Waiting for the job worker" in page.text and "data-live" in page.text
    BenchmarkData.objects.update(state=BenchmarkState.FAILED, problem="sums.csv, column 'quality', row 4: 7")
    assert "column &#x27;quality&#x27;, row 4" in editor.get(url("benchmark-detail", "sums")).text


def test_a_refused_file_keeps_what_was_typed(signed_in):
    answer = signed_in("editor").post(
        url("benchmark-import"), {"name": "Sums", "slug": "sums", "file": SimpleUploadedFile("sums.xls", b"x")}
    )

    assert answer.status_code == 422
    assert "must end in .parquet, .csv, .jsonl" in answer.text and 'value="Sums"' in answer.text


def test_a_benchmark_shows_its_models_best_first_and_goes_when_it_is_deleted(signed_in):
    a_benchmark(slug="sums", name="Sums")
    editor = signed_in("editor")
    page = editor.get(url("benchmark-detail", "sums")).text

    assert page.index(">big<") < page.index(">small<")
    assert "$1.10" in page and "unknown" in page
    assert editor.post(url("benchmark-delete", "sums"))["Location"] == url("evaluation")
    assert not BenchmarkData.objects.exists()


def test_a_training_is_offered_with_our_own_names_and_started_with_what_was_ticked(signed_in):
    a_benchmark(slug="sums", model_names=["Big Model", "small"], singles=_singles("Big Model", "small"))
    a_language_model(slug="small")
    editor = signed_in("editor")
    page = editor.get(url("predictor-train"), {"benchmark": "sums"}).text
    assert 'value="big-model"' in page and 'name="as-small" value="small"' in page

    asked = {"benchmark": "sums", "pool": ["Big Model", "small"], "as-Big Model": "claude", "as-small": "small"}
    answer = editor.post(url("predictor-train"), asked | {"name": "ours", "seed": "7"})

    job = Job.objects.get(kind=TRAIN)
    assert answer["Location"] == url("evaluation-job", job.pk)
    assert (job.arguments["models"], job.arguments["seed"]) == ({"Big Model": "claude", "small": "small"}, 7)
    assert (job.arguments["leaves_one_out"], job.queue) == (False, "long")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pool": ["big"]}, "2 to 60 models"),
        ({"as-big": "small"}, "the same language model"),
        ({"as-big": "two words"}, "no spaces"),
        ({"pool": ["big", "nobody"]}, "has answers of nobody"),
        ({"name": "No Slug"}, "lower-case letters"),
        ({"benchmark": "gone"}, "no benchmark gone"),
        ({"seed": "-1"}, "greater than or equal to 0"),
    ],
)
def test_a_training_that_makes_no_sense_is_refused_in_its_form(signed_in, changes, told):
    a_benchmark(slug="sums")
    asked: dict[str, Any] = {"benchmark": "sums", "pool": ["big", "small"], "as-big": "big", "as-small": "small"}
    answer = signed_in("editor").post(url("predictor-train"), asked | {"name": "ours", "seed": "0"} | changes)

    assert answer.status_code == 422 and told in answer.text
    assert not Job.objects.exists()


def test_a_training_is_watched_and_stopped_and_leads_to_its_card(signed_in):
    arguments = {"name": "ours", "benchmarks": ["sums"], "models": {"a": "a", "b": "b"}, "by": "x"}
    job = jobs.enqueue(TRAIN, arguments, queue="long")
    editor = signed_in("editor")
    Job.objects.update(state=JobState.RUNNING, progress=0.42, message="Fitting the heads.")

    fragment = editor.get(url("evaluation-job", job.pk), headers={"HX-Request": "true", "HX-Target": "div#job"}).text
    assert 'value="42"' in fragment and "Fitting the heads." in fragment and "<h1" not in fragment
    assert editor.post(url("evaluation-job-stop", job.pk)).status_code == 302
    job.refresh_from_db()
    assert job.is_cancel_requested
    Job.objects.update(state=JobState.DONE, result={"predictor": "ours@3", "report": 5})
    assert url("predictor-detail", "ours", 3) in editor.get(url("evaluation-job", job.pk)).text


def test_a_card_shows_figures_with_intervals_reliability_weak_spots_and_the_unknown(viewer):
    a_predictor()
    page = viewer.get(url("predictor-detail", "ours", 1)).text

    assert "2.0 %" in page and "1.0 % to 3.0 %" in page
    for told in ("Are its predictions kept?", "On what it has never seen", "Weak spots", "What it goes by", "worse"):
        assert told in page
    assert "Promoting needs the role publisher" in page


def test_promoting_asks_the_gate_and_an_admin_may_overrule_it_with_a_reason(signed_in):
    live = a_predictor(name="old", state=PredictorState.LIVE, promoted_at="2026-01-01T00:00Z")
    a_predictor(card=a_card(gate={"champion": live.sha256, "is_better": False, "reason": "too close."}))
    promote = url("predictor-promote", "ours", 1)

    assert "too close." in signed_in("publisher").get(url("predictor-detail", "ours", 1)).text
    assert signed_in("publisher").post(promote, {"override": "on", "reason": "x"}).status_code == 422
    refused = signed_in("admin").post(promote, {"override": "on"})
    assert refused.status_code == 422 and "Say why" in refused.text
    assert signed_in("admin").post(promote, {"override": "on", "reason": "a better pool"}).status_code == 302
    assert PredictorVersion.objects.get(name="ours").state == PredictorState.LIVE
    publisher = signed_in("publisher")
    assert "Roll back to old@1" in publisher.get(url("predictor-detail", "ours", 1)).text
    publisher.post(url("predictor-roll-back"))
    assert PredictorVersion.objects.get(name="old").state == PredictorState.LIVE


def test_two_cards_are_compared_and_a_warning_stands_where_they_cannot_be(viewer):
    a_predictor()
    a_predictor(card=a_card(models=("big", "other")))
    compare = url("predictor-compare")

    assert "Measured on different prompts" in viewer.get(compare, {"a": "ours@1", "b": "ours@2"}).text
    assert "Measured on different prompts" not in viewer.get(compare, {"a": "ours@1", "b": "ours@1"}).text
    assert viewer.get(compare, {"a": "ours@9"}).status_code == 422


@pytest.mark.parametrize(
    ("is_decided", "finding", "told"),
    [(True, "better", "Both have to be better."), (False, "not decided", "The held-back prompts alone decide.")],
)
def test_both_halves_of_the_gate_are_told_on_the_card_and_beside_the_champion(viewer, is_decided, finding, told):
    live = a_predictor(name="old", state=PredictorState.LIVE, promoted_at="2026-01-01T00:00Z")
    a_predictor(card=a_card(gate=a_gate(live.sha256, is_better=True, is_decided=is_decided)))
    pages = [
        viewer.get(url("predictor-detail", "ours", 1)).text,
        viewer.get(url("predictor-compare"), {"a": "old@1", "b": "ours@1"}).text,
    ]

    for page in pages:
        assert "Held-back prompts" in page and "Recorded traffic" in page
        assert finding in page and told in page
        assert "by predictions alone" in page
    assert "The gate: ours@1 against old@1" in pages[1]
    assert "The gate:" not in viewer.get(url("predictor-compare"), {"a": "old@1", "b": "old@1"}).text


def test_a_report_compares_routers_and_offers_its_numbers(viewer):
    row = an_evaluation()
    page = viewer.get(url("evaluation-report", row.pk)).text

    for told in ("k nearest neighbours", "Oracle", "Ours, behind the gate", "−1.0 %", "unknown", "Best single model"):
        assert told in page
    assert "Make a draft" not in page and "elsewhere</code>" in page
    csv = viewer.get(url("evaluation-csv", row.pk)).content.decode()
    assert csv.splitlines()[1].startswith("model,big,0.0011,")
    assert "50 % big, 50 % small" in csv


def test_wishes_lead_to_the_points_that_meet_them():
    points = [
        {"quality": {"value": q}, "cost_usd": {"value": c}} for q, c in ((0.5, 1), (0.79, 4), (0.8, 6), (0.85, 20))
    ]
    singles = [{"quality": {"value": q}, "cost_usd": {"value": c}} for q, c in ((0.8, 10), (0.5, 1))]

    found = {one.words: one.point for one in presets({"singles": singles}, points)}

    assert found["as good as the best single model, cheapest"] == 2
    assert found["95 % of it"] == 1
    assert found["at most half its cost"] == 1
    assert found["at most a tenth"] == 0
    assert presets({"singles": singles}, []) == presets({"singles": []}, points) == []


def test_a_target_on_the_front_becomes_a_draft_with_the_knob_measured_there(signed_in):
    row = an_evaluation()
    a_language_model(slug="big"), a_language_model(slug="small")
    editor = signed_in("editor")
    assert 'value="1" selected' in editor.get(url("evaluation-report", row.pk), {"point": "1"}).text

    answer = editor.post(url("evaluation-draft", row.pk), {"point": "1", "slug": "saves", "name": "Saves"})

    draft = Draft.objects.get(policy__slug="saves")
    assert answer["Location"] == url("draft-detail", "saves", draft.pk)
    strategy = draft.document["default"]["strategy"]
    assert (strategy["kind"], strategy["default"]) == ("learned", "model:big")
    assert strategy["cost_quality"] == pytest.approx(0.7462, abs=1e-3)
    assert draft.document["default"]["pool"] == ["model:big", "model:small"]
    editor.post(url("evaluation-draft", row.pk), {"point": "0", "policy": "saves"})
    assert Policy.objects.get(slug="saves").drafts.count() == 2


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        ({"point": "7", "slug": "x"}, "not one of the available choices"),
        ({"point": "1"}, "needs a slug"),
        ({"point": "1", "slug": "x"}, "It lacks: big, small"),
    ],
)
def test_a_target_that_cannot_be_is_refused(signed_in, posted, told):
    answer = signed_in("editor").post(url("evaluation-draft", an_evaluation().pk), posted)

    assert answer.status_code == 422 and told in answer.text
    assert not Policy.objects.filter(slug="x").exists()


def test_charts_say_what_they_show_and_hold_every_point():
    chart = plane_chart(a_report())

    assert chart.legend == [("Our front", "1"), ("Models", "2"), ("Policies", "3"), ("Oracle", "4")]
    assert next(trace["line"]["color"] for trace in chart.figure["data"] if "line" in trace) == "var(--chart-1)"
    assert "costs 36 % less at equal quality" in chart.finding
    assert len(chart.rows) == len(chart.csv_rows) == 6
    assert "where it says 0.30, 0.33 came" in reliability_chart(a_card()["reliability"]).finding


def _singles(*names: str) -> dict[str, Any]:
    return {name: {"answered": 10, "quality": 0.5, "cost_usd": 0.1} for name in names}


def test_the_scheduled_refit_is_told_set_by_publishers_and_asked_for_by_editors(signed_in):
    a_predictor()
    viewer, publisher = signed_in("viewer"), signed_in("publisher")
    page = viewer.get(url("evaluation")).text
    assert "Scheduled refit" in page and "not scheduled" in page and "Scheduling needs the role publisher" in page

    assert publisher.post(url("refit-schedule"), {"every": "weekly", "promotes": "on"}).status_code == 302
    note_refit(timezone.now(), "too_little_new", "12 graded prompts are new since ours@1; 100 are needed.")
    page = publisher.get(url("evaluation")).text
    assert "looked at nightly" in page and "too little new" in page and "12 graded prompts are new" in page
    assert signed_in("editor").post(url("refit-now")).status_code == 302
    assert Job.objects.get().kind == "refit_predictor"
