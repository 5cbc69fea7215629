"""Benchmarks: a file comes in, what it holds, and away with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard import evaluation_words as words
from dashboard.evaluation_forms import BenchmarkForm
from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import BenchmarkData, BenchmarkState, Job
from routerapp.serving.benchmarks import IMPORT, NewBenchmark, delete_benchmark, import_benchmark
from routerapp.serving.refusals import WriteRefused

LISTED_DATASETS = 30


@allowed_to("edit_benchmark")
def benchmark_import(request: HttpRequest) -> HttpResponse:
    """GET the form; POST the file."""
    form = BenchmarkForm(request.POST, request.FILES) if request.method == "POST" else BenchmarkForm()
    if form.is_bound and form.is_valid():
        file = form.cleaned_data["file"]
        wanted = NewBenchmark(form.cleaned_data["slug"], form.cleaned_data["name"], file.name, file.chunks())
        try:
            row, _ = import_benchmark(wanted, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return redirect("dashboard:benchmark-detail", slug=row.slug)
    return render_page(
        request, "dashboard/evaluation/import.html", {"form": form}, status=422 if form.is_bound else 200
    )


@allowed_to("read")
def benchmark_detail(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(BenchmarkData.objects.defer("upload", "content").select_related("created_by"), slug=slug)
    context = {
        "row": row,
        "tone": words.BENCHMARK_TONES[BenchmarkState(row.state)],
        "size": words.size(row.file_bytes),
        "job": Job.objects.filter(kind=IMPORT, arguments__benchmark=slug).order_by("-pk").first(),
        "is_importing": row.state == BenchmarkState.IMPORTING,
        "is_ready": row.state == BenchmarkState.READY,
        "singles": _singles(row),
        "datasets": list(row.datasets.items())[:LISTED_DATASETS],
        "more_datasets": max(0, len(row.datasets) - LISTED_DATASETS),
        "may_edit": can(request, "edit_benchmark"),
        "may_train": can(request, "train_predictor"),
    }
    return render_page(request, "dashboard/evaluation/benchmark.html", context, fragments={"benchmark"})


@allowed_to("edit_benchmark")
@require_POST
def benchmark_delete(request: HttpRequest, slug: str) -> HttpResponse:
    try:
        delete_benchmark(slug, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"The benchmark {slug} and its prompts are deleted.")
    return redirect("dashboard:evaluation")


def _singles(row: BenchmarkData) -> list[dict[str, Any]]:
    """Best first; what has no known quality is last."""
    found = sorted(row.singles.items(), key=lambda pair: (-(pair[1]["quality"] or 0.0), pair[0]))
    return [
        {
            "model": model,
            "answered": one["answered"],
            "quality": words.quality(one["quality"]),
            "cost": words.per_thousand(one["cost_usd"]),
        }
        for model, one in found
    ]
