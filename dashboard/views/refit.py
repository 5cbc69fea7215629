"""The scheduled refit on the Evaluation page: its schedule, and one asked for now."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from dashboard.roles import actor_of, allowed_to
from routerapp.serving.refit_schedule import ask_for_refit, set_refit_schedule
from routerapp.serving.refusals import WriteRefused


@allowed_to("schedule_refit")
@require_POST
def refit_schedule(request: HttpRequest) -> HttpResponse:
    try:
        set_refit_schedule(request.POST.get("every", ""), request.POST.get("promotes") == "on", by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "The schedule of refits is saved.")
    return redirect("dashboard:evaluation")


@allowed_to("train_predictor")
@require_POST
def refit_now(request: HttpRequest) -> HttpResponse:
    ask_for_refit(by=actor_of(request))
    messages.success(request, "Whether there is enough new is looked at now; if so, a training starts.")
    return redirect("dashboard:evaluation")
