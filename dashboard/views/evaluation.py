"""Evaluation: benchmarks, predictors and reports on one page; and the jobs that make one out of the other."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard import evaluation_words as words
from dashboard.calibration_lines import calibration_list
from dashboard.fragments import render_page
from dashboard.refit_lines import refit_lines
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import BenchmarkData, BenchmarkState, EvaluationReport, Job, JobState, PredictorState
from routerapp.serving.learning_jobs import EVALUATE, TRAIN, stop_learning_job
from routerapp.serving.refusals import WriteRefused
from routerapp.store.predictors import without_artefacts

LIST_LIMIT = 50
KINDS = (TRAIN, EVALUATE)
OPEN = (JobState.QUEUED, JobState.RUNNING)
ORDER = {PredictorState.LIVE: 0, PredictorState.CANDIDATE: 1, PredictorState.RETIRED: 2}


@allowed_to("read")
def evaluation(request: HttpRequest) -> HttpResponse:
    benchmarks = BenchmarkData.objects.defer("upload", "content").order_by("-created_at", "-pk")[:LIST_LIMIT]
    predictors = sorted(
        without_artefacts().order_by("-created_at", "-pk")[:LIST_LIMIT],
        key=lambda row: ORDER[PredictorState(row.state)],
    )
    context = {
        "benchmarks": [{"row": row, "tone": words.BENCHMARK_TONES[BenchmarkState(row.state)]} for row in benchmarks],
        "has_ready": any(row.state == BenchmarkState.READY for row in benchmarks),
        "predictors": [_predictor_line(row) for row in predictors],
        "has_live": any(row.state == PredictorState.LIVE for row in predictors),
        "reports": EvaluationReport.objects.defer("report").select_related("created_by").order_by("-pk")[:20],
        "calibrations": calibration_list(),
        "may_calibrate": can(request, "calibrate"),
        "running": Job.objects.filter(kind__in=KINDS, state__in=OPEN).order_by("-pk"),
        "may_edit": can(request, "edit_benchmark"),
        "may_train": can(request, "train_predictor"),
        "refit": refit_lines(timezone.now()),
        "may_schedule": can(request, "schedule_refit"),
    }
    return render_page(request, "dashboard/evaluation/list.html", context)


@allowed_to("read")
def evaluation_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """How far it is; where it has ended, what it left."""
    job = get_object_or_404(Job, pk=job_id, kind__in=KINDS)
    result = job.result or {}
    context = {
        "job": job,
        "title": _title(job),
        "percent": round(100 * job.progress),
        "is_over": job.state not in OPEN,
        "next_url": _made(result),
        "is_training": job.kind == TRAIN,
        "may_train": can(request, "train_predictor"),
    }
    return render_page(request, "dashboard/evaluation/job.html", context, fragments={"job"})


@allowed_to("train_predictor")
@require_POST
def evaluation_job_stop(request: HttpRequest, job_id: int) -> HttpResponse:
    get_object_or_404(Job, pk=job_id, kind__in=KINDS)
    try:
        stop_learning_job(job_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    return redirect("dashboard:evaluation-job", job_id=job_id)


def _predictor_line(row: Any) -> dict[str, Any]:
    figures = row.card.get("figures", {})
    return {
        "row": row,
        "tone": words.PREDICTOR_TONES[PredictorState(row.state)],
        "pool": row.card.get("pool", []),
        "benchmarks": [one["name"] for one in row.card.get("benchmarks", [])],
        "gain": words.percent((figures.get("perf_gain") or {}).get("value")),
        "saved": words.percent((figures.get("cost_save") or {}).get("value"), 0),
        "saved_span": words.span(figures.get("cost_save"), lambda value: words.percent(value, 0)),
        "gain_span": words.span(figures.get("perf_gain"), words.percent),
    }


def _title(job: Job) -> str:
    name = job.arguments.get("name") or job.arguments.get("predictor") or "baselines"
    return f"Training {name}" if job.kind == TRAIN else f"Evaluating {name}"


def _made(result: dict[str, Any]) -> str:
    """The page of what the job made."""
    if "predictor" in result:
        name, _, version = result["predictor"].rpartition("@")
        return reverse("dashboard:predictor-detail", args=[name, int(version)])
    return reverse("dashboard:evaluation-report", args=[result["report"]]) if "report" in result else ""
