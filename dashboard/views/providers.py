"""Providers: whose API deployments speak to. A credential goes in and never comes out."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters

from dashboard.catalogue_forms import NewProviderForm, ProviderForm
from dashboard.fragments import render_page
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from routerapp.models import Provider
from routerapp.serving import edit_catalog
from routerapp.serving.refusals import WriteRefused


@allowed_to("edit_provider")
@sensitive_post_parameters("credential")
def provider_create(request: HttpRequest) -> HttpResponse:
    form = NewProviderForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given, by = form.cleaned_data, actor_of(request)
        try:
            fields = {name: given[name] for name in ("name", "kind", "base_url", "preset", "options")}
            provider = edit_catalog.add_provider(given["slug"], by=by, **fields)
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return _with_credential(request, provider, given["credential"])
    context = {"form": form, "title": "New provider", "submit": "Add the provider"}
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_provider")
@sensitive_post_parameters("credential")
def provider_edit(request: HttpRequest, slug: str) -> HttpResponse:
    provider = get_object_or_404(Provider.objects.select_related("credential"), slug=slug, archived_at=None)
    initial = {name: getattr(provider, name) for name in ("name", "base_url", "preset", "is_enabled")}
    initial["options"] = json.dumps(provider.options) if provider.options else ""
    form = ProviderForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = {name: form.cleaned_data[name] for name in initial}
        try:
            edit_catalog.edit_provider(slug, fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return _with_credential(request, provider, form.cleaned_data["credential"])
    stored = getattr(provider, "credential", None)
    lead = "No credential is stored."
    if stored is not None:
        lead = f"A credential is stored{f', ending in {stored.last_four}' if stored.last_four else ''}."
    context = {"form": form, "title": f"Edit {provider.name}", "submit": "Save", "lead": lead}
    return render_page(request, "dashboard/models/form.html", context, status=422 if form.is_bound else 200)


def _with_credential(request: HttpRequest, provider: Provider, credential: str) -> HttpResponse:
    """The provider is saved; a refused credential is asked for again on its own page."""
    if credential.strip():
        try:
            edit_catalog.set_credential(provider.slug, credential, by=actor_of(request))
        except WriteRefused as refused:
            messages.error(request, f"{provider.name} is saved, its credential is not: {refused}")
            return redirect("dashboard:provider-edit", slug=provider.slug)
    messages.success(request, f"{provider.name} saved.")
    return redirect("dashboard:language-model-list")
