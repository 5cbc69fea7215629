"""One deployment: how it is this second, how it was, what it costs; and an operator's hand on it, always with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from dashboard.fragments import asked_fragment, render_page
from dashboard.health_charts import price_chart
from dashboard.health_range import address_of, deployment_subject, health_context
from dashboard.provider_lines import DeploymentLine
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import AuditEvent, Deployment, Price
from routerapp.serving import edit_catalog
from routerapp.serving.deployment_state import LiveReading, read_live
from routerapp.serving.operate_deployment import (
    LONGEST_MINUTES,
    LONGEST_REASON,
    Standing,
    cool_down_deployment,
    drain_deployment,
    read_standings,
    resume_deployment,
)
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import WriteRefused
from routerapp.store.deployment_health import latest_checks

LIVE = frozenset({"now"})
PAGE = "dashboard/models/deployment.html"
PRICE_EVENTS = ("add_price", "import_price", "price_refreshed")


class OperateForm(forms.Form):
    deed = forms.ChoiceField(choices=[("drain", "Drain"), ("cooldown", "Cool down"), ("resume", "Resume")])
    reason = forms.CharField(max_length=LONGEST_REASON, label="Reason", required=False)
    minutes = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=LONGEST_MINUTES,
        initial=10,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


@allowed_to("read")
def deployment_detail(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, slug, OperateForm())


@allowed_to("edit_deployment")
def deployment_operate(request: HttpRequest, slug: str) -> HttpResponse:
    """POST drains, cools down or resumes; anything else shows the page."""
    if request.method != "POST":
        return redirect("dashboard:deployment-detail", slug=slug)
    form = OperateForm(request.POST)
    if form.is_valid():
        given = form.cleaned_data
        try:
            DEEDS[given["deed"]](slug, given, actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"{WORDS[given['deed']]} Every worker knows within two seconds.")
            return redirect("dashboard:deployment-detail", slug=slug)
    return _page(request, slug, form, status=422)


@allowed_to("edit_deployment")
def deployment_archive(request: HttpRequest, slug: str) -> HttpResponse:
    deployment = _deployment(slug)
    refusal = ""
    if request.method == "POST":
        try:
            edit_catalog.archive_deployment(slug, by=actor_of(request))
        except WriteRefused as refused:
            refusal = str(refused)
        else:
            messages.success(request, f"{deployment.name} is archived.")
            return redirect("dashboard:language-model-detail", slug=deployment.language_model.slug)
    context = {"deployment": deployment, "refusal": refusal}
    return render_page(request, "dashboard/models/archive_deployment.html", context, status=422 if refusal else 200)


def _drain(slug: str, given: dict[str, Any], by: Actor) -> Standing:
    return drain_deployment(slug, reason=given["reason"], by=by)


def _cool_down(slug: str, given: dict[str, Any], by: Actor) -> Standing:
    return cool_down_deployment(slug, given["minutes"] or 0, reason=given["reason"], by=by)


def _resume(slug: str, given: dict[str, Any], by: Actor) -> Standing:
    return resume_deployment(slug, reason=given["reason"], by=by)


DEEDS: dict[str, Callable[[str, dict[str, Any], Actor], Standing]] = {
    "drain": _drain,
    "cooldown": _cool_down,
    "resume": _resume,
}
WORDS = {"drain": "Draining: nothing new is sent there.", "cooldown": "In cooldown.", "resume": "It serves again."}


def _page(request: HttpRequest, slug: str, form: OperateForm, status: int = 200) -> HttpResponse:
    deployment = _deployment(slug)
    live = read_live().get(slug)
    line = DeploymentLine(deployment, latest_checks([slug]).get(slug), live or LiveReading())
    context: dict[str, Any] = {
        "deployment": deployment,
        "model": deployment.language_model,
        "line": line,
        "live": live,
        "standing": read_standings().get(slug, Standing()),
    }
    if asked_fragment(request, LIVE) is None:
        now, prices = timezone.now(), list(deployment.prices.order_by("valid_from"))
        context |= {
            "form": form,
            "prices": _price_rows(slug, prices, now),
            "price_chart": price_chart(prices, now),
            "may_edit": can(request, "edit_deployment"),
            **health_context(request, deployment_subject(slug), address_of("deployment-detail", slug)),
        }
    return render_page(request, PAGE, context, fragments=LIVE, status=status)


def _deployment(slug: str) -> Deployment:
    rows = Deployment.objects.select_related("language_model", "provider").filter(archived_at=None)
    return get_object_or_404(rows, slug=slug)


def _price_rows(slug: str, prices: list[Price], now: Any) -> list[dict[str, Any]]:
    """Newest first, with who set each as the audit log has it."""
    events = AuditEvent.objects.filter(subject=f"deployment:{slug}", action__in=PRICE_EVENTS).order_by("-id")
    setters: dict[str, str] = {}
    for actor, at, after in events.values_list("actor", "at", "after")[:1_000]:
        setters.setdefault(str((after or {}).get("valid_from") or at.isoformat()), actor)
    current = next((price for price in reversed(prices) if price.valid_from <= now), None)
    return [
        {
            "price": price,
            "is_now": price == current,
            "is_coming": price.valid_from > now,
            "set_by": setters.get(price.valid_from.isoformat(), ""),
        }
        for price in reversed(prices)
    ]
