"""Task classes: what belongs to each, how sure the head must be, and which trained head says them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.evaluation_words import PREDICTOR_TONES
from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.task_class_forms import NewTaskClassForm, TaskClassForm, examples_in
from dashboard.task_head_card import head_lines
from routerapp.models import Job, JobState, PredictorState
from routerapp.serving import task_classes, task_heads
from routerapp.serving.refusals import Missing, WriteRefused
from routerapp.store import task_heads as rows

HEADS_SHOWN = 20


@allowed_to("read")
def task_class_list(request: HttpRequest) -> HttpResponse:
    """All classes, the heads, and the job that fits one while it runs."""
    return _list_page(request)


@allowed_to("edit_task_class")
@require_POST
def task_class_create(request: HttpRequest) -> HttpResponse:
    """A class of the team's own, still without examples."""
    form = NewTaskClassForm(request.POST)
    if form.is_valid():
        slug = form.cleaned_data["slug"]
        try:
            task_classes.edit_task_class(slug, by=actor_of(request), words=form.cleaned_data["words"])
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return redirect("dashboard:task-class", slug=slug)
    return _list_page(request, form, status=422)


@allowed_to("read")
def task_class(request: HttpRequest, slug: str) -> HttpResponse:
    return _class_page(request, slug)


@allowed_to("edit_task_class")
@require_POST
def task_class_edit(request: HttpRequest, slug: str) -> HttpResponse:
    form = TaskClassForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            task_classes.edit_task_class(
                slug,
                by=actor_of(request),
                words=given["words"],
                examples=examples_in(given["examples"]),
                threshold=given["threshold"],
            )
        except WriteRefused as refused:
            put_on_form(form, refused, {"slug": ""})
        else:
            messages.success(request, f"{slug} is kept. Fit the head again to let it learn.")
            return redirect("dashboard:task-class-list")
    return _class_page(request, slug, form, status=422)


@allowed_to("edit_task_class")
@require_POST
def task_class_remove(request: HttpRequest, slug: str) -> HttpResponse:
    return _done(
        request, f"What you said of {slug} is gone.", lambda: task_classes.remove_task_class(slug, by=actor_of(request))
    )


@allowed_to("edit_task_class")
@require_POST
def task_head_fit(request: HttpRequest) -> HttpResponse:
    return _done(
        request,
        "The head is being fitted: it takes some seconds.",
        lambda: task_classes.start_fit(by=actor_of(request)),
    )


@allowed_to("edit_task_class")
@require_POST
def task_head_shipped(request: HttpRequest) -> HttpResponse:
    return _done(
        request, "The shipped head is a candidate.", lambda: task_heads.take_shipped_head(by=actor_of(request))
    )


@allowed_to("promote_predictor")
@require_POST
def task_head_promote(request: HttpRequest, version: int) -> HttpResponse:
    return _done(
        request,
        f"task-head@{version} is in force. Every worker asks it within two seconds.",
        lambda: task_heads.promote_task_head(version, by=actor_of(request)),
    )


@allowed_to("promote_predictor")
@require_POST
def task_head_roll_back(request: HttpRequest) -> HttpResponse:
    return _done(request, "Rolled back.", lambda: task_heads.roll_back_task_head(by=actor_of(request)))


@allowed_to("promote_predictor")
@require_POST
def task_head_off(request: HttpRequest) -> HttpResponse:
    return _done(
        request,
        "The transparent signals alone speak now.",
        lambda: task_heads.switch_off_task_head(by=actor_of(request)),
    )


def _done(request: HttpRequest, words: str, deed: Any) -> HttpResponse:
    try:
        deed()
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, words)
    return redirect("dashboard:task-class-list")


def _list_page(request: HttpRequest, form: NewTaskClassForm | None = None, status: int = 200) -> HttpResponse:
    jobs = Job.objects.filter(kind=task_classes.FIT).order_by("-pk")
    job = jobs.first()
    heads = list(rows.task_heads().order_by("-version")[:HEADS_SHOWN])
    context = {
        "classes": task_classes.task_classes(),
        "heads": [(row, PREDICTOR_TONES[PredictorState(row.state)], head_lines(row.card)) for row in heads],
        "live": rows.live_task_head(),
        "job": job,
        "is_fitting": job is not None and job.state in (JobState.QUEUED, JobState.RUNNING),
        "percent": round(100 * job.progress) if job else 0,
        "form": form or NewTaskClassForm(initial={"slug": task_classes.OWN_PREFIX}),
        "may_edit": can(request, "edit_task_class"),
        "may_promote": can(request, "promote_predictor"),
    }
    return render_page(request, "dashboard/evaluation/task_classes.html", context, status=status, fragments={"fitting"})


def _class_page(request: HttpRequest, slug: str, form: TaskClassForm | None = None, status: int = 200) -> HttpResponse:
    try:
        shown = task_classes.task_class(slug)
    except Missing as missing:
        raise Http404(str(missing)) from None
    context = {
        "shown": shown,
        "form": form or TaskClassForm.of(shown),
        "may_edit": can(request, "edit_task_class"),
        "shipped_examples": task_classes.shipped_of(slug),
    }
    return render_page(request, "dashboard/evaluation/task_class.html", context, status=status)
