"""API keys of callers: the list, a new one (shown once), revoking one."""

import datetime as dt
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache

from dashboard.catalogue_options import load_catalogue_options
from dashboard.code_samples import curl_sample, python_sample
from dashboard.constraint_forms import ConstraintForm, constraint_form
from dashboard.fragments import render_page
from dashboard.key_forms import KeyForm
from dashboard.nested_fields import read_fields
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.use_words import describe_constraints
from routerapp.models import APIKey
from routerapp.serving import manage_keys
from routerapp.serving.refusals import Invalid, WriteRefused

SOON = dt.timedelta(days=7)


@allowed_to("read_keys")
def key_list(request: HttpRequest) -> HttpResponse:
    keys = APIKey.objects.select_related("team", "default_policy", "created_by").order_by("revoked_at", "name")
    shows_revoked = request.GET.get("revoked") == "1"
    rows = [_row(key) for key in keys if shows_revoked or key.revoked_at is None]
    context = {
        "rows": rows,
        "shows_revoked": shows_revoked,
        "revoked": sum(key.revoked_at is not None for key in keys),
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
            requests_per_minute=given["requests_per_minute"],
            daily_spend_usd=given["daily_spend_usd"].strip() or None,
        )
    except WriteRefused as refused:
        _place(form, constraints, refused)
        return None


def _place(form: KeyForm, constraints: ConstraintForm, refused: WriteRefused) -> None:
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


def _row(key: APIKey) -> dict[str, Any]:
    now = timezone.now()
    state, tone = ("active", "ok")
    if key.revoked_at:
        state, tone = "revoked", ""
    elif key.expires_at and key.expires_at <= now:
        state, tone = "expired", "bad"
    elif key.expires_at and key.expires_at <= now + SOON:
        state, tone = "expires soon", "warn"
    return {"key": key, "state": state, "tone": tone, "limits": describe_constraints(key.constraints_document)}
