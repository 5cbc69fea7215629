"""Rules of alerts: made, changed, taken away."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse

from dashboard.alert_forms import RuleForm
from dashboard.forms import posted
from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from routerapp.models import AlertKind, AlertRule
from routerapp.serving.alerts import rules
from routerapp.serving.alerts.kinds import KINDS
from routerapp.serving.refusals import WriteRefused

WORDS = dict(AlertKind.choices)


@allowed_to("edit_alerts")
def alert_rule_kinds(request: HttpRequest) -> HttpResponse:
    """Which kind: the first step of making one."""
    kinds = [{"kind": kind, "name": WORDS[AlertKind(kind)], "about": about.about} for kind, about in KINDS.items()]
    return render_page(request, "dashboard/alerts/kinds.html", {"kinds": kinds})


@allowed_to("edit_alerts")
def alert_rule_create(request: HttpRequest, kind: str) -> HttpResponse:
    if kind not in KINDS:
        raise Http404("There is no such kind of rule.")
    form = RuleForm.new(kind, posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            row = rules.add_rule(kind, form.data_of_rule(), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"“{row.name}” is watched from now on.")
            return redirect("dashboard:alert-list")
    words = WORDS[AlertKind(kind)]
    return _form(request, form, {"title": f"New rule: {words.lower()}", "submit": "Make the rule"})


@allowed_to("edit_alerts")
def alert_rule_edit(request: HttpRequest, slug: str) -> HttpResponse:
    row = get_object_or_404(AlertRule, slug=slug)
    form = RuleForm.of(row, posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            rules.edit_rule(slug, form.data_of_rule(), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"“{form.cleaned_data['name']}” is saved.")
            return redirect("dashboard:alert-list")
    context = {
        "title": f"Edit rule “{row.name}”",
        "submit": "Save",
        "delete_url": reverse("dashboard:alert-rule-remove", args=[slug]),
    }
    return _form(request, form, context)


@allowed_to("edit_alerts")
def alert_rule_remove(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks, POST does it."""
    row = get_object_or_404(AlertRule, slug=slug)
    if request.method != "POST":
        n = row.incidents.count()
        words = f"Its history of {n:,} incident{'' if n == 1 else 's'} goes with it, and nobody is told that one is over. To keep the history, switch the rule off instead."
        context = {
            "title": f"Delete rule “{row.name}”?",
            "words": words if n else "It has no history. Nothing is told to anybody.",
            "submit": "Delete the rule",
        }
        return render_page(request, "dashboard/alerts/confirm.html", context)
    rules.remove_rule(slug, by=actor_of(request))
    messages.success(request, f"“{row.name}” is deleted.")
    return redirect("dashboard:alert-list")


def _form(request: HttpRequest, form: RuleForm, context: dict[str, Any]) -> HttpResponse:
    context |= {"form": form, "about": KINDS[form.kind].about}
    return render_page(request, "dashboard/alerts/rule.html", context, status=422 if form.is_bound else 200)
