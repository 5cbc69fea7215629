"""Who grades, what is asked again out of recent traffic, and what is refused before anything is paid."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from django.utils import timezone

from routerapp.models import (
    BenchmarkData,
    Calibration,
    CalibrationAnswer,
    CalibrationState,
    Job,
    LanguageModel,
)
from routerapp.serving.calibration.calibrations import (
    NewCalibration,
    create_calibration,
    delete_calibration,
    estimate_again,
    finish_calibration,
    start_calibration,
    state_of,
    stop_calibration,
)
from routerapp.serving.calibration.people import grade_answer, next_answer, progress_of
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid
from routerapp.serving.run_job import run_job
from tests.calibrated import Says, a_calibration, answers, knows, offered, ran, started, three_deployments
from tests.factories import a_deployment, a_request
from tests.serving.actors import EDITOR, VIEWER

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _deployments() -> None:
    three_deployments()


def test_people_grade_blind_in_an_order_by_chance_and_may_skip() -> None:
    row, job = started(grading="people")
    row, message = ran(row, job, Says(knows))
    assert row.state == CalibrationState.GRADING and "40 answers wait for people" in message

    order, after = [], -1
    for number in range(40):
        shown = next_answer(row, by=EDITOR, after=after)
        assert shown is not None and not hasattr(shown, "deployment")
        order.append(CalibrationAnswer.objects.get(pk=shown.id).deployment)
        grade = None if number == 3 else 1.0 if "answer is" in shown.text else 0.25
        assert grade_answer(row.pk, shown.id, grade, by=EDITOR)
        after = shown.place

    assert sum(one != other for one, other in pairwise(order)) > 8, "models come mixed"
    assert not grade_answer_again(row, shown.id)
    row = Calibration.objects.get(pk=row.pk)
    assert (row.state, progress_of(row)) == (CalibrationState.FINISHING, (40, 40))
    run_job(row.job_id)
    row = Calibration.objects.get(pk=row.pk)
    assert BenchmarkData.objects.get(slug=row.benchmark).rows == 39
    assert set(answers(row).values_list("grade", flat=True)) == {1.0, 0.25, None}


def grade_answer_again(row: Calibration, answer_id: int) -> bool:
    try:
        return grade_answer(row.pk, answer_id, 0.0, by=EDITOR)
    except Invalid:
        return False


def test_people_may_be_content_with_a_part() -> None:
    row, job = started(grading="people")
    row, _ = ran(row, job, Says(knows))
    with pytest.raises(Invalid, match="No answer is graded yet"):
        finish_calibration(row.pk, by=EDITOR)
    for answer in answers(row, prompt__number__lte=3):
        grade_answer(row.pk, answer.pk, 0.5, by=EDITOR)
    row = finish_calibration(row.pk, by=EDITOR)
    run_job(row.job_id)

    row = Calibration.objects.get(pk=row.pk)
    assert (row.state, BenchmarkData.objects.get(slug=row.benchmark).prompts) == (CalibrationState.DONE, 3)


def kept_chat(text: str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return {"model": "auto", "messages": messages, "signalbox": {"redacted": 0, "is_cut": False}} | fields


def test_recent_requests_whose_content_is_kept_are_asked_again_with_what_stood_before_them() -> None:
    now_ms = int(timezone.now().timestamp() * 1000)
    for number in range(30):
        a_request(at_ms=now_ms, chat=kept_chat(f"Question {number} about boats?", temperature=0.2))
    a_request(at_ms=now_ms, chat=kept_chat("Question 1 about boats?", temperature=0.2))
    a_request(at_ms=now_ms, chat=kept_chat("With tools", tools=[{"type": "function"}]))
    a_request(at_ms=now_ms, chat=kept_chat("Cut", signalbox={"is_cut": True}))
    a_request(at_ms=now_ms, origin="playground", chat=kept_chat("Not live"))
    a_request(at_ms=now_ms - 40 * 86_400_000, chat=kept_chat("Long ago"))
    row = a_calibration(source="traffic", grading="people")

    assert row.coverage["left_out"] == {"cut": 1, "repeated": 1, "tools": 1}
    assert row.coverage["offered"] == 30 and row.prompts.count() == 20
    row = start_calibration(row.pk, row.estimate["ceiling_nusd"], by=EDITOR)
    says = Says(lambda deployment, body: "Aye.")
    ran(row, Job.objects.get(pk=row.job_id), says)
    body = says.asked[0][1]
    assert body["messages"][0] == {"role": "system", "content": "Be brief."} and body["temperature"] == 0.2


def test_without_kept_content_it_says_what_to_do() -> None:
    row = a_calibration(source="traffic", grading="people")

    assert row.state == CalibrationState.STOPPED
    assert "0 can be asked again" in row.problem and "bring prompts as JSONL" in row.problem


@pytest.mark.parametrize(
    ("changes", "field", "told"),
    [
        ({"source": "web"}, "source", "One of"),
        ({"grading": "taste"}, "grading", "One of"),
        ({"source": "traffic"}, "grading", "say nothing of what is right"),
        ({"wanted": 19}, "wanted", "from 20 to 1,000"),
        ({"max_output_tokens": 10**9}, "max_output_tokens", "from 16 to"),
        ({"seed": -1}, "seed", "from 0 to"),
        ({"prompts": ()}, "prompts", "0 different prompts"),
        ({"deployments": ["good"]}, "deployments", "2 to 20"),
        ({"deployments": ["good", "free"]}, "deployments", "free is no deployment that is on"),
        ({"deployments": ["good", "twin"]}, "deployments", "the same language model"),
        ({"grading": "judge"}, "judge", "Choose the deployment that grades"),
        ({"grading": "judge", "judge": "good"}, "judge", "prefers its own answers"),
        ({"grading": "judge", "judge": "nobody"}, "judge", "nobody is no deployment"),
    ],
)
def test_what_makes_no_sense_is_refused_at_its_field(changes: Any, field: str, told: str) -> None:
    a_deployment(slug="free", price=None)
    a_deployment(slug="twin", language_model=LanguageModel.objects.get(slug="good"))
    wanted = {"source": "file", "grading": "expected", "deployments": ["good", "bad"], "wanted": 20}
    with pytest.raises(Invalid) as refused:
        create_calibration(NewCalibration(**wanted | {"prompts": offered()} | changes), by=EDITOR)

    assert (refused.value.problems[0].path, told in refused.value.problems[0].message) == (field, True)
    assert not Calibration.objects.exists() and not Job.objects.exists()


def test_a_job_that_was_cancelled_while_it_waited_leaves_a_calibration_that_stands() -> None:
    row, _ = started()
    stop_calibration(row.pk, by=EDITOR)

    row = Calibration.objects.get(pk=row.pk)
    assert state_of(row) == CalibrationState.STOPPED
    with pytest.raises(Invalid, match="not running"):
        stop_calibration(row.pk, by=EDITOR)
    delete_calibration(row.pk, by=EDITOR)
    assert not CalibrationAnswer.objects.exists() and not Calibration.objects.exists()


def test_viewers_may_do_nothing_of_this() -> None:
    row = a_calibration()
    for act in (estimate_again, stop_calibration, finish_calibration, delete_calibration):
        with pytest.raises(NotAllowed):
            act(row.pk, by=VIEWER)
    with pytest.raises(NotAllowed):
        start_calibration(row.pk, 1, by=VIEWER)
    with pytest.raises(NotAllowed):
        next_answer(row, by=VIEWER)
