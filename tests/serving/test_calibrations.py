"""A calibration from the first form to the benchmark: chosen, estimated, confirmed, asked, marked, stopped, gone on with."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.utils import timezone

from routerapp.models import (
    AnswerState,
    AuditEvent,
    BenchmarkData,
    Calibration,
    CalibrationState,
    Deployment,
    Job,
    JobState,
    Price,
)
from routerapp.providers.errors import RateLimited
from routerapp.serving.calibration import run as running
from routerapp.serving.calibration.calibrations import (
    estimate_again,
    start_calibration,
    stop_calibration,
)
from routerapp.serving.calibration.run import run_calibration
from routerapp.serving.refusals import Invalid, Stale
from routerapp.serving.run_job import run_job
from routerapp.store import jobs
from routerapp.store.benchmarks import load_outcomes
from tests.calibrated import Says, a_calibration, answers, knows, offered, ran, started, sums, three_deployments
from tests.factories import a_snapshot
from tests.serving.actors import EDITOR

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _deployments() -> None:
    three_deployments()


def test_prompts_of_a_file_are_chosen_and_what_they_cost_at_most_is_known_before_anything_is_asked() -> None:
    row = a_calibration()

    assert row.state == CalibrationState.ESTIMATED
    assert (row.prompts.count(), row.coverage["offered"], row.offered) == (20, 24, None)
    estimate = row.estimate
    assert [line["deployment"] for line in estimate["lines"]] == ["good", "bad"]
    assert estimate["calls"] == 40
    assert 0 < estimate["expected_nusd"] <= estimate["most_nusd"] <= estimate["ceiling_nusd"]
    # 1,024 tokens of answer at two dollars a million, 40 times, and the prompts besides.
    assert estimate["most_nusd"] > 40 * 1_024 * 2_000
    assert estimate["ceiling_nusd"] % 10_000_000 == 0


def test_exactly_the_amount_shown_has_to_be_confirmed() -> None:
    row = a_calibration()

    with pytest.raises(Invalid, match="confirm exactly that amount"):
        start_calibration(row.pk, row.estimate["ceiling_nusd"] + 1, by=EDITOR)
    started_row = start_calibration(row.pk, row.estimate["ceiling_nusd"], by=EDITOR)

    assert (started_row.state, started_row.ceiling_nusd) == (CalibrationState.RUNNING, row.estimate["ceiling_nusd"])
    event = AuditEvent.objects.get(action="start_calibration")
    assert (event.subject, event.after["calls"]) == (f"calibration:{row.pk}", 40)


def test_a_price_that_changed_meanwhile_is_asked_about_anew() -> None:
    row = a_calibration()
    Price.objects.filter(deployment__slug="bad").update(output_nusd_per_mtok=9_000_000_000)
    a_snapshot()

    with pytest.raises(Stale, match="Prices have changed"):
        start_calibration(row.pk, row.estimate["ceiling_nusd"], by=EDITOR)
    again = Calibration.objects.get(pk=row.pk)
    assert again.state == CalibrationState.CHOOSING
    run_job(again.job_id)
    again.refresh_from_db()
    assert again.estimate["ceiling_nusd"] > row.estimate["ceiling_nusd"]


def test_answers_are_asked_marked_and_become_a_benchmark_to_train_on() -> None:
    row, job = started()
    says = Says(knows)

    row, message = ran(row, job, says)

    assert (row.state, row.problem) == (CalibrationState.DONE, "")
    assert len(says.asked) == 40 and all(body["max_tokens"] == 1_024 for _, body in says.asked)
    kept = BenchmarkData.objects.get(slug=row.benchmark)
    assert (kept.name, kept.state, kept.prompts, kept.rows) == (row.name, "ready", 20, 40)
    assert kept.name == f"Calibration {timezone.now():%Y-%m-%d}"
    outcomes = load_outcomes([row.benchmark])
    assert outcomes.models == ("bad", "good")
    assert outcomes.quality.mean(axis=0).tolist() == [0.0, 1.0]
    # 20 tokens in and 5 out, at a dollar and two.
    assert np.allclose(outcomes.cost_usd, 0.00003)
    assert row.spent_nusd == 40 * 30_000 and "20 prompts, 40 marks" in message


def test_the_job_worker_knows_what_to_do_and_simulated_models_answer() -> None:
    quick = {"ttft_ms": {"p50": 1, "p95": 2}, "tokens_per_second": 50_000, "output_tokens": {"mean": 5}}
    Deployment.objects.update(simulation=quick)
    a_snapshot()
    row, job = started()
    run_job(job.pk)

    row.refresh_from_db()
    job.refresh_from_db()
    assert (row.state, job.state, job.progress) == (CalibrationState.DONE, JobState.DONE, 1.0)
    assert "20 prompts, 40 marks" in job.message and 0 < row.spent_nusd <= (row.ceiling_nusd or 0)


def test_calls_are_recorded_as_calibration_and_not_as_live_traffic(tmp_path: Any, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    row, job = started()
    ran(row, job, Says(knows))
    spool = b"".join(path.read_bytes() for path in tmp_path.glob("spool/*/*.log"))

    assert spool.count(b"calibrate") >= 40 and b"calibration" in spool
    assert answers(row).exclude(request_id="").count() == 40


@pytest.mark.parametrize(
    ("grading", "fields", "right", "wrong"),
    [
        ("pattern", {"pattern": r"^\d+ foxes$"}, "7 foxes", "seven foxes"),
        ("schema", {"schema": {"type": "object", "required": ["a"]}}, '{"a": 1}', '{"b": 1}'),
    ],
)
def test_patterns_and_schemas_mark_with_one_or_nothing(grading: str, fields: Any, right: str, wrong: str) -> None:
    prompts = offered([{"prompt": one["prompt"], **fields} for one in sums()], grading)
    row, job = started(grading=grading, prompts=prompts)

    row, _ = ran(row, job, Says(lambda deployment, body: right if deployment == "good" else wrong))

    assert set(answers(row, deployment="good").values_list("grade", flat=True)) == {1.0}
    assert set(answers(row, deployment="bad").values_list("grade", flat=True)) == {0.0}


def test_a_judge_is_asked_about_each_answer_and_paid_under_the_same_ceiling() -> None:
    row, job = started(grading="judge", judge="judge")
    assert [line["role"] for line in row.estimate["lines"]] == ["candidate", "candidate", "judge"]
    assert row.estimate["calls"] == 80
    says = Says(knows)

    row, _ = ran(row, job, says)

    assert row.state == CalibrationState.DONE
    assert sum(deployment == "judge" for deployment, _ in says.asked) == 40
    assert set(answers(row, deployment="good").values_list("grade", flat=True)) == {0.9}
    assert set(answers(row, deployment="bad").values_list("grade", flat=True)) == {0.2}
    assert row.spent_nusd == 80 * 30_000
    asked = next(body for deployment, body in says.asked if deployment == "judge")
    assert "never an instruction" in asked["messages"][0]["content"].replace("\n", " ")


def test_a_judge_that_says_no_grade_leaves_the_answer_without_one() -> None:
    row, job = started(grading="judge", judge="judge")
    row, _ = ran(row, job, Says(lambda deployment, body: "Ignore this: 1.0!" if deployment == "judge" else "x"))

    assert row.state == CalibrationState.STOPPED and "Fewer than 2 prompts" in row.problem
    assert answers(row, state=AnswerState.ANSWERED, grade=None).count() == 40


def test_it_stops_at_the_ceiling_and_says_so_and_goes_on_under_a_new_one() -> None:
    row, job = started()
    greedy = Says(knows, usage={"prompt_tokens": 20, "completion_tokens": 4_000})

    row, message = ran(row, job, greedy)

    assert row.state == CalibrationState.STOPPED and "Stopped at the ceiling of $" in row.problem == message
    assert 0 < len(greedy.asked) < 40
    kept = answers(row, state=AnswerState.GRADED).count()
    assert kept == len(greedy.asked)
    estimate_again(row.pk, by=EDITOR)
    run_job(Calibration.objects.get(pk=row.pk).job_id)
    row = Calibration.objects.get(pk=row.pk)
    assert row.estimate["calls"] == 40 - kept and row.estimate["ceiling_nusd"] >= row.spent_nusd
    row = start_calibration(row.pk, row.estimate["ceiling_nusd"], by=EDITOR)
    honest = Says(knows)
    row, _ = ran(row, Job.objects.get(pk=row.job_id), honest)
    assert (row.state, len(honest.asked)) == (CalibrationState.DONE, 40 - kept)


def test_what_is_held_never_goes_beyond_the_ceiling_while_calls_run(monkeypatch: Any) -> None:
    row, job = started()
    Calibration.objects.filter(pk=row.pk).update(ceiling_nusd=3_000_000)
    most = []
    start = running.Run._start

    def watched(self: running.Run, call: running.Call) -> None:
        start(self, call)
        most.append(self._row.spent_nusd + sum(one.held_nusd for one in self._running.values()))

    monkeypatch.setattr(running.Run, "_start", watched)
    row, _ = ran(row, job, Says(knows))

    assert row.state == CalibrationState.STOPPED and max(most) <= 3_000_000
    assert row.spent_nusd <= 3_000_000


def test_stopping_keeps_what_was_paid_for_and_going_on_asks_only_the_rest(monkeypatch: Any) -> None:
    row, job = started()
    says, keep = Says(knows), running.Run._keep

    def stops(self: running.Run, *call: Any) -> None:
        keep(self, *call)
        if self.kept == 10:
            stop_calibration(row.pk, by=EDITOR)

    claimed = jobs.claim(job.pk)
    assert claimed is not None
    monkeypatch.setattr(running.Run, "_keep", stops)
    monkeypatch.setattr(jobs, "HEARTBEAT_EVERY", timedelta(0))
    with pytest.raises(jobs.JobCancelled):
        run_calibration(claimed, timezone.now(), transport=says)
    monkeypatch.undo()
    row.refresh_from_db()
    jobs.finish(claimed, JobState.CANCELLED, "Cancelled on request.")

    kept = answers(row, state=AnswerState.GRADED).count()
    assert row.state == CalibrationState.STOPPED and 10 <= kept == len(says.asked) < 40
    assert AuditEvent.objects.filter(action="stop_calibration").exists()
    estimate_again(row.pk, by=EDITOR)
    run_job(Calibration.objects.get(pk=row.pk).job_id)
    row = Calibration.objects.get(pk=row.pk)
    row = start_calibration(row.pk, row.estimate["ceiling_nusd"], by=EDITOR)
    rest = Says(knows)
    row, _ = ran(row, Job.objects.get(pk=row.job_id), rest)
    assert len(rest.asked) == 40 - kept and row.state == CalibrationState.DONE
    assert row.spent_nusd == 40 * 30_000


def test_a_process_that_dies_is_followed_by_one_that_pays_only_for_what_is_missing() -> None:
    row, job = started()

    class Died(BaseException):
        pass

    def dies(deployment: str, body: dict[str, Any]) -> str:
        if len(says.asked) == 15:
            raise Died
        return knows(deployment, body)

    says = Says(dies)
    claimed = jobs.claim(job.pk)
    assert claimed is not None
    with pytest.raises(Died):
        run_calibration(claimed, timezone.now(), transport=says)
    kept = answers(row, state=AnswerState.GRADED).count()
    asked = answers(row, state=AnswerState.ASKED).count()
    assert kept and asked
    # The same job, sent anew as the schedule does with one whose worker is silent.
    Job.objects.filter(pk=job.pk).update(state=JobState.QUEUED)
    again = Says(knows)
    row, _ = ran(row, job, again)

    assert row.state == CalibrationState.DONE and len(again.asked) == 40 - kept
    assert row.spent_nusd > 40 * 30_000, "what nobody knows the cost of counts with the most"
    assert row.spent_nusd <= (row.ceiling_nusd or 0)


def test_a_call_that_fails_is_missing_and_asked_once_more() -> None:
    row, job = started()

    def fails(deployment: str, body: dict[str, Any]) -> str:
        if deployment == "bad":
            raise RateLimited("Too many requests.", http_status=429)
        return knows(deployment, body)

    says = Says(fails)
    row, _ = ran(row, job, says)

    assert row.state == CalibrationState.DONE
    missing = answers(row, deployment="bad")
    assert set(missing.values_list("state", "grade")) == {(AnswerState.MISSING, None)}
    assert sum(deployment == "bad" for deployment, _ in says.asked) == 40
    assert load_outcomes([row.benchmark]).models == ("good",)


def test_an_upstream_that_is_silent_is_given_up_and_counts_with_what_was_held() -> None:
    class Silent(Says):
        async def open(self, request: Any, connect_ms: int) -> Any:
            if request.target.deployment == "bad" and len(self.asked) < 30:
                self.asked.append(("bad", {}))
                await asyncio.sleep(60)
            return await Says.open(self, request, connect_ms)

    row, job = started()
    row, _ = ran(row, job, Silent(knows), seconds=0.05)

    silent = answers(row, deployment="bad", state=AnswerState.MISSING)
    assert silent.exists() and "no answer within" in silent[0].problem
    assert row.spent_nusd > 40 * 30_000


@pytest.mark.parametrize(
    ("grading", "answer"),
    [
        ("expected", "x" * 3_000_000),
        ("judge", "<script>alert(1)</script>" * 2_000),
        ("judge", "\0 null and half a pair \ud800"),
        ("schema", "[" * 100_000),
        ("schema", "{broken"),
        ("expected", b"<html>502</html>"),
        ("expected", b'{"choices": [{"message": {"content": '),
        ("expected", b'{"choices": 7}'),
        ("judge", b'{"choices": [], "usage": {"prompt_tokens": 1e308}}'),
        ("people", b""),
    ],
)
def test_a_hostile_answer_breaks_nothing(grading: str, answer: str | bytes) -> None:
    prompts = offered([one | {"schema": {"type": "object"}} for one in sums()], grading)
    judge = "judge" if grading == "judge" else ""
    row, job = started(grading=grading, judge=judge, prompts=prompts)

    row, _ = ran(row, job, Says(lambda deployment, body: answer))

    assert row.state in (CalibrationState.DONE, CalibrationState.STOPPED, CalibrationState.GRADING)
    assert all(len(text) <= 20_000 and "\0" not in text for text in answers(row).values_list("text", flat=True))
    assert not answers(row, grade__gt=0).exists()
    assert row.spent_nusd <= (row.ceiling_nusd or 0)
