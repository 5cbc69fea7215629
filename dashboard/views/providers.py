"""Providers: whose API deployments speak to. Added from a gallery, tested, rotated, switched off, archived. A credential goes in and never comes out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.fragments import render_page
from dashboard.provider_forms import CredentialForm, NewProviderForm, ProviderForm, ProviderTestForm
from dashboard.provider_lines import provider_lines
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from routerapp.models import Credential, Provider, ProviderKind
from routerapp.providers.presets import presets
from routerapp.serving import edit_catalog
from routerapp.serving.diagnose_provider import diagnose_provider
from routerapp.serving.diagnosis.values import Diagnosis
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.rotate_credential import rotate_credential


@allowed_to("read")
def provider_list(request: HttpRequest) -> HttpResponse:
    rows = Provider.objects.filter(archived_at=None).select_related("credential").order_by("name", "slug")
    context = {"lines": provider_lines(list(rows)), "may_edit": can(request, "edit_provider")}
    return render_page(request, "dashboard/providers/list.html", context)


@allowed_to("read")
def provider_detail(request: HttpRequest, slug: str) -> HttpResponse:
    return _detail(request, _provider(slug))


@allowed_to("edit_provider")
@require_POST
def provider_test(request: HttpRequest, slug: str) -> HttpResponse:
    """Answers with the page itself: what a test finds is kept nowhere."""
    provider = _provider(slug)
    form = ProviderTestForm(request.POST)
    asked = form.cleaned_data["ask"] if form.is_valid() else ""
    try:
        found = diagnose_provider(slug, by=actor_of(request), deployment=asked)
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return _detail(request, provider, asked=asked, status=422)
    return _detail(request, provider, found, asked)


@allowed_to("edit_provider")
@sensitive_post_parameters("credential")
def provider_create(request: HttpRequest) -> HttpResponse:
    """Without a preset or a kind: the gallery."""
    given = request.POST if request.method == "POST" else request.GET
    preset, kind = presets().get(given.get("preset", "")), given.get("kind", "")
    kind = kind if kind in ProviderKind.values else ""
    if request.method != "POST" and preset is None and not kind:
        local = [one for one in presets().values() if one.is_local]
        hosted = [one for one in presets().values() if not one.is_local]
        return render_page(request, "dashboard/providers/gallery.html", {"hosted": hosted, "local": local})
    form = NewProviderForm(request.POST or None, preset=preset, kind=kind)
    if request.method == "POST" and form.is_valid():
        fields = {name: form.cleaned_data[name] for name in ("name", "kind", "base_url", "preset")}
        slug = form.cleaned_data["slug"]
        try:
            provider = edit_catalog.add_provider(slug, by=actor_of(request), options=form.given_options(), **fields)
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return _with_credential(request, provider, form.cleaned_data["credential"])
    context = {"form": form, "preset": preset, "kind": kind}
    return render_page(request, "dashboard/providers/create.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_provider")
def provider_edit(request: HttpRequest, slug: str) -> HttpResponse:
    provider = _provider(slug)
    names = ("name", "base_url", "preset", "is_enabled")
    initial = {name: getattr(provider, name) for name in names}
    form = ProviderForm(request.POST or None, kind=provider.kind, stored=provider.options, initial=initial)
    if request.method == "POST" and form.is_valid():
        fields = {name: form.cleaned_data[name] for name in names} | {"options": form.given_options()}
        try:
            had_credential = Credential.objects.filter(provider=provider).exists()
            edit_catalog.edit_provider(slug, fields, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused, {"options": form.option_names[0]} if form.option_names else None)
        else:
            is_dropped = had_credential and not Credential.objects.filter(provider=provider).exists()
            words = " Its credential went with the old address: set one for the new." if is_dropped else ""
            messages.success(request, f"{form.cleaned_data['name']} saved.{words}")
            return redirect("dashboard:provider-detail", slug=slug)
    context = {"form": form, "provider": provider, "credential": provider_lines([provider])[0].credential}
    return render_page(request, "dashboard/providers/edit.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_credential")
@sensitive_post_parameters("credential")
def provider_credential(request: HttpRequest, slug: str) -> HttpResponse:
    """Set, rotate, or forget (forget=1) what we authenticate with."""
    provider = _provider(slug)
    if request.method == "POST" and request.POST.get("forget"):
        return _forget(request, provider)
    form = CredentialForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            rotate_credential(slug, given["credential"], by=actor_of(request), is_tried=given["is_tried"])
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            words = "It works, and is used from now on." if given["is_tried"] else "It is used from now on; test it."
            messages.success(request, f"New credential of {provider.name} stored. {words}")
            return redirect("dashboard:provider-detail", slug=slug)
    line = provider_lines([provider])[0]
    context = {"form": form, "provider": provider, "line": line, "preset": presets().get(provider.preset)}
    return render_page(request, "dashboard/providers/credential.html", context, status=422 if form.is_bound else 200)


@allowed_to("edit_provider")
@require_POST
def provider_toggle(request: HttpRequest, slug: str) -> HttpResponse:
    wanted = request.POST.get("enabled") == "1"
    try:
        provider = edit_catalog.edit_provider(slug, {"is_enabled": wanted}, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        words = "enabled" if wanted else "disabled: nothing is sent there within two seconds"
        messages.success(request, f"{provider.name} is {words}.")
    return redirect("dashboard:provider-detail", slug=slug)


@allowed_to("edit_provider")
def provider_archive(request: HttpRequest, slug: str) -> HttpResponse:
    provider = _provider(slug)
    refusal = ""
    if request.method == "POST":
        try:
            edit_catalog.archive_provider(slug, by=actor_of(request))
        except WriteRefused as refused:
            refusal = str(refused)
        else:
            messages.success(request, f"{provider.name} is archived and its credential forgotten.")
            return redirect("dashboard:provider-list")
    context = {"provider": provider, "refusal": refusal, "line": provider_lines([provider])[0]}
    return render_page(request, "dashboard/providers/archive.html", context, status=422 if refusal else 200)


def _provider(slug: str) -> Provider:
    return get_object_or_404(Provider.objects.select_related("credential"), slug=slug, archived_at=None)


def _detail(
    request: HttpRequest, provider: Provider, found: Diagnosis | None = None, asked: str = "", status: int = 200
) -> HttpResponse:
    (line,) = provider_lines([provider])
    context: dict[str, Any] = {
        "provider": provider,
        "line": line,
        "preset": presets().get(provider.preset),
        "diagnosis": found,
        "asked": asked,
        "may_edit": can(request, "edit_provider"),
    }
    return render_page(
        request,
        "dashboard/providers/detail.html",
        context,
        fragments={"test"},
        status=status,
        with_messages=status != 200,
    )


def _with_credential(request: HttpRequest, provider: Provider, credential: str) -> HttpResponse:
    """The provider is saved; a refused credential is asked for again on its own page."""
    if credential.strip():
        try:
            edit_catalog.set_credential(provider.slug, credential, by=actor_of(request))
        except WriteRefused as refused:
            messages.error(request, f"{provider.name} is saved, its credential is not: {refused}")
            return redirect("dashboard:provider-credential", slug=provider.slug)
    messages.success(request, f"{provider.name} added. Test it, then choose its models.")
    return redirect("dashboard:provider-detail", slug=provider.slug)


def _forget(request: HttpRequest, provider: Provider) -> HttpResponse:
    try:
        edit_catalog.clear_credential(provider.slug, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"The credential of {provider.name} is forgotten.")
    return redirect("dashboard:provider-detail", slug=provider.slug)
