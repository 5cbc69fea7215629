"""Starting without a graded prompt: which of our models is strong, middle or weak, and the shipped prior does the rest."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from dashboard.fragments import render_page
from dashboard.roles import actor_of, allowed_to
from routerapp.learning.prior import TIERS
from routerapp.models import LanguageModel
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.start_from_prior import start_from_prior, tiers_offered

PREFIX = "tier-"
CHOICES = (("", "left out"), *((tier, tier) for tier in TIERS))


@allowed_to("train_predictor")
def predictor_prior(request: HttpRequest) -> HttpResponse:
    """GET offers tiers by price; POST makes the candidate."""
    if request.method != "POST":
        return _page(request, tiers_offered())
    tiers = {name.removeprefix(PREFIX): tier for name, tier in request.POST.items() if name.startswith(PREFIX) and tier}
    try:
        row = start_from_prior({slug: str(tier) for slug, tier in tiers.items()}, by=actor_of(request))
    except WriteRefused as refused:
        return _page(request, {slug: str(tier) for slug, tier in tiers.items()}, problem=str(refused))
    messages.success(request, f"{row} is a candidate. It speaks once it is promoted.")
    return redirect("dashboard:predictor-detail", name=row.name, version=row.version)


def _page(request: HttpRequest, tiers: dict[str, str], problem: str = "") -> HttpResponse:
    offered = tiers_offered()
    names = dict(LanguageModel.objects.filter(slug__in=offered).values_list("slug", "name"))
    lines = [
        {"slug": slug, "name": names.get(slug, slug), "field": f"{PREFIX}{slug}", "tier": tiers.get(slug, "")}
        for slug in offered
    ]
    context = {"lines": lines, "choices": CHOICES, "problem": problem}
    return render_page(request, "dashboard/evaluation/prior.html", context, status=422 if problem else 200)
