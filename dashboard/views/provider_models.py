"""From an upstream's models to deployments, in two steps: tick models, then say what each is. The list is a stranger's text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect

from dashboard.fragments import render_page
from dashboard.provider_forms import ModelRowForm
from dashboard.roles import actor_of, allowed_to
from routerapp.models import LanguageModel, Modality, Provider
from routerapp.serving.add_deployments import MOST_AT_ONCE, Offered, Wanted, add_deployments, offer_deployments
from routerapp.serving.diagnose_provider import list_upstream_models
from routerapp.serving.refusals import Invalid, WriteRefused

MOST_SHOWN = 500


@allowed_to("edit_deployment")
def provider_models(request: HttpRequest, slug: str) -> HttpResponse:
    """GET: the upstream's list. GET with names (model=…, typed=…): what each is to become. POST: make them."""
    provider = get_object_or_404(Provider, slug=slug, archived_at=None)
    if request.method == "POST":
        return _make(request, provider)
    chosen = _chosen(request)
    if chosen:
        return _rows_page(request, provider, offer_deployments(slug, chosen))
    return _list_page(request, provider)


def _list_page(request: HttpRequest, provider: Provider) -> HttpResponse:
    found = list_upstream_models(provider.slug, by=actor_of(request))
    wanted = request.GET.get("q", "").strip().lower()[:100]
    names = [name for name in found.models or () if wanted in name.lower()]
    offers = offer_deployments(provider.slug, names[:MOST_SHOWN])
    context = {
        "provider": provider,
        "diagnosis": found,
        "offers": offers,
        "q": request.GET.get("q", "")[:100],
        "more": max(0, len(names) - MOST_SHOWN),
        "total": len(found.models or ()),
    }
    return render_page(request, "dashboard/providers/models.html", context)


def _rows_page(
    request: HttpRequest, provider: Provider, offers: Sequence[Offered], problem: str = "", data: Any = None
) -> HttpResponse:
    models = list(LanguageModel.objects.filter(archived_at=None).order_by("name").values_list("slug", "name"))
    rows = []
    for place, offer in enumerate(offers[:MOST_AT_ONCE]):
        initial = {
            "upstream_model": offer.upstream_model,
            "language_model": offer.language_model,
            "context_window": offer.context_window,
            "modality": Modality.EMBEDDINGS if "embed" in offer.upstream_model.lower() else Modality.CHAT,
        }
        form = ModelRowForm(data, prefix=f"m{place}", initial=initial, models=models)
        form.is_valid()
        rows.append({"offer": offer, "form": form})
    context = {"provider": provider, "rows": rows, "problem": problem, "left_out": max(0, len(offers) - MOST_AT_ONCE)}
    status = 422 if data is not None else 200
    return render_page(request, "dashboard/providers/choose.html", context, status=status)


def _make(request: HttpRequest, provider: Provider) -> HttpResponse:
    models = list(LanguageModel.objects.filter(archived_at=None).order_by("name").values_list("slug", "name"))
    forms, names = [], []
    for place in range(MOST_AT_ONCE):
        if f"m{place}-upstream_model" not in request.POST:
            break
        forms.append(ModelRowForm(request.POST, prefix=f"m{place}", models=models))
        names.append(request.POST[f"m{place}-upstream_model"])
    if not forms:
        messages.error(request, "Choose at least one model.")
        return redirect("dashboard:provider-models", slug=provider.slug)
    problem = "" if all([form.is_valid() for form in forms]) else "Correct what is marked."
    if not problem:
        try:
            added = add_deployments(provider.slug, [_wanted(form.cleaned_data) for form in forms], by=actor_of(request))
        except WriteRefused as refused:
            problem = _words(refused, names)
        else:
            unpriced = sum(not row.prices.exists() for row in added)
            more = f" {unpriced} of them unpriced: give them a price." if unpriced else ""
            count = len(added)
            messages.success(request, f"{count} deployment{'' if count == 1 else 's'} added.{more}")
            return redirect("dashboard:provider-detail", slug=provider.slug)
    return _rows_page(request, provider, offer_deployments(provider.slug, names), problem, request.POST)


def _wanted(given: dict[str, Any]) -> Wanted:
    return Wanted(
        given["upstream_model"], given["language_model"], given["context_window"], given["modality"] or Modality.CHAT
    )


def _chosen(request: HttpRequest) -> list[str]:
    """Ticked and typed names, each once; typed ones stand one a line."""
    typed = request.GET.get("typed", "")[:20_000].splitlines()
    names = [name.strip() for name in (*request.GET.getlist("model"), *typed)]
    return [name[:200] for name in dict.fromkeys(names) if name and name.isprintable()]


def _words(refused: WriteRefused, names: Sequence[str]) -> str:
    """models.3.context_window: which model that is."""
    if not isinstance(refused, Invalid):
        return str(refused)
    said = []
    for problem in refused.problems:
        place = problem.path.split(".")[1:2]
        at = int(place[0]) if place and place[0].isdigit() else -1
        said.append(f"{names[at]}: {problem.message}" if 0 <= at < len(names) else problem.message)
    return " ".join(said)
