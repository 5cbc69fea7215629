"""API keys of callers: all of them with what they spend, a new one (shown once), changing one, revoking one."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache

from dashboard.allowance_forms import initial_limits
from dashboard.budget_bars import budgets_of
from dashboard.catalogue_options import load_catalogue_options
from dashboard.code_samples import curl_sample, python_sample
from dashboard.constraint_forms import ConstraintForm, constraint_form
from dashboard.fragments import render_page
from dashboard.key_forms import KeyForm, KeySettingsForm
from dashboard.nested_fields import read_fields
from dashboard.ranges import now_ms
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.use_words import describe_constraints
from dashboard.views.budgets import name_of
from routerapp.engine.allowances import EVERY_USER, KEY_PREFIX, TEAM_PREFIX, USER_PREFIX
from routerapp.models import APIKey, EndUserAllowance, Team
from routerapp.serving import manage_keys
from routerapp.serving.installation_settings import read_settings
from routerapp.serving.refusals import Invalid, WriteRefused
from routerapp.store.caller_standing import Standings

MOST_USERS = 200
OPEN_KEYS = Count("apikey", filter=Q(apikey__revoked_at=None))
SOON = dt.timedelta(days=7)


@allowed_to("read_keys")
def key_list(request: HttpRequest) -> HttpResponse:
    """Keys, teams and end users, each with its spend of this day and month."""
    keys = list(APIKey.objects.select_related("team", "default_policy").order_by("revoked_at", "name"))
    users = list(EndUserAllowance.objects.order_by("label", "pk")[:MOST_USERS])
    standings = Standings(now_ms(), [row.user_hash for row in users])
    shows_revoked = request.GET.get("revoked") == "1"
    shown = [key for key in keys if shows_revoked or key.revoked_at is None]
    teams = Team.objects.filter(archived_at=None).annotate(open_keys=OPEN_KEYS).order_by("name")
    context = {
        "rows": [{**_row(key), "budgets": budgets_of(key, standings.of(KEY_PREFIX + key.slug))} for key in shown],
        "teams": [{"team": team, "budgets": budgets_of(team, standings.of(TEAM_PREFIX + team.slug))} for team in teams],
        "users": [_user_row(row, standings) for row in users],
        "hidden_users": max(0, EndUserAllowance.objects.count() - len(users)),
        "shows_revoked": shows_revoked,
        "revoked": sum(key.revoked_at is not None for key in keys),
        "unpriced": next(one.value for one in read_settings() if one.setting.name == "unpriced_under_budget"),
        "may_edit": can(request, "edit_key"),
    }
    return render_page(request, "dashboard/keys/list.html", context)


@allowed_to("edit_key")
@never_cache
def key_create(request: HttpRequest) -> HttpResponse:
    """The answer to a good POST is the one page that ever shows the key."""
    options = load_catalogue_options()
    constraints = constraint_form("constraints", options)
    form = KeyForm(request.POST or None, options=options)
    if request.method == "POST":
        constraints.read(read_fields(request.POST).at("constraints"))
        created = _create(request, form, constraints)
        if created is not None:
            body = {"model": "auto", "messages": [HELLO]}
            context = {
                "key": created.row,
                "full_key": created.full_key,
                "curl": curl_sample(request, body, created.full_key),
                "python": python_sample(request, body, created.full_key),
            }
            return render_page(request, "dashboard/keys/created.html", context)
    context = {"form": form, "constraints": constraints}
    return render_page(request, "dashboard/keys/create.html", context, status=422 if form.is_bound else 200)


HELLO = {"role": "user", "content": "Say hello in three languages."}


@allowed_to("edit_key")
def key_edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Everything but its scopes; the key itself is never shown again."""
    key = get_object_or_404(APIKey.objects.select_related("team", "default_policy"), slug=slug, revoked_at=None)
    options = load_catalogue_options()
    constraints = constraint_form("constraints", options)
    form = KeySettingsForm(request.POST or None, options=options, initial=_initial(key))
    constraints.fill(key.constraints_document)
    if request.method == "POST":
        constraints.read(read_fields(request.POST).at("constraints"))
        if _save(request, key, form, constraints):
            messages.success(request, f"“{form.cleaned_data['name']}” is saved; it holds within two seconds.")
            return redirect("dashboard:key-list")
    budgets = budgets_of(key, Standings(now_ms()).of(KEY_PREFIX + slug))
    context = {"form": form, "constraints": constraints, "row": _row(key), "budgets": budgets}
    return render_page(request, "dashboard/keys/edit.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_key")
