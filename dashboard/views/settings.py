"""The Settings tab of System: what the installation is set to, changed by group; what policies keep; everything else with its origin."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from dashboard.fragments import render_page
from dashboard.kept_policies import kept_lines
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from dashboard.settings_forms import GROUPS
from dashboard.views.system import SETTINGS as SETTINGS_TAB
from dashboard.views.system import tabs_of
from routerapp.models import InstallationState, Policy
from routerapp.serving.installation_settings import SETTINGS, change_settings, last_changes, read_settings
from routerapp.serving.purge_content import count_content, purge_content
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.shown_settings import shown_settings

PAGE = "dashboard/system/settings.html"


@allowed_to("read_system")
def system_settings(request: HttpRequest) -> HttpResponse:
    return _page(request)


@allowed_to("edit_settings")
def settings_change(request: HttpRequest, group: str) -> HttpResponse:
    """Saves one group. Its address read is the page."""
    if group not in GROUPS:
        raise Http404("There is no such group of settings.")
    if request.method != "POST":
        return redirect("dashboard:system-settings")
    form = GROUPS[group][0](request.POST, _values())
    if form.is_valid():
        try:
            change_settings(_chosen(form.changes()), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused, {"retention_days": "requests", "kept_content": "keep"})
        else:
            messages.success(request, "Saved; it holds within two seconds.")
            return redirect("dashboard:system-settings")
    return _page(request, {group: form}, 422)


@allowed_to("purge_content")
def policy_content_delete(request: HttpRequest, slug: str) -> HttpResponse:
    """GET asks, POST does it."""
    policy = get_object_or_404(Policy, slug=slug)
    if request.method != "POST":
        context = {"policy": policy, "count": count_content(slug)}
        return render_page(request, "dashboard/system/delete_content.html", context)
    try:
        deleted = purge_content(slug, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(
            request, f"The content of {deleted:,} requests is deleted. What was decided and counted stays."
        )
    return redirect("dashboard:system-settings")


def _page(request: HttpRequest, bound: dict[str, Any] | None = None, status: int = 200) -> HttpResponse:
    values, changed = _values(), last_changes()
    shown = shown_settings()
    groups = [
        {
            "name": name,
            "title": title,
            "lead": lead,
            "form": (bound or {}).get(name) or form(None, values),
            "changed": [changed[setting] for setting in settings if setting in changed],
        }
        for name, (form, title, lead, settings) in GROUPS.items()
    ]
    context = {
        "edits": groups,
        "kept": kept_lines(),
        "has_sample_data": InstallationState.objects.filter(pk=1, sample_data=True).exists(),
        "groups": [
            {
                "title": title,
                "lead": lead,
                "rows": [one for one in shown if one.name.startswith("SIGNALBOX_") == is_variable],
            }
            for title, lead, is_variable in (
                ("Everything that is set", "By page, API or command; live within two seconds.", False),
                ("Environment", "Set where Signalbox is started; a change needs a restart.", True),
            )
        ],
        "tabs": tabs_of(SETTINGS_TAB),
    }
    return render_page(request, PAGE, context, status=status)


def _chosen(changes: dict[str, Any]) -> dict[str, Any]:
    """What equals its default is left to the default, which may change with a later version."""
    return {name: None if value == SETTINGS[name].default else value for name, value in changes.items()}


def _values() -> dict[str, Any]:
    return {one.setting.name: one.value for one in read_settings()}
