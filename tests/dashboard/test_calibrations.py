"""Calibrations in the browser's terms: a form that says what is wrong, a cost to confirm, progress, levels, and the page on which people grade."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from routerapp.models import Calibration, CalibrationAnswer, CalibrationState, Job, JobState
from routerapp.serving.run_job import run_job
from tests.calibrated import Says, a_calibration, knows, ran, started, sums, three_deployments

pytestmark = pytest.mark.django_db
LINES = "\n".join(json.dumps(one) for one in sums())
ASKED = {
    "source": "file",
    "grading": "expected",
    "deployments": ["good", "bad"],
    "prompts": LINES,
    "wanted": "20",
    "max_output_tokens": "100",
}


def url(name: str, *rest: Any) -> str:
    return reverse(f"dashboard:{name}", args=rest)


def test_without_two_models_the_form_says_what_to_do_first(signed_in):
    page = signed_in("editor").get(url("calibration-create")).text

    assert "Too few models to compare" in page and url("provider-list") in page


def test_the_evaluation_page_leads_there_and_lists_them(signed_in):
    three_deployments()
    row = a_calibration()
    editor, viewer = signed_in("editor").get(url("evaluation")).text, signed_in("viewer").get(url("evaluation")).text

    assert url("calibration-create") in editor and url("calibration-create") not in viewer
    assert row.name in viewer and "waiting for your word" in viewer


def test_prompts_are_pasted_the_cost_is_shown_and_the_amount_on_the_button_starts_it(signed_in):
    three_deployments()
    editor = signed_in("editor")
    answer = editor.post(url("calibration-create"), ASKED)
    row = Calibration.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, url("calibration-detail", row.pk))
    assert "Waiting for the job worker" in editor.get(answer["Location"]).text
    run_job(row.job_id)
    page = editor.get(answer["Location"]).text
    row.refresh_from_db()
    shown = re.search(r"Start, for \$([\d.]+) at most", page)
    assert shown is not None and round(float(shown[1]) * 10**9) == row.estimate["ceiling_nusd"]

    refused = editor.post(url("calibration-start", row.pk), {"ceiling_nusd": "5"})
    assert refused.status_code == 422 and "confirm exactly that amount" in refused.text
    posted = re.search(r'name="ceiling_nusd" value="(\d+)"', page)
    assert posted is not None
    assert editor.post(url("calibration-start", row.pk), {"ceiling_nusd": posted[1]}).status_code == 302
    row.refresh_from_db()
    assert row.state == CalibrationState.RUNNING


def test_a_file_is_taken_instead(signed_in):
    three_deployments()
    file = SimpleUploadedFile("mine.jsonl", LINES.encode())
    answer = signed_in("editor").post(url("calibration-create"), ASKED | {"prompts": "", "file": file})

    assert answer.status_code == 302 and Calibration.objects.exists()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"prompts": ""}, "There is no prompt"),
        ({"prompts": LINES + "\n{"}, "Line 25 is not JSON"),
        ({"prompts": '{"prompt": "<b>x</b>"}'}, "Line 1 has no expected"),
        ({"prompts": "\n".join(LINES.split("\n")[:3])}, "at least 20"),
        ({"wanted": "5"}, "greater than or equal to 20"),
        ({"wanted": "many"}, "Enter a whole number"),
        ({"max_output_tokens": "9999999"}, "less than or equal to"),
        ({"deployments": ["good"]}, "Choose 2 to 20"),
        ({"deployments": ["good", "gone"]}, "not one of the available choices"),
        ({"source": "web"}, "not one of the available choices"),
        ({"source": "traffic"}, "say nothing of what is right"),
        ({"grading": "judge"}, "Choose the deployment that grades"),
        ({"grading": "judge", "judge": "good"}, "prefers its own answers"),
        ({"grading": "pattern", "prompts": '{"prompt": "x", "pattern": "("}'}, "RE2 cannot read this pattern"),
    ],
)
def test_what_makes_no_sense_is_refused_in_the_form_which_keeps_what_was_typed(signed_in, changes, told):
    three_deployments()
    answer = signed_in("editor").post(url("calibration-create"), ASKED | changes)

    assert answer.status_code == 422 and told in answer.text
    assert not Calibration.objects.exists() and not Job.objects.exists()


def test_progress_is_shown_and_it_can_be_stopped_and_gone_on_with(signed_in):
    three_deployments()
    row, job = started()
    editor = signed_in("editor")
    words = "12 of 40 answers. $0.01 of at most $0.09."
    Job.objects.filter(pk=job.pk).update(state=JobState.RUNNING, progress=0.3, message=words)
    page = editor.get(
        url("calibration-detail", row.pk), headers={"HX-Request": "true", "HX-Target": "div#calibration"}
    ).text
    assert words in page and 'value="30"' in page and "data-live" in page and "<h1" not in page

    assert editor.post(url("calibration-stop", row.pk)).status_code == 302
    job.refresh_from_db()
    assert job.is_cancel_requested and "Stopping" in editor.get(url("calibration-detail", row.pk)).text
    Job.objects.filter(pk=job.pk).update(state=JobState.CANCELLED, message="Cancelled on request.")
    page = editor.get(url("calibration-detail", row.pk)).text
    assert "Cancelled on request." in page and "See what the rest costs" in page
    editor.post(url("calibration-estimate", row.pk))
    row.refresh_from_db()
    assert row.state == CalibrationState.CHOOSING


def test_levels_are_shown_with_intervals_and_lead_to_a_training(signed_in):
    three_deployments()
    row, job = started()
    row, _ = ran(row, job, Says(knows))
    page = signed_in("editor").get(url("calibration-detail", row.pk)).text

    assert page.index(">good<") < page.index(">bad<")
    assert "1.000" in page and "0.839 to 1.000" in page and "0.000 to 0.161" in page
    assert (
        f"{url('predictor-train')}?benchmark={row.benchmark}" in page and url("benchmark-detail", row.benchmark) in page
    )
    assert "A training needs 100 prompts; this has 20" in page
    assert url("predictor-train") not in signed_in("viewer").get(url("calibration-detail", row.pk)).text


def test_hostile_answers_and_problems_are_text(signed_in):
    three_deployments()
    row, job = started(grading="people")
    evil = "<script>alert(1)</script>"
    row, _ = ran(row, job, Says(lambda deployment, body: evil))
    CalibrationAnswer.objects.filter(deployment="bad").update(problem=evil)
    editor = signed_in("editor")

    for name in ("calibration-grade", "calibration-detail"):
        page = editor.get(url(name, row.pk)).text
        assert evil not in page and "&lt;script&gt;alert(1)" in page


def test_people_grade_one_after_the_other_without_knowing_whose_it_is(signed_in):
    three_deployments()
    row, job = started(grading="people")
    row, _ = ran(row, job, Says(lambda deployment, body: "An answer."))
    editor, place = signed_in("editor"), url("calibration-grade", row.pk)
    page = editor.get(place).text
    main = page[page.index("<main") :]
    assert "An answer." in main and 'data-key="5"' in main and "good at" not in main and "judge" not in main
    assert '"good"' not in main and ">good<" not in main and ">bad<" not in main

    first = _posted(main)
    assert editor.post(place, {**first, "mark": "6"}).status_code == 422
    assert editor.post(place, {**first, "mark": "4"})["Location"] == f"{place}?after={first['place']}"
    assert CalibrationAnswer.objects.get(pk=first["answer"]).grade == 0.75
    second = _posted(editor.get(f"{place}?after={first['place']}").text)
    assert second["answer"] != first["answer"] and int(second["place"]) > int(first["place"])
    fragment = editor.post(
        place, {**second, "mark": "skip"}, headers={"HX-Request": "true", "HX-Target": "div#grade"}
    ).text
    assert "2 of 40" in fragment and "<h1" not in fragment and _posted(fragment)["answer"] != second["answer"]
    again = editor.post(place, {**first, "mark": "1"}, headers={"HX-Request": "true", "HX-Target": "div#grade"})
    assert "Somebody else had marked that one" in again.text
    assert CalibrationAnswer.objects.get(pk=first["answer"]).grade == 0.75
    assert "2 of 40 answers are marked" in editor.get(url("calibration-detail", row.pk)).text
    assert editor.post(url("calibration-finish", row.pk)).status_code == 302


def test_grading_by_machine_has_no_page_for_people(signed_in):
    three_deployments()
    row = a_calibration()

    assert signed_in("editor").get(url("calibration-grade", row.pk))["Location"] == url("calibration-detail", row.pk)


def test_what_has_ended_can_be_deleted(signed_in):
    three_deployments()
    row = a_calibration()
    editor = signed_in("editor")
    answer = editor.post(url("calibration-delete", row.pk))

    assert answer["Location"] == url("evaluation") and not Calibration.objects.exists()
    assert editor.get(url("calibration-detail", row.pk)).status_code == 404


@pytest.mark.parametrize("name", ["start", "stop", "estimate", "finish", "delete", "grade"])
def test_viewers_may_look_and_do_nothing(signed_in, name):
    three_deployments()
    row = a_calibration()
    viewer = signed_in("viewer")

    assert viewer.get(url("calibration-detail", row.pk)).status_code == 200
    assert viewer.post(url(f"calibration-{name}", row.pk)).status_code == 403
    assert viewer.get(url("calibration-create")).status_code == 403


def _posted(page: str) -> dict[str, str]:
    return {name: re.search(rf'name="{name}" value="(\d+)"', page)[1] for name in ("answer", "place")}