def key_revoke(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks, POST does it."""
    key = get_object_or_404(APIKey.objects.select_related("team"), slug=slug)
    if request.method != "POST":
        return render_page(request, "dashboard/keys/revoke.html", {"row": _row(key)})
    try:
        manage_keys.revoke_key(slug, by=actor_of(request), reason=request.POST.get("reason", "")[:500])
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"“{key.name}” is revoked. Every worker refuses it within two seconds.")
    return redirect("dashboard:key-list")


def _create(request: HttpRequest, form: KeyForm, constraints: ConstraintForm) -> manage_keys.CreatedKey | None:
    """None when something is wrong; what, stands in the forms."""
    document = constraints.document()
    if not form.is_valid() or constraints.has_problems:
        return None
    given = form.cleaned_data
    try:
        return manage_keys.create_key(
            given["name"],
            by=actor_of(request),
            scopes=given["scopes"],
            team=given["team"] or None,
            constraints=document,
            default_policy=given["default_policy"] or None,
            expires_at=given["expires_at"],
            **form.limits(),
        )
    except WriteRefused as refused:
        _place(form, constraints, refused)
        return None


def _save(request: HttpRequest, key: APIKey, form: KeySettingsForm, constraints: ConstraintForm) -> bool:
    """False when something is wrong; what, stands in the forms. An expiry that stays as it was is not asked again."""
    document = constraints.document()
    if not form.is_valid() or constraints.has_problems:
        return False
    given = form.cleaned_data
    fields = {name: given[name] or None for name in ("team", "default_policy")} | form.limits()
    fields |= {"name": given["name"], "constraints": document}
    if given["expires_at"] != _initial(key)["expires_at"]:
        fields["expires_at"] = given["expires_at"]
    try:
        manage_keys.edit_key(key.slug, fields, by=actor_of(request))
    except WriteRefused as refused:
        _place(form, constraints, refused)
        return False
    return True


def _initial(key: APIKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "team": key.team.slug if key.team else "",
        "default_policy": key.default_policy.slug if key.default_policy else "",
        "expires_at": key.expires_at.replace(second=0, microsecond=0) if key.expires_at else None,
        **initial_limits(key),
    }


def _place(form: KeySettingsForm, constraints: ConstraintForm, refused: WriteRefused) -> None:
    inputs = {one.path: one for one in constraints.inputs()}
    rest = []
    for problem in getattr(refused, "problems", ()):
        path = problem.path.partition("[")[0]
        if path in inputs:
            inputs[path].problems.append(problem.message)
        else:
            rest.append(problem)
    if rest:
        put_on_form(form, Invalid(rest))
    elif not isinstance(refused, Invalid):
        put_on_form(form, refused)


def _user_row(row: EndUserAllowance, standings: Standings) -> dict[str, Any]:
    """Everyone's row has no spend of its own: it holds for each user alone."""
    is_everyone = row.user_hash == EVERY_USER
    budgets = None if is_everyone else budgets_of(row, standings.of(USER_PREFIX + row.user_hash))
    return {"row": row, "name": name_of(row), "is_everyone": is_everyone, "budgets": budgets}


def _row(key: APIKey) -> dict[str, Any]:
    now = timezone.now()
    state, tone = ("active", "ok")
    if key.revoked_at:
        state, tone = "revoked", ""
    elif key.expires_at and key.expires_at <= now:
        state, tone = "expired", "bad"
    elif key.expires_at and key.expires_at <= now + SOON:
        state, tone = "expires soon", "warn"
    limits = describe_constraints(key.constraints_document)
    rates = (key.requests_per_minute, key.tokens_per_minute, key.max_parallel, key.default_policy)
    return {"key": key, "state": state, "tone": tone, "limits": limits, "has_other_limits": any(rates) or bool(limits)}
