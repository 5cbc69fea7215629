"""Deployments: where a model answers. Add, edit, switch on and off, price."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from dashboard.catalogue_forms import DeploymentForm, NewDeploymentForm, PriceForm
from dashboard.catalogue_options import load_catalogue_options
from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from routerapp.models import Deployment
from routerapp.serving import edit_catalog
from routerapp.serving.refusals import WriteRefused


@allowed_to("edit_deployment")
def deployment_create(request: HttpRequest) -> HttpResponse:
    asked = {name: request.GET.get(name, "") for name in ("provider", "language_model")}
    options = load_catalogue_options()
    form = NewDeploymentForm(request.POST or None, options=options, initial=asked | {"weight": 1})
    if request.method == "POST" and form.is_valid():
        outside = ("slug", "provider", "language_model")
        fields = {name: value for name, value in form.cleaned_data.items() if name not in outside}
        try:
            deployment = edit_catalog.add_deployment(
                form.cleaned_data["slug"],
                fields,
                provider=form.cleaned_data["provider"],
                language_model=form.cleaned_data["language_model"],
                by=actor_of(request),
            )
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"{deployment.name} added. Give it a price; until then it is unpriced.")
            return redirect("dashboard:price-create", slug=deployment.slug)
    context = {
        "form": form,
        "title": "New deployment",
        "submit": "Add the deployment",
        "lead": LEAD,
        "lacks_provider": not options.providers,
        "lacks_model": not options.models,
    }
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


LEAD = "One place that serves one model: what policies choose, cool down and bill."


@allowed_to("edit_deployment")
def deployment_edit(request: HttpRequest, slug: str) -> HttpResponse:
    deployment = _deployment(slug)
    form = DeploymentForm(request.POST or None, initial=_initial(deployment))
    if request.method == "POST" and form.is_valid():
        try:
            edit_catalog.edit_deployment(slug, form.cleaned_data, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Deployment saved.")
            return redirect("dashboard:language-model-detail", slug=deployment.language_model.slug)
    context = {
        "form": form,
        "title": f"Edit {deployment.name}",
        "submit": "Save",
        "lead": f"{deployment.language_model.name} on {deployment.provider.name}",
        "model": deployment.language_model,
    }
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_deployment")
@require_POST
def deployment_toggle(request: HttpRequest, slug: str) -> HttpResponse:
    deployment = _deployment(slug)
    wanted = request.POST.get("enabled") == "1"
    try:
        edit_catalog.edit_deployment(slug, {"is_enabled": wanted}, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{deployment.name} is {'enabled' if wanted else 'disabled'}.")
    return redirect("dashboard:deployment-detail", slug=slug)


@allowed_to("edit_price")
def price_create(request: HttpRequest, slug: str) -> HttpResponse:
    deployment = _deployment(slug)
    form = PriceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            edit_catalog.add_price(
                slug,
                input_usd_per_mtok=given["input_usd_per_mtok"].strip(),
                output_usd_per_mtok=given["output_usd_per_mtok"].strip(),
                cached_input_usd_per_mtok=given["cached_input_usd_per_mtok"].strip() or None,
                cache_write_usd_per_mtok=given["cache_write_usd_per_mtok"].strip() or None,
                valid_from=given["valid_from"],
                source=given["source"],
                by=actor_of(request),
            )
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Price added. Costs already recorded keep the price they were made with.")
            return redirect("dashboard:language-model-detail", slug=deployment.language_model.slug)
    context = {
        "form": form,
        "title": f"New price for {deployment.name}",
        "submit": "Add the price",
        "model": deployment.language_model,
    }
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


def _deployment(slug: str) -> Deployment:
    rows = Deployment.objects.select_related("language_model", "provider").filter(archived_at=None)
    return get_object_or_404(rows, slug=slug)


def _initial(deployment: Deployment) -> dict[str, Any]:
    initial = {name: getattr(deployment, name) for name in DeploymentForm.base_fields}
    for name in ("residency", "tags"):
        initial[name] = ", ".join(initial[name])
    initial["simulation"] = json.dumps(deployment.simulation, indent=2) if deployment.simulation else ""
    return initial
