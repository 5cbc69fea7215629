"""Experiments: the list, one with its comparison, and what can be done with it: start, stop, decide, discard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard import experiment_lines as lines
from dashboard.experiment_actions import DecisionForm, StartForm, StopForm
from dashboard.experiment_charts import metric_chart, metric_charts
from dashboard.experiment_steps import course_of
from dashboard.experiment_words import STATE_TONES, UNIT_NAMES, UNIT_NOUNS, ratio_words
from dashboard.fragments import render_page
from dashboard.publish_reasons import publish_reasons
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.views.exports import csv_text
from routerapp.engine.problems import Problem
from routerapp.experiments.comparison import METRICS
from routerapp.models import Draft, Experiment, ExperimentState, Policy
from routerapp.serving import experiments
from routerapp.serving.experiment_documents import uses_of
from routerapp.serving.experiment_report import ExperimentReport, report_of
from routerapp.serving.policy_checks import publish_problems
from routerapp.serving.refusals import Invalid, Stale, WriteRefused

PAGE = "dashboard/experiments/detail.html"
LIST_LIMIT = 200
# Before experiments had pages, any text could name one.
ADDRESSABLE = r"^[-a-zA-Z0-9_]+$"


@allowed_to("read")
def experiment_list(request: HttpRequest) -> HttpResponse:
    rows = (
        _rows().exclude(is_sample=True, policy__archived_at__isnull=False).order_by("-created_at", "-id")[:LIST_LIMIT]
    )
    order = {ExperimentState.RUNNING: 0, ExperimentState.DRAFT: 1}
    found = sorted(rows, key=lambda row: order.get(ExperimentState(row.state), 2))
    context = {
        "rows": [_list_row(row) for row in found],
        "may_create": can(request, "edit_draft"),
        "has_policies": Policy.objects.filter(archived_at=None, live_version__isnull=False).exists(),
    }
    return render_page(request, "dashboard/experiments/list.html", context)


@allowed_to("read")
def experiment_detail(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, _row(slug))


@allowed_to("publish_policy")
@require_POST
def experiment_start(request: HttpRequest, slug: str) -> HttpResponse:
    experiment, form = _row(slug), StartForm(request.POST)
    if not form.is_valid():
        return _page(request, experiment, start=form, status=422)
    try:
        version = experiments.start_experiment(slug, note=form.cleaned_data["note"], by=actor_of(request))
    except Invalid as refused:
        return _page(request, experiment, start=form, refused=refused.problems, status=422)
    except WriteRefused as refused:
        status = 409 if isinstance(refused, Stale) else 422
        problem = Problem("", refused.code, str(refused))
        return _page(request, experiment, start=form, refused=[problem], status=status)
    messages.success(request, f"Started with version {version.number}. Every worker draws within two seconds.")
    return redirect("dashboard:experiment-detail", slug=slug)


@allowed_to("publish_policy")
@require_POST
def experiment_stop(request: HttpRequest, slug: str) -> HttpResponse:
    experiment = _row(slug)
    form = StopForm(_arm_names(experiment), request.POST)
    if form.is_valid():
        keep, note = form.cleaned_data["keep"], form.cleaned_data["note"]
        try:
            version = experiments.stop_experiment(slug, keep=keep, note=note, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"Stopped: version {version.number} keeps {keep} for everyone.")
            return redirect("dashboard:experiment-detail", slug=slug)
    return _page(request, _row(slug), stop=form, status=422)


@allowed_to("publish_policy")
@require_POST
def experiment_decide(request: HttpRequest, slug: str) -> HttpResponse:
    experiment = _row(slug)
    form = DecisionForm(_arm_names(experiment), request.POST)
    if form.is_valid():
        try:
            experiments.decide_experiment(
                slug, arm=form.cleaned_data["arm"], note=form.cleaned_data["note"], by=actor_of(request)
            )
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "The decision is written down.")
            return redirect("dashboard:experiment-detail", slug=slug)
    return _page(request, experiment, decision=form, status=422)


@allowed_to("edit_draft")
@require_POST
def experiment_discard(request: HttpRequest, slug: str) -> HttpResponse:
    experiment = _row(slug)
    try:
        experiments.discard_experiment(slug, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:experiment-detail", slug=slug)
    messages.success(request, f"“{experiment.name}” is discarded, with its draft.")
    return redirect("dashboard:experiment-list")


@allowed_to("read")
def experiment_csv(request: HttpRequest, slug: str, metric: str) -> HttpResponse:
    comparison = report_of(_row(slug)).comparison
    if metric not in METRICS or comparison is None:
        raise Http404("No such numbers.")
    drawn = metric_chart(comparison, metric)
    response = HttpResponse(csv_text(drawn.csv_columns, drawn.csv_rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{slug}-{metric}.csv"'
    return response


def _page(
    request: HttpRequest,
    experiment: Experiment,
    *,
    start: StartForm | None = None,
    stop: StopForm | None = None,
    decision: DecisionForm | None = None,
    refused: Sequence[Problem] | None = None,
    status: int = 200,
) -> HttpResponse:
    report, course, draft = report_of(experiment), course_of(experiment), experiments.draft_of(experiment)
    names = _arm_names(experiment)
    decided = {"arm": experiment.decided_arm, "note": experiment.decision_note}
    context = {
        "experiment": experiment,
        "state_tone": STATE_TONES.get(experiment.state, ""),
        "place": _place_name(experiment),
        "unit_noun": UNIT_NOUNS.get(experiment.unit, UNIT_NOUNS["unit"])[1],
        "drawn": UNIT_NAMES.get(experiment.unit, experiment.unit),
        "course": course,
        "uses": lines.arm_uses(course.strategy) if course.strategy else (),
        **_draft_context(draft, refused),
        **_report_context(request, report),
        "start": start or StartForm(),
        "stop": stop or StopForm(names),
        "decision": decision or DecisionForm(names, initial=decided),
        "may_publish": can(request, "publish_policy"),
        "may_edit": can(request, "edit_draft"),
    }
    return render_page(request, PAGE, context, status=status)


def _draft_context(draft: Draft | None, refused: Sequence[Problem] | None) -> dict[str, Any]:
    """What stands in the way of starting."""
    if draft is None:
        return {"draft": None}
    live = draft.policy.live_version
    problems = publish_problems(draft.document) if refused is None else refused
    return {
        "draft": draft,
        "live": live,
        "problems": publish_reasons(problems, draft.document, draft),
        "is_behind": draft.base_version != (live.number if live else 0),
        "was_refused": refused is not None,
    }


def _report_context(request: HttpRequest, report: ExperimentReport) -> dict[str, Any]:
    comparison = report.comparison
    if comparison is None:
        return {"comparison": None}
    slug, ratio = report.experiment.slug, comparison.sample_ratio
    address = request.build_absolute_uri(reverse("api:experiment-report", args=[slug]))
    call = f"curl '{address}' \\\n  -H \"Authorization: Bearer $SIGNALBOX_KEY\""
    charts = [
        replace(chart, csv_url=reverse("dashboard:experiment-csv", args=[slug, metric]), api_call=call)
        for chart, metric in metric_charts(comparison)
    ]
    headline, meaning = ratio_words(ratio, report.experiment.unit) if ratio else ("", "")
    return {
        "report": report,
        "comparison": comparison,
        "lines": lines.arm_lines(comparison),
        "verdicts": lines.verdict_lines(comparison),
        "too_few": lines.too_few(comparison),
        "unpriced": sum(arm.counts.unpriced for arm in comparison.arms),
        "has_traffic": any(arm.counts.assigned for arm in comparison.arms),
        "charts": charts,
        "ratio": ratio,
        "ratio_headline": headline,
        "ratio_meaning": meaning,
        "ratio_rows": lines.ratio_rows(comparison),
    }


def _list_row(experiment: Experiment) -> dict[str, Any]:
    """A draft has no arms yet but in its document."""
    is_draft = experiment.state == ExperimentState.DRAFT
    if is_draft:
        course = course_of(experiment)
        arms = [(use.name, use.share) for use in lines.arm_uses(course.strategy)] if course.strategy else []
    else:
        arms = lines.arm_shares(sorted(experiment.arms.all(), key=lambda arm: arm.pk))
    comparison = report_of(experiment).comparison if experiment.state == ExperimentState.RUNNING else None
    return {
        "experiment": experiment,
        "tone": STATE_TONES.get(experiment.state, ""),
        "place": _place_name(experiment),
        "arms": arms,
        "comparison": comparison,
        "units": sum(arm.counts.units for arm in comparison.arms) if comparison else 0,
    }


def _place_name(experiment: Experiment) -> str:
    """The rule's name where the live version still has it, else its id."""
    live = experiment.policy.live_version
    names = {rule: name for rule, name, _ in uses_of(live.document)} if live else {}
    return "Default" if experiment.rule_id == "default" else names.get(experiment.rule_id, experiment.rule_id)


def _arm_names(experiment: Experiment) -> list[str]:
    return [arm.name for arm in experiment.arms.order_by("pk")]


def _rows() -> Any:
    rows = Experiment.objects.select_related("policy__live_version", "created_by", "decided_by")
    return rows.prefetch_related("arms")


def _row(slug: str) -> Experiment:
    row: Experiment = get_object_or_404(_rows(), slug=slug)
    return row
