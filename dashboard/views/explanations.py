"""Why not this candidate, and what would choose it: of a recorded request, and of a prompt in the playground. Writes nothing."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from dashboard.explanation_lines import explanation_lines
from dashboard.fragments import is_htmx
from dashboard.playground_chat import as_chat, caller_for, request_body, subject_of
from dashboard.playground_forms import PlaygroundForm
from dashboard.roles import allowed_to
from dashboard.views.playground import NO_RUNTIME, runtime_of, seed_of
from routerapp.models import Draft, RoutedRequest
from routerapp.serving.explain_decision import explain_recorded, explain_simulated
from routerapp.serving.refusals import Missing, WriteRefused
from routerapp.serving.runtime import NotReady
from routerapp.serving.served import Refused
from routerapp.serving.simulate import simulate
from routerapp.store.replay import NotReplayable

PAGE = "dashboard/explanations/page.html"


@allowed_to("read")
@require_safe
def request_why_not(request: HttpRequest, request_id: str, deployment: str) -> HttpResponse:
    if not RoutedRequest.objects.filter(id=request_id).exists():
        raise Http404("No such request.")
    back = {"back": reverse("dashboard:request-detail", args=[request_id]), "back_label": "Request"}
    try:
        found = explain_recorded(request_id, deployment)
    except Missing as missing:
        raise Http404(str(missing)) from None
    if isinstance(found, NotReplayable):
        return _answer(request, back | {"deployment": deployment, "problem": found.reason})
    return _answer(request, back | {"deployment": deployment, "lines": explanation_lines(found)})


@allowed_to("use_playground")
@require_POST
def playground_why_not(request: HttpRequest) -> HttpResponse:
    """why: the target, the decision's seed and the deployment, as the button of a candidate sends them, beside the form."""
    target, _, rest = request.POST.get("why", "").partition(" ")
    seed, _, deployment = rest.partition(" ")
    given = request.POST.copy()
    given["target"] = target
    form = PlaygroundForm(given)
    context: dict[str, Any] = {"back": reverse("dashboard:playground"), "back_label": "Playground"}
    context["deployment"] = deployment[:100]
    if not form.is_valid():
        problem = " ".join(str(error) for errors in form.errors.values() for error in errors)
        return _answer(request, context | {"problem": problem}, 422)
    try:
        chat = as_chat(request_body(form.cleaned_data, target))
        simulation = simulate(
            runtime_of(request), chat, on=subject_of(target), caller=caller_for(request), seed=seed_of(seed)
        )
        explanation = explain_simulated(simulation, deployment)
    except NotReady:
        return _answer(request, context | {"problem": NO_RUNTIME}, 422)
    except Refused as refused:
        return _answer(request, context | {"problem": refused.message}, 422)
    except WriteRefused as refused:
        return _answer(request, context | {"problem": str(refused)}, 422)
    return _answer(request, context | {"lines": explanation_lines(explanation, draft=_draft(target))})


def _draft(target: str) -> Draft | None:
    kind, _, number = target.partition(":")
    return Draft.objects.select_related("policy").filter(pk=number).first() if kind == "draft" else None


def _answer(request: HttpRequest, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """The fragment under the candidate that asked, or a page. Each candidate is a target of its own, so any may ask."""
    is_part = is_htmx(request) and request.htmx.request_type != "full"  # type: ignore[attr-defined]
    response = render(request, f"{PAGE}#explanation" if is_part else PAGE, context, status=200 if is_part else status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response
