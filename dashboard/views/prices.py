"""Prices together: the package's beside ours, traffic without a price, and recorded costs beside today's prices."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.unpriced_banner import unpriced_banner
from routerapp.models import Deployment, Job, JobState
from routerapp.serving.edit_jobs import cancel_job
from routerapp.serving.import_prices import import_prices
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.reprice_history import APPLY, PREVIEW, apply_repricing, preview_repricing
from routerapp.store.config_document import unix_ms
from routerapp.store.package_prices import DIFFERS, NEW, SAME, UNMATCHED, compare_prices
from routerapp.store.prices import package_source

AS_PREFIX = "as-"
ENDED = (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class RepricingForm(forms.Form):
    """Ends are UTC; the end is not included."""

    deployment = forms.ChoiceField(label="Deployment")
    start = forms.DateTimeField(
        label="From (UTC)", widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M")
    )
    end = forms.DateTimeField(
        label="To (UTC)",
        required=False,
        help_text="Empty: now.",
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = Deployment.objects.order_by("slug").values_list("slug", "name")
        field = self.fields["deployment"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(slug, name) for slug, name in rows]


@allowed_to("read")
def price_import(request: HttpRequest) -> HttpResponse:
    """GET the difference; POST what was ticked."""
    if request.method == "POST":
        if not can(request, "edit_price"):
            raise PermissionDenied("Taking prices needs the role admin.")
        return _import(request)
    return _import_page(request)


@allowed_to("edit_price")
def repricing(request: HttpRequest) -> HttpResponse:
    """GET the question; POST asks for the difference."""
    initial = {"deployment": request.GET.get("deployment", ""), "start": _month_ago()}
    form = RepricingForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        ends = given["end"] or timezone.now()
        try:
            job = preview_repricing(given["deployment"], unix_ms(given["start"]), unix_ms(ends), by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused, {"from": "start", "to": "end"})
        else:
            return redirect("dashboard:repricing-job", job_id=job.pk)
    recent = Job.objects.filter(kind__in=(PREVIEW, APPLY)).order_by("-pk")[:10]
    context = {
        "form": form,
        "recent": recent,
        "banner": unpriced_banner(),
        "has_deployments": Deployment.objects.exists(),
    }
    return render_page(request, "dashboard/models/repricing.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_price")
def repricing_job(request: HttpRequest, job_id: int) -> HttpResponse:
    """The difference, or what was changed; while it runs, how far it is."""
    job = get_object_or_404(Job, pk=job_id, kind__in=(PREVIEW, APPLY))
    result = job.result or {}
    context = {
        "job": job,
        "result": result,
        "deployment": job.arguments.get("deployment", ""),
        "is_preview": job.kind == PREVIEW,
        "is_over": job.state in ENDED,
        "percent": round(100 * job.progress),
        "is_change": bool(result.get("changed_attempts")),
    }
    return render_page(request, "dashboard/models/repricing_job.html", context, fragments={"job"})


@allowed_to("edit_price")
@require_POST
def repricing_apply(request: HttpRequest, job_id: int) -> HttpResponse:
    try:
        job = apply_repricing(job_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:repricing-job", job_id=job_id)
    return redirect("dashboard:repricing-job", job_id=job.pk)


@allowed_to("edit_price")
@require_POST
def repricing_cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    """What was re-priced until then stays; rows and sums agree at every moment."""
    get_object_or_404(Job, pk=job_id, kind__in=(PREVIEW, APPLY))
    try:
        cancel_job(job_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    return redirect("dashboard:repricing-job", job_id=job_id)


def _import(request: HttpRequest) -> HttpResponse:
    slugs = request.POST.getlist("deployment")
    chosen = {slug: request.POST.get(AS_PREFIX + slug, "").strip() for slug in slugs}
    for name, value in request.POST.items():
        if name.startswith(AS_PREFIX) and isinstance(value, str) and value.strip():
            chosen.setdefault(name.removeprefix(AS_PREFIX), value.strip())
    try:
        added = import_prices(chosen, by=actor_of(request))
    except WriteRefused as refused:
        return _import_page(request, str(refused).replace("deployments.", ""), chosen)
    count = len(added)
    messages.success(request, f"{count} price{'' if count == 1 else 's'} in force from now on.")
    return redirect(reverse("dashboard:price-import"))


def _group(rows: Iterable[Any], state: str, title: str) -> dict[str, Any]:
    return {"state": state, "title": title, "rows": [row for row in rows if row.state == state]}


def _import_page(request: HttpRequest, problem: str = "", chosen: dict[str, str] | None = None) -> HttpResponse:
    rows = compare_prices(timezone.now())
    context = {
        "groups": [_group(rows, NEW, "Unpriced here, listed there"), _group(rows, DIFFERS, "Different")],
        "same": _group(rows, SAME, "The same"),
        "can_take": any(row.state != SAME for row in rows),
        "unmatched": [row for row in rows if row.state == UNMATCHED],
        "has_rows": bool(rows),
        "source": package_source(),
        "problem": problem,
        "chosen": chosen or {},
        "banner": unpriced_banner(),
        "may_edit": can(request, "edit_price"),
    }
    return render_page(request, "dashboard/models/price_import.html", context, status=422 if problem else 200)


def _month_ago() -> Any:
    return (timezone.now() - timedelta(days=30)).replace(second=0, microsecond=0)
