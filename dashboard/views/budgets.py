"""Limits of teams and end users: made, changed, taken away; and what becomes of models without a price under a budget."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.allowance_forms import EndUserForm, NewEndUserForm, NewTeamForm, TeamForm, initial_limits
from dashboard.budget_bars import budgets_of
from dashboard.fragments import render_page
from dashboard.ranges import now_ms
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from routerapp.engine.allowances import EVERY_USER, TEAM_PREFIX, USER_PREFIX
from routerapp.models import EndUserAllowance, Team
from routerapp.serving import edit_end_users, edit_teams
from routerapp.serving.installation_settings import change_settings
from routerapp.serving.refusals import WriteRefused
from routerapp.store.caller_standing import Standings

FORM = "dashboard/keys/allowance_form.html"
CONFIRM = "dashboard/keys/confirm.html"


@allowed_to("edit_team")
def team_create(request: HttpRequest) -> HttpResponse:
    form = NewTeamForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fields = {"name": form.cleaned_data["name"], **form.limits()}
        try:
            team = edit_teams.add_team(form.cleaned_data["slug"], fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"Team “{team.name}” is made. Put keys into it when you make or edit them.")
            return redirect("dashboard:key-list")
    lead = "Keys of a team share its limits, whatever their own."
    return _form(request, form, ("name", "slug"), {"title": "New team", "lead": lead, "submit": "Make the team"})


@allowed_to("edit_team")
def team_edit(request: HttpRequest, slug: str) -> HttpResponse:
    team = get_object_or_404(Team, slug=slug, archived_at=None)
    form = TeamForm(request.POST or None, initial={"name": team.name, **initial_limits(team)})
    if request.method == "POST" and form.is_valid():
        fields = {"name": form.cleaned_data["name"], **form.limits()}
        try:
            edit_teams.edit_team(slug, fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"Team “{fields['name']}” is saved; its limits hold within two seconds.")
            return redirect("dashboard:key-list")
    context = {
        "title": f"Edit team “{team.name}”",
        "submit": "Save",
        "budgets": budgets_of(team, Standings(now_ms()).of(TEAM_PREFIX + slug)),
        "more": {"name": "dashboard:team-archive", "argument": team.slug, "label": "Archive the team"},
    }
    return _form(request, form, ("name",), context)


@allowed_to("edit_team")
def team_archive(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks, POST does it."""
    team = get_object_or_404(Team, slug=slug, archived_at=None)
    if request.method != "POST":
        words = "Its past requests keep its name. No key can be put into it again, and the slug is never given to another team."
        return _confirm(request, f"Archive team “{team.name}”?", words, "Archive the team")
    try:
        edit_teams.archive_team(slug, by=actor_of(request), reason=request.POST.get("reason", "")[:500])
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Team “{team.name}” is archived.")
    return redirect("dashboard:key-list")


@allowed_to("edit_end_user")
def end_user_create(request: HttpRequest) -> HttpResponse:
    form = NewEndUserForm(request.POST or None, initial={"user": request.GET.get("user", "")})
    if request.method == "POST" and form.is_valid():
        fields = {"label": form.cleaned_data["label"], **form.limits()}
        try:
            edit_end_users.limit_end_user(form.cleaned_data["user"], fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(
                request, "Saved; these limits hold within two seconds, whichever key the user comes through."
            )
            return redirect("dashboard:key-list")
    lead = "The people behind your applications, across all keys. Saving a user again replaces its limits."
    context = {"title": "Limit an end user", "lead": lead, "submit": "Save"}
    return _form(request, form, ("user", "label"), context)


@allowed_to("edit_end_user")
def end_user_edit(request: HttpRequest, row_id: int) -> HttpResponse:
    row = get_object_or_404(EndUserAllowance, pk=row_id)
    form = EndUserForm(request.POST or None, initial={"label": row.label, **initial_limits(row)})
    if request.method == "POST" and form.is_valid():
        try:
            fields = {"label": form.cleaned_data["label"], **form.limits()}
            edit_end_users.edit_end_user(row_id, fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Saved; these limits hold within two seconds.")
            return redirect("dashboard:key-list")
    everyone = row.user_hash == EVERY_USER
    context: dict[str, Any] = {
        "title": f"Edit limits of {name_of(row)}",
        "lead": "For each user without limits of its own, each one by itself." if everyone else "",
        "submit": "Save",
        "more": {"name": "dashboard:end-user-remove", "argument": row.pk, "label": "Take these limits away"},
    }
    if not everyone:
        context["budgets"] = budgets_of(row, Standings(now_ms(), [row.user_hash]).of(USER_PREFIX + row.user_hash))
    return _form(request, form, ("label",), context)


@allowed_to("edit_end_user")
def end_user_remove(request: HttpRequest, row_id: int) -> HttpResponse:
    """GET asks, POST does it."""
    row = get_object_or_404(EndUserAllowance, pk=row_id)
    if request.method != "POST":
        words = "What holds for everyone holds for this user again, or nothing where there is no such limit."
        return _confirm(request, f"Take away the limits of {name_of(row)}?", words, "Take them away")
    try:
        edit_end_users.free_end_user(row_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The limits are gone.")
    return redirect("dashboard:key-list")


@allowed_to("edit_settings")
@require_POST
def unpriced_set(request: HttpRequest) -> HttpResponse:
    choice = request.POST.get("unpriced", "")
    try:
        change_settings({"unpriced_under_budget": choice}, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Saved; it holds within two seconds.")
    return redirect("dashboard:key-list")


def name_of(row: EndUserAllowance) -> str:
    """The label, else the first letters of the hash as the requests of this user carry it."""
    if row.user_hash == EVERY_USER:
        return row.label or "everyone"
    return row.label or f"user {row.user_hash[:10]}…"


def _form(request: HttpRequest, form: Any, heads: tuple[str, ...], context: dict[str, Any]) -> HttpResponse:
    context |= {"form": form, "heads": [form[name] for name in heads]}
    return render_page(request, FORM, context, status=422 if form.is_bound else 200)


def _confirm(request: HttpRequest, title: str, words: str, submit: str) -> HttpResponse:
    return render_page(request, CONFIRM, {"title": title, "words": words, "submit": submit})
