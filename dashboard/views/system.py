"""How the installation is doing: processes and journal, and background jobs. The third tab is settings.py."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from dashboard.forms import ANY
from dashboard.fragments import asked_fragment, render_page
from dashboard.roles import actor_of, allowed_to, can
from dashboard.system_lines import (
    KINDS,
    job_line,
    missing_roles,
    predictor_problems,
    process_lines,
    shared_lines,
    size,
    tiles,
    unrecorded,
)
from routerapp.models import Job, JobState
from routerapp.serving.edit_jobs import cancel_job, retry_job
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.system_state import read_system_state, read_versions
from routerapp.store.spool_bound import Level

PROCESSES, JOBS, SETTINGS = "system", "system-jobs", "system-settings"
TABS = ((PROCESSES, "Processes"), (JOBS, "Jobs"), (SETTINGS, "Settings"))
PAGE_SIZE = 30
LIVE = frozenset({"live"})


class JobFilterForm(forms.Form):
    state = forms.ChoiceField(choices=[ANY, *JobState.choices], required=False)
    kind = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = {*KINDS, *Job.objects.order_by().values_list("kind", flat=True).distinct()}
        field = self.fields["kind"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [ANY, *((kind, KINDS.get(kind, kind)) for kind in sorted(known))]


@allowed_to("read_system")
def system(request: HttpRequest) -> HttpResponse:
    state = read_system_state()
    context = {
        "state": state,
        "tiles": tiles(state),
        "processes": process_lines(state),
        "missing": missing_roles(state),
        "predictor_problems": predictor_problems(state),
        "shared": shared_lines(state),
        "spool_waiting": size(state.spool.bytes_waiting),
        "spool_on_disk": size(state.spool.bytes_on_disk),
        "spool_most": size(state.spool.most_bytes),
        "spool_percent": round(100 * state.spool.share),
        "is_spool_filling": state.spool.level >= Level.FILLING,
        "unrecorded": unrecorded(state),
        "refused_size": size(state.spool.refused_bytes),
        "disk_percent": _percent_used(state.folder.free_bytes, state.folder.total_bytes),
        "free": size(state.folder.free_bytes),
        "database_size": size(state.folder.database_bytes),
        "tabs": tabs_of(PROCESSES),
    }
    if asked_fragment(request, LIVE) is None:
        context["versions"] = read_versions()
    return render_page(request, "dashboard/system/processes.html", context, fragments=LIVE)


@allowed_to("read_system")
def system_jobs(request: HttpRequest) -> HttpResponse:
    form = JobFilterForm(request.GET)
    cursor = request.GET.get("cursor", "")
    is_cursor_good = not cursor or (cursor.isascii() and cursor.isdigit() and len(cursor) < 19)
    is_valid = form.is_valid() and is_cursor_good
    rows = _jobs(form, cursor) if is_valid else []
    kept = {name: value for name, value in request.GET.items() if value and name != "cursor"}
    here = reverse("dashboard:system-jobs")
    next_cursor = rows[PAGE_SIZE - 1].pk if len(rows) > PAGE_SIZE else None
    context = {
        "form": form,
        "lines": [job_line(job) for job in rows[:PAGE_SIZE]],
        "problem": "" if is_cursor_good else "This page of jobs does not exist.",
        "may_edit": can(request, "edit_jobs"),
        "is_filtered": bool(kept),
        "here": _url(here, kept | ({"cursor": cursor} if cursor else {})),
        "next_url": _url(here, kept | {"cursor": next_cursor}) if next_cursor else "",
        "first_url": _url(here, kept) if cursor else "",
        "is_live": is_valid and not cursor,
        "tabs": tabs_of(JOBS),
    }
    status = 200 if is_valid else 422
    return render_page(request, "dashboard/system/jobs.html", context, fragments={"results", "jobs"}, status=status)


@allowed_to("edit_jobs")
@require_POST
def job_cancel(request: HttpRequest, job_id: int) -> HttpResponse:
    try:
        job = cancel_job(job_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        is_over = job.state == JobState.CANCELLED
        messages.success(request, f"Job {job_id} is cancelled." if is_over else f"Job {job_id} stops at its next step.")
    return redirect("dashboard:system-jobs")


@allowed_to("edit_jobs")
@require_POST
def job_retry(request: HttpRequest, job_id: int) -> HttpResponse:
    try:
        job = retry_job(job_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"Job {job.pk} does it again.")
    return redirect("dashboard:system-jobs")


def _jobs(form: JobFilterForm, cursor: str) -> list[Job]:
    """One more than a page shows."""
    where: dict[str, Any] = {name: value for name, value in form.cleaned_data.items() if value}
    if cursor:
        where["pk__lt"] = int(cursor)
    return list(Job.objects.filter(**where).order_by("-pk")[: PAGE_SIZE + 1])


def _percent_used(free: int, total: int) -> int:
    return round(100 * (total - free) / total) if total else 0


def tabs_of(current: str) -> list[dict[str, Any]]:
    return [
        {"label": label, "url": reverse(f"dashboard:{name}"), "is_current": name == current} for name, label in TABS
    ]


def _url(path: str, query: dict[str, Any]) -> str:
    return f"{path}?{urlencode(query)}" if query else path
