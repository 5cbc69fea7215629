"""The catalogue: language models with their prices and capability scores; one model with its deployments and price history."""

from typing import Any

from django.contrib import messages
from django.db.models import Prefetch
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from dashboard.capability_table import capability_table
from dashboard.catalogue_forms import LanguageModelForm, NewLanguageModelForm
from dashboard.fragments import render_page
from dashboard.health_range import address_of, health_context, model_subject
from dashboard.learned_scores import learned_of, learned_panel
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.unpriced_banner import unpriced_banner
from routerapp.models import Deployment, LanguageModel, Modality, Price, Provider
from routerapp.serving import edit_catalog
from routerapp.serving.refusals import WriteRefused


@allowed_to("read")
def language_model_list(request: HttpRequest) -> HttpResponse:
    open_deployments = Deployment.objects.filter(archived_at=None).select_related("provider").order_by("slug")
    models = list(
        LanguageModel.objects.filter(archived_at=None)
        .prefetch_related(
            Prefetch("deployments", queryset=open_deployments.prefetch_related("prices"), to_attr="open_deployments")
        )
        .order_by("name")
    )
    chatting = [model for model in models if model.modality == Modality.CHAT]
    context = {
        "rows": [_row(model) for model in models],
        "capabilities": capability_table(chatting, request.GET.get("sort", "")),
        "learned": learned_panel(chatting),
        "may_learn": can(request, "train_predictor"),
        "has_providers": Provider.objects.filter(archived_at=None).exists(),
        "banner": unpriced_banner(),
        "may_edit": can(request, "edit_language_model"),
        "may_score": can(request, "edit_score"),
    }
    return render_page(request, "dashboard/models/list.html", context, fragments={"scores"})


@allowed_to("read")
def language_model_detail(request: HttpRequest, slug: str) -> HttpResponse:
    model = get_object_or_404(LanguageModel, slug=slug)
    deployments = (
        model.deployments.filter(archived_at=None)
        .select_related("provider")
        .prefetch_related("prices")
        .order_by("slug")
    )
    slugs = [deployment.slug for deployment in deployments]
    context = {
        "model": model,
        **health_context(request, model_subject(slug, slugs), address_of("language-model-detail", slug)),
        "deployments": [_deployment(deployment) for deployment in deployments],
        "capabilities": capability_table([model]),
        "learned": learned_of(model),
        "may_learn": can(request, "train_predictor"),
        "may_edit": can(request, "edit_language_model") and model.archived_at is None,
        "may_score": can(request, "edit_score"),
    }
    return render_page(request, "dashboard/models/detail.html", context)


@allowed_to("edit_language_model")
def language_model_create(request: HttpRequest) -> HttpResponse:
    form = NewLanguageModelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        fields = {name: value for name, value in form.cleaned_data.items() if name != "slug"}
        try:
            model = edit_catalog.add_language_model(form.cleaned_data["slug"], fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"{model.name} added. Give it a deployment, so that it can answer.")
            return redirect("dashboard:language-model-detail", slug=model.slug)
    context = {"form": form, "title": "New language model", "submit": "Add the model"}
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_language_model")
def language_model_edit(request: HttpRequest, slug: str) -> HttpResponse:
    model = get_object_or_404(LanguageModel, slug=slug, archived_at=None)
    initial = {name: getattr(model, name) for name in LanguageModelForm.base_fields}
    form = LanguageModelForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            edit_catalog.edit_language_model(slug, form.cleaned_data, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Saved.")
            return redirect("dashboard:language-model-detail", slug=slug)
    context = {"form": form, "title": f"Edit {model.name}", "submit": "Save", "model": model}
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


def _row(model: Any) -> dict[str, Any]:
    deployments = [_deployment(deployment) for deployment in model.open_deployments]
    priced = [one["price"] for one in deployments if one["price"]]
    cheapest = min(priced, key=lambda price: price.input_nusd_per_mtok + price.output_nusd_per_mtok, default=None)
    return {
        "model": model,
        "deployments": deployments,
        "price": cheapest,
        "has_several_prices": len({(one.input_nusd_per_mtok, one.output_nusd_per_mtok) for one in priced}) > 1,
        "enabled": sum(one["is_open"] for one in deployments),
    }


def _deployment(deployment: Deployment) -> dict[str, Any]:
    """With the price in force now, the one to come, and the history."""
    now = timezone.now()
    prices: list[Price] = sorted(deployment.prices.all(), key=lambda price: price.valid_from, reverse=True)
    return {
        "deployment": deployment,
        "price": next((price for price in prices if price.valid_from <= now), None),
        "coming": [price for price in prices if price.valid_from > now],
        "prices": prices,
        "is_open": deployment.is_enabled and deployment.provider.is_enabled,
    }
