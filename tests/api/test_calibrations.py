"""A calibration through the API: prompts go in, a cost comes out, exactly that is confirmed, marks are given, levels are read."""

from __future__ import annotations

from typing import Any

import pytest

from routerapp.models import Calibration, Job
from routerapp.serving.run_job import run_job
from tests.api.callers import calls_as, codes_of
from tests.calibrated import Says, knows, ran, sums, three_deployments

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _deployments() -> None:
    three_deployments()


def asked(**changes: Any) -> dict[str, Any]:
    return {
        "source": "file",
        "grading": "expected",
        "deployments": ["good", "bad"],
        "prompts": sums(),
        "wanted": 20,
    } | changes


def test_from_prompts_to_levels() -> None:
    editor = calls_as("editor")
    answer = editor("POST", "calibrations", asked())
    assert (answer.status_code, answer.json()["state"], answer.json()["ceiling_usd"]) == (202, "choosing", None)
    place = f"calibrations/{answer.json()['id']}"
    run_job(answer.json()["job"])
    estimate = editor("GET", place).json()["estimate"]
    ceiling = estimate["ceiling_nusd"] / 10**9

    assert codes_of(editor("POST", f"{place}/start", {"ceiling_usd": "0.01"})) == {"ceiling_usd": "not_the_amount"}
    assert codes_of(editor("POST", f"{place}/start", {"ceiling_usd": "much"})) == {"ceiling_usd": "bad_amount"}
    started = editor("POST", f"{place}/start", {"ceiling_usd": f"{ceiling:.2f}"})
    assert (started.status_code, started.json()["state"]) == (202, "running")
    ran(Calibration.objects.get(), Job.objects.get(pk=started.json()["job"]), Says(knows))
    found = calls_as("viewer")("GET", place).json()
    assert found["state"] == "done" and found["benchmark"].startswith("calibration-")
    assert [(one["deployment"], one["value"], one["graded"]) for one in found["levels"]] == [
        ("good", 1.0, 20),
        ("bad", 0.0, 20),
    ]
    assert found["levels"][0]["low"] == pytest.approx(0.8389, abs=1e-4) and found["levels"][1]["high"] < 0.17
    assert found["spent_usd"] == "0.0012" and found["levels"][0]["mean_cost_usd"] == "0.00003"
    assert editor("GET", "calibrations").json()["data"][0]["id"] == found["id"]
    assert editor("DELETE", place).status_code == 204


def test_a_body_that_is_wrong_says_where() -> None:
    editor = calls_as("editor")

    assert codes_of(editor("POST", "calibrations", asked(deployments=["good"]))) == {"deployments": "bad_number"}
    assert codes_of(editor("POST", "calibrations", asked(prompts=[{"prompt": "x"}]))) == {"prompts": "missing"}
    assert codes_of(editor("POST", "calibrations", asked(prompts=[7]))) == {"prompts": "not_an_object"}
    assert codes_of(editor("POST", "calibrations", asked(grading="judge"))) == {"judge": "missing"}
    assert codes_of(editor("POST", "calibrations", asked(more=1))) == {"more": "unknown_field"}
    assert not Job.objects.exists()


def test_people_grade_by_api_too() -> None:
    editor = calls_as("editor")
    row = editor("POST", "calibrations", asked(grading="people", prompts=sums(30))).json()
    place = f"calibrations/{row['id']}"
    run_job(row["job"])
    ceiling = editor("GET", place).json()["estimate"]["ceiling_nusd"] / 10**9
    job = editor("POST", f"{place}/start", {"ceiling_usd": f"{ceiling:.2f}"}).json()["job"]
    ran(Calibration.objects.get(), Job.objects.get(pk=job), Says(knows))

    queue = editor("GET", f"{place}/answers").json()
    assert (queue["done"], queue["all"]) == (0, 40)
    assert set(queue["answer"]) == {"id", "before", "prompt", "text", "is_cut"}
    mark = {"answer": queue["answer"]["id"], "grade": 0.75}
    assert editor("POST", f"{place}/answers", mark).json() == {"is_taken": True}
    assert editor("POST", f"{place}/answers", mark).json() == {"is_taken": False}
    assert codes_of(editor("POST", f"{place}/answers", mark | {"grade": 2})) == {"grade": "out_of_range"}
    assert editor("POST", f"{place}/answers", mark | {"answer": 10**9}).status_code == 404
    assert editor("POST", f"{place}/finish").status_code == 202
