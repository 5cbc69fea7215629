"""Calibrations: a form, what it will cost, how far it is, how good each model was, and the page on which people grade."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.calibration_form import GRADING_HELP, SOURCE_HELP, CalibrationForm
from dashboard.calibration_lines import TONES, cost_lines, level_lines
from dashboard.fragments import is_htmx, render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import BenchmarkData, Calibration, CalibrationState, GradingKind, PromptSource
from routerapp.serving.calibration import calibrations as use_cases
from routerapp.serving.calibration.choose import left_out_words
from routerapp.serving.calibration.levels import levels_of, problems_of
from routerapp.serving.calibration.people import MARKS, grade_answer, next_answer, progress_of
from routerapp.serving.learning_jobs import FEWEST_PROMPTS
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import WriteRefused
from routerapp.store.kept_prompts import has_kept_prompts


@allowed_to("calibrate")
def calibration_create(request: HttpRequest) -> HttpResponse:
    """GET the form; POST chooses prompts and works out the cost. No model is asked by either."""
    offered = use_cases.candidates()
    has_kept = has_kept_prompts()
    if request.method == "POST":
        form = CalibrationForm(request.POST, request.FILES, offered=offered)
    else:
        source = PromptSource.TRAFFIC if has_kept else PromptSource.FILE
        grading = GradingKind.JUDGE if has_kept else GradingKind.EXPECTED
        form = CalibrationForm(offered=offered, initial={"source": source, "grading": grading})
    if form.is_bound and form.is_valid():
        try:
            row = use_cases.create_calibration(form.wanted_calibration(), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return redirect("dashboard:calibration-detail", calibration_id=row.pk)
    context = {
        "form": form,
        "offered": offered,
        "chosen": form["deployments"].value() or [],
        "sources": _choices(form, "source", PromptSource.choices, SOURCE_HELP),
        "gradings": _choices(form, "grading", GradingKind.choices, GRADING_HELP),
        "has_kept": has_kept,
    }
    return render_page(request, "dashboard/evaluation/calibrate.html", context, status=422 if form.is_bound else 200)


@allowed_to("read")
def calibration_detail(request: HttpRequest, calibration_id: int) -> HttpResponse:
    return _detail_page(request, _row(calibration_id))


@allowed_to("calibrate")
@require_POST
def calibration_start(request: HttpRequest, calibration_id: int) -> HttpResponse:
    """Confirms the very amount that stood on the button."""
    row = _row(calibration_id)
    given = request.POST.get("ceiling_nusd", "")
    ceiling = int(given) if given.isascii() and given.isdigit() and len(given) <= 18 else -1
    try:
        use_cases.start_calibration(row.pk, ceiling, by=actor_of(request))
    except WriteRefused as refused:
        return _detail_page(request, _row(calibration_id), problem=str(refused), status=422)
    return redirect("dashboard:calibration-detail", calibration_id=row.pk)


@allowed_to("calibrate")
@require_POST
def calibration_stop(request: HttpRequest, calibration_id: int) -> HttpResponse:
    return _step(request, calibration_id, use_cases.stop_calibration)


@allowed_to("calibrate")
@require_POST
def calibration_estimate(request: HttpRequest, calibration_id: int) -> HttpResponse:
    return _step(request, calibration_id, use_cases.estimate_again)


@allowed_to("calibrate")
@require_POST
def calibration_finish(request: HttpRequest, calibration_id: int) -> HttpResponse:
    return _step(request, calibration_id, use_cases.finish_calibration)


@allowed_to("calibrate")
@require_POST
def calibration_delete(request: HttpRequest, calibration_id: int) -> HttpResponse:
    row = _row(calibration_id)
    try:
        use_cases.delete_calibration(row.pk, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:calibration-detail", calibration_id=row.pk)
    messages.success(request, f"{row.name}, its prompts and its answers are deleted.")
    return redirect("dashboard:evaluation")


@allowed_to("calibrate")
def calibration_grade(request: HttpRequest, calibration_id: int) -> HttpResponse:
    """GET shows the next answer, blind; POST marks or skips it and goes on."""
    row = _row(calibration_id)
    if row.grading != GradingKind.PEOPLE:
        return redirect("dashboard:calibration-detail", calibration_id=row.pk)
    problem, after = "", _whole(request.GET.get("after", ""), -1)
    if request.method == "POST":
        problem, after = _grade(request, row), _whole(request.POST.get("place", ""), -1)
        if not problem and not is_htmx(request):
            return redirect(f"{reverse('dashboard:calibration-grade', args=[row.pk])}?after={after}")
    done, total = progress_of(row)
    shown = next_answer(row, by=actor_of(request), after=after)
    context = {
        "row": row,
        "shown": shown,
        "marks": list(enumerate(MARKS, start=1)),
        "done": done,
        "total": total,
        "percent": round(100 * done / total) if total else 0,
        "problem": problem,
    }
    return render_page(
        request,
        "dashboard/evaluation/calibration_grade.html",
        context,
        fragments={"grade"},
        status=422 if problem else 200,
        with_messages=True,
    )


def _grade(request: HttpRequest, row: Calibration) -> str:
    """What was wrong with the mark; empty where it was taken."""
    key, answer_id = request.POST.get("mark", ""), _whole(request.POST.get("answer", ""), 0)
    marks = {str(number): mark for number, mark in enumerate(MARKS, start=1)}
    if key != "skip" and key not in marks:
        return "Choose 1 to 5, or skip it."
    try:
        is_taken = grade_answer(row.pk, answer_id, marks.get(key), by=actor_of(request))
    except WriteRefused as refused:
        return str(refused)
    if not is_taken:
        messages.info(request, "Somebody else had marked that one already.")
    return ""


def _detail_page(request: HttpRequest, row: Calibration, *, problem: str = "", status: int = 200) -> HttpResponse:
    state = use_cases.state_of(row)
    levels = level_lines(levels_of(row))
    graded = sum(line.level.graded for line in levels)
    done, total = progress_of(row)
    benchmark = BenchmarkData.objects.filter(slug=row.benchmark).defer("upload", "content").first()
    context: dict[str, Any] = {
        "row": row,
        "state": state,
        "label": CalibrationState(state).label,
        "tone": TONES[CalibrationState(state)],
        "why": use_cases.problem_of(row),
        "is_working": state in use_cases.WORKING,
        "percent": round(100 * row.job.progress) if row.job else 0,
        "costs": cost_lines(row),
        "levels": levels,
        "graded": graded,
        "marked": done,
        "answered": total,
        "problems": problems_of(row),
        "left_out": left_out_words(row.coverage.get("left_out", {})),
        "has_prompts": bool(row.coverage),
        "benchmark": benchmark,
        "is_small": benchmark is not None and benchmark.prompts < FEWEST_PROMPTS,
        "fewest": FEWEST_PROMPTS,
        "may_calibrate": can(request, "calibrate"),
        "problem": problem,
    }
    page = "dashboard/evaluation/calibration.html"
    return render_page(request, page, context, fragments={"calibration"}, status=status)


def _step(request: HttpRequest, calibration_id: int, step: Callable[..., Calibration]) -> HttpResponse:
    by: Actor = actor_of(request)
    try:
        step(_row(calibration_id).pk, by=by)
    except WriteRefused as refused:
        messages.error(request, str(refused))
    return redirect("dashboard:calibration-detail", calibration_id=calibration_id)


def _choices(
    form: CalibrationForm, field: str, choices: Any, helps: dict[Any, str]
) -> list[tuple[str, str, str, bool]]:
    value = form[field].value()
    return [(key, label, helps[key], key == value) for key, label in choices]


def _row(calibration_id: int) -> Calibration:
    rows = Calibration.objects.defer("offered").select_related("job", "created_by")
    return get_object_or_404(rows, pk=calibration_id)


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else otherwise
