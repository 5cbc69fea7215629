"""From a benchmark to a candidate and its card, for real: the file is read, a predictor trained, measured on prompts held back, and kept."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest

from routerapp.learning.outcomes import Outcomes
from routerapp.models import AuditEvent, EvaluationReport, Job, PredictorVersion
from routerapp.serving import champion
from routerapp.serving.benchmarks import NewBenchmark, import_benchmark
from routerapp.serving.draft_from_target import front_of
from routerapp.serving.learning_jobs import Training, start_evaluation, start_training, stop_learning_job
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.predictors import promote_predictor
from routerapp.serving.refusals import Invalid
from routerapp.serving.routing_report import held_back, is_held_back
from routerapp.serving.run_job import run_job
from routerapp.store import jobs
from routerapp.store.revisions import record_config_revision
from tests.factories import a_deployment, a_document, a_language_model, a_policy
from tests.serving.actors import EDITOR, PUBLISHER, VIEWER

pytestmark = pytest.mark.django_db
MODELS = {"Big": "big", "Small": "small", "Tiny": "tiny"}
WORDS = {"algebra": "solve the equation for x and integrate", "poems": "write a sonnet about rain and autumn leaves"}

SPAM = {
    "id": "spam",
    "name": "Spam",
    "when": {"field": "text", "op": "contains", "value": "spam"},
    "use": {"reject": "No."},
}


def a_file(prompts: int = 400) -> bytes:
    """Big is better at algebra, Small at poems; Tiny is cheap and poor."""
    generator = np.random.Generator(np.random.PCG64(3))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("prompt", "category", "model", "quality", "cost_usd", "out_tokens"))
    for number in range(prompts):
        category = ("algebra", "poems")[number % 2]
        drawn = " ".join(generator.permutation(WORDS[category].split()).tolist())
        chances = {"Big": (0.9, 0.4), "Small": (0.4, 0.9), "Tiny": (0.3, 0.3)}
        for model, cost in (("Big", 0.01), ("Small", 0.004), ("Tiny", 0.001)):
            right = int(generator.random() < chances[model][number % 2])
            writer.writerow((f"{drawn} {number}", category, model, right, cost, 20))
    return text.getvalue().encode()


@pytest.fixture
def benchmark() -> str:
    _, job = import_benchmark(NewBenchmark("kinds", "Two kinds", "kinds.csv", [a_file()]), by=EDITOR)
    run_job(job.pk)
    return "kinds"


def trained(benchmark: str, **changes: Any) -> Job:
    fields: dict[str, Any] = {"leaves_one_out": False} | changes
    job = start_training(Training("ours", [benchmark], MODELS, **fields), by=EDITOR)
    run_job(job.pk)
    job.refresh_from_db()
    return job


def test_a_training_makes_a_candidate_whose_card_was_measured_on_what_it_never_saw(benchmark: str) -> None:
    job = trained(benchmark, leaves_one_out=True)

    assert (job.state, job.message) == ("done", "ours@1 is a candidate."), job.message
    row = PredictorVersion.objects.get()
    card = row.card
    assert job.result == {"predictor": "ours@1", "report": card["report"]}
    assert card["pool"] == ["big", "small", "tiny"]
    assert card["prompts"]["trained_on"] + card["prompts"]["held_back"] == 400
    assert card["figures"]["perf_gain"]["low"] > 0.1
    assert {one["label"] for one in card["left_out"]} == {"algebra", "poems"}
    assert [spot["label"] for spot in card["weak_spots"]]
    assert sum(one["share"] for one in card["reliability"]) == pytest.approx(1, abs=1e-3)
    assert card["gate"]["is_better"] is None
    assert AuditEvent.objects.get(action="predictor_trained").after["sha256"] == row.sha256
    report = EvaluationReport.objects.get(pk=card["report"]).report
    assert [one["id"] for one in report["routers"]] == [
        "ours", "gated", "best_single", "cheapest", "random", "knn", "kmeans", "linear", "oracle",
    ]  # fmt: skip
    costs = [one["cost_usd"]["value"] for one in front_of(report)]
    assert costs == sorted(costs) and len(costs) >= 2


def test_todays_policies_are_points_beside_the_models(benchmark: str) -> None:
    for slug, price in (("big", 9_000_000_000), ("small", 1_000_000_000)):
        a_deployment(slug=slug, language_model=a_language_model(slug=slug), price={"input_nusd_per_mtok": price})
    a_policy(a_document("cheap"))
    a_policy(a_document("elsewhere", rules=[SPAM], default={"pool": ["model:other"], "strategy": {"kind": "cheapest"}}))
    a_deployment(language_model=a_language_model(slug="other"), price={"input_nusd_per_mtok": 10_000_000_000})
    record_config_revision("policies")
    trained(benchmark)
    cheap, elsewhere = EvaluationReport.objects.get().report["policies"]

    assert (cheap["name"], cheap["share"]) == ("cheap", 1.0)
    assert cheap["cost_usd"]["value"] == 0.004
    assert cheap["quality"]["low"] < cheap["quality"]["value"] < cheap["quality"]["high"]
    assert elsewhere == {"name": "elsewhere", "share": 0.0, "quality": None, "cost_usd": None}


def test_the_same_data_and_seed_give_the_same_bytes_and_no_second_version(benchmark: str) -> None:
    trained(benchmark)
    again = trained(benchmark)

    assert again.message == "The same bytes as ours@1: nothing new was learned."
    assert PredictorVersion.objects.count() == 1 and EvaluationReport.objects.count() == 1


def test_a_new_version_is_held_against_the_one_in_force_and_evaluating_asks_again(
    benchmark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(champion, "LEAST_PROMPTS", 50)
    trained(benchmark)
    promote_predictor("ours", 1, by=PUBLISHER)
    trained(benchmark, seed=1)
    gate = PredictorVersion.objects.get(version=2).card["gate"]
    live = PredictorVersion.objects.get(version=1)
    assert (gate["champion"], gate["is_better"], gate["name"]) == (live.sha256, False, "ours@1")
    difference = gate["held_back"]["difference"]
    assert difference["low"] <= 0 <= difference["high"] and "dAIQ" in gate["reason"]
    assert (gate["verdict"], gate["is_sure"]) == ("held_back_unsure", False)
    assert gate["traffic"]["refusal"]["code"] == "no_rows"
    assert "Not decided: too little explored traffic" in gate["reason"]
    with pytest.raises(Invalid, match="not better than ours@1"):
        promote_predictor("ours", 2, by=PUBLISHER)

    job = start_evaluation("ours", 2, [benchmark], by=EDITOR)
    run_job(job.pk)
    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"report": EvaluationReport.objects.latest("pk").pk}), job.message


def test_a_training_without_prompts_to_measure_on_says_so(benchmark: str) -> None:
    rows = b"prompt,model,quality\n" + b"".join(
        f"Question {number},{'Big' if number % 2 else 'Small'},1\n".encode() for number in range(300)
    )
    _, job = import_benchmark(NewBenchmark("apart", "Apart", "apart.csv", [rows]), by=EDITOR)
    run_job(job.pk)
    job = start_training(Training("ours", ["apart"], {"Big": "big", "Small": "small"}), by=EDITOR)
    run_job(job.pk)
    job.refresh_from_db()

    assert job.state == "failed" and "only 0 were answered by every model" in job.message
    assert not PredictorVersion.objects.exists()


def test_a_training_that_is_stopped_keeps_nothing(benchmark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = start_training(Training("ours", [benchmark], MODELS), by=EDITOR)
    report, told = jobs.report_progress, []

    def stop_soon(row: Job, part: float, message: str = "") -> None:
        told.append(message)
        if part > 0.1:
            row.heartbeat_at = None
            stop_learning_job(row.pk, by=EDITOR)
        report(row, part, message)

    monkeypatch.setattr(jobs, "report_progress", stop_soon)
    run_job(job.pk)
    job.refresh_from_db()

    assert job.state == "cancelled"
    assert told[0] == "Reading the benchmarks."
    assert not PredictorVersion.objects.exists() and not EvaluationReport.objects.exists()


def test_one_training_of_a_name_at_a_time_and_only_by_editors(benchmark: str) -> None:
    start_training(Training("ours", [benchmark], MODELS), by=EDITOR)
    with pytest.raises(Invalid, match="works on ours now"):
        start_training(Training("ours", [benchmark], MODELS, seed=1), by=EDITOR)
    with pytest.raises(NotAllowed):
        start_training(Training("theirs", [benchmark], MODELS), by=VIEWER)


def test_what_is_held_back_hangs_on_the_question_alone(benchmark: str) -> None:
    share = np.mean([is_held_back(f"group {number}") for number in range(5_000)])
    assert 0.18 < share < 0.22
    outcomes = _of_groups(["a", "b", "a", "b"])
    kept = held_back(outcomes).tolist()
    assert kept[:2] == kept[2:]


def _of_groups(groups: list[str]) -> Outcomes:
    names = tuple(str(number) for number in range(len(groups)))
    blank = np.zeros((len(groups), 1))
    return Outcomes(names, names, tuple(groups), names, names, names, ("a",), blank, blank, blank, blank)
