"""A report: routers side by side on the same prompts, the plane of cost and quality, and a target on the front that becomes a draft."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard import evaluation_words as words
from dashboard.evaluation_charts import ROUTER_NAMES, plane_chart
from dashboard.fragments import render_page
from dashboard.predictor_card import figure_lines
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.target_form import TargetForm, presets
from dashboard.views.exports import csv_text
from routerapp.models import EvaluationReport
from routerapp.serving.draft_from_target import draft_from_target, front_of
from routerapp.serving.refusals import WriteRefused

TABLE = ("perf_gain", "gain_over_zero", "cost_save", "cost_save_99", "oracle_gap_closed", "apgr", "ece")


@allowed_to("read")
def evaluation_report(request: HttpRequest, report_id: int) -> HttpResponse:
    row = _row(report_id)
    return _page(request, row, TargetForm(front_of(row.report), initial=_initial(request, row)))


@allowed_to("read")
def evaluation_csv(request: HttpRequest, report_id: int) -> HttpResponse:
    chart = plane_chart(_row(report_id).report)
    response = HttpResponse(csv_text(chart.csv_columns, chart.csv_rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="evaluation-{report_id}.csv"'
    return response


@allowed_to("create_policy")
@require_POST
def evaluation_draft(request: HttpRequest, report_id: int) -> HttpResponse:
    row = _row(report_id)
    form = TargetForm(front_of(row.report), request.POST)
    if form.is_valid():
        try:
            draft = draft_from_target(report_id, by=actor_of(request), **form.wanted())
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return redirect("dashboard:draft-detail", slug=draft.policy.slug, draft_id=draft.pk)
    return _page(request, row, form, status=422)


def _page(request: HttpRequest, row: EvaluationReport, form: TargetForm, status: int = 200) -> HttpResponse:
    report = row.report
    address = request.build_absolute_uri(reverse("api:evaluation", args=[row.pk]))
    chart = replace(
        plane_chart(report),
        csv_url=reverse("dashboard:evaluation-csv", args=[row.pk]),
        api_call=f"curl '{address}' \\\n  -H \"Authorization: Bearer $SIGNALBOX_KEY\"",
    )
    context = {
        "row": row,
        "report": report,
        "chart": chart,
        "is_costed": bool(report["zero_hull"]),
        "titles": [(line.title, line.meaning) for line in _titles(report)],
        "lines": [_line(one) for one in report["routers"]],
        "best": _best(report),
        "oracle": words.quality(report["oracle_quality"]["value"]),
        "random": words.quality(report["random_quality"]["value"]),
        "front": form.points,
        "form": form,
        "presets": presets(report, form.points),
        "may_draft": can(request, "create_policy"),
        "outside": [one["name"] for one in report.get("policies", []) if one["quality"] is None],
        "has_ours": any(one["id"] == "gated" for one in report["routers"]),
    }
    return render_page(request, "dashboard/evaluation/report.html", context, status=status)


def _titles(report: Mapping[str, Any]) -> list[Any]:
    first = report["routers"][0]["figures"]
    return [line for line in figure_lines(first) if line.id in TABLE]


def _line(one: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": ROUTER_NAMES.get(one["id"], one["id"]),
        "is_ours": one["id"] in ("ours", "gated"),
        "cells": [line for line in figure_lines(one["figures"]) if line.id in TABLE],
    }


def _best(report: Mapping[str, Any]) -> dict[str, str]:
    best = max(report["singles"], key=lambda one: one["quality"]["value"])
    cost = best["cost_usd"] or {}
    return {
        "model": best["model"],
        "quality": words.quality(best["quality"]["value"]),
        "cost": words.per_thousand(cost.get("value")),
    }


def _initial(request: HttpRequest, row: EvaluationReport) -> dict[str, Any]:
    """?point=3 is a state of the page; without it, the cheapest that is as good as the best single model."""
    asked = request.GET.get("point", "")
    points = front_of(row.report)
    if asked.isascii() and asked.isdigit() and int(asked) < len(points):
        return {"point": asked}
    best = max((one["quality"]["value"] for one in row.report["singles"]), default=0.0)
    good = [place for place, one in enumerate(points) if one["quality"]["value"] >= best]
    return {"point": str(good[0] if good else max(0, len(points) - 1))}


def _row(report_id: int) -> EvaluationReport:
    row = get_object_or_404(EvaluationReport.objects.select_related("created_by"), pk=report_id)
    if not row.report.get("routers"):
        raise Http404("This report is empty.")
    return row
