"""The wizard's provider: chosen from the known vendors, given a credential, tested with words that say what is wrong; or simulated."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.forms import posted
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from dashboard.welcome_steps import step_page
from routerapp.demo.starter import add_simulated_models
from routerapp.models import Provider
from routerapp.providers.presets import Preset, presets
from routerapp.serving.add_deployments import slug_of
from routerapp.serving.diagnose_provider import diagnose_provider
from routerapp.serving.diagnosis.values import Diagnosis
from routerapp.serving.edit_catalog import add_provider, edit_provider, set_credential
from routerapp.serving.refusals import WriteRefused

CUSTOM = "custom"
# How many names of a provider's list the session remembers for the next step.
MOST_LISTED = 400
LISTED = "welcome_models"


class ConnectForm(forms.Form):
    """The address is asked for where the preset's is not complete; the credential where there is one."""

    name = forms.CharField(max_length=100, label="Name", help_text="As people here will see it.")
    base_url = forms.CharField(
        max_length=500,
        label="Address",
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    credential = forms.CharField(
        required=False,
        max_length=4_000,
        label="Credential",
        widget=forms.PasswordInput({"autocomplete": "off"}, render_value=False),
    )

    def __init__(self, *args: Any, preset: Preset | None, is_stored: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._preset = preset
        wants = preset.credential if preset else "optional"
        field = self.fields["credential"]
        field.help_text = "Encrypted here, never shown again."
        if is_stored:
            field.help_text = "Leave it empty to keep the one that is stored."
        elif wants == "none":
            del self.fields["credential"]
        elif wants == "optional":
            field.help_text = "Leave it empty if the server asks for none."
        else:
            field.required = True
        if preset and preset.key_prefix and not is_stored:
            field.widget.attrs["placeholder"] = f"{preset.key_prefix}…"

    def clean_base_url(self) -> str:
        url: str = self.cleaned_data["base_url"]
        if self._preset and not self._preset.is_complete and url == self._preset.base_url:
            raise forms.ValidationError("Put your own in place of the word in capitals.")
        return url


@allowed_to("edit_provider")
def gallery(request: HttpRequest) -> HttpResponse:
    known = [preset for preset in presets().values() if preset.name != CUSTOM]
    context = {
        "hosted": [preset for preset in known if not preset.is_local],
        "local": [preset for preset in known if preset.is_local],
        "custom": presets().get(CUSTOM),
        "providers": Provider.objects.filter(archived_at=None, is_sample=False).order_by("name"),
        "simulated": Provider.objects.filter(archived_at=None, is_sample=True).order_by("name"),
    }
    return step_page(request, "provider", context)


@allowed_to("edit_provider")
@require_POST
def simulated(request: HttpRequest) -> HttpResponse:
    """No vendor needed: three invented models that answer at once."""
    if not Provider.objects.filter(archived_at=None, kind="simulated", deployments__archived_at=None).exists():
        add_simulated_models(by=actor_of(request))
    return redirect("dashboard:welcome-models")


@allowed_to("edit_provider")
@sensitive_post_parameters("credential")
def connect(request: HttpRequest, preset: str) -> HttpResponse:
    found = presets().get(preset)
    if found is None:
        raise Http404("No such preset.")
    initial = {"name": "" if preset == CUSTOM else found.label, "base_url": found.base_url}
    form = ConnectForm(posted(request), preset=found, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            provider = _add(request, found, form.cleaned_data)
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return redirect("dashboard:welcome-check", slug=provider.slug)
    context = {"form": form, "preset": found}
    status = 422 if form.is_bound else 200
    return step_page(request, "provider", context, template="dashboard/welcome/connect.html", status=status)


@allowed_to("edit_provider")
@sensitive_post_parameters("credential")
def check(request: HttpRequest, slug: str) -> HttpResponse:
    """GET offers the test, POST makes it; posted with an address it saves that first."""
    provider = get_object_or_404(Provider.objects.select_related("credential"), slug=slug, archived_at=None)
    preset, is_stored = presets().get(provider.preset), hasattr(provider, "credential")
    initial = {"name": provider.name, "base_url": provider.base_url}
    is_repair = request.method == "POST" and "base_url" in request.POST
    form = ConnectForm(request.POST if is_repair else None, preset=preset, is_stored=is_stored, initial=initial)
    diagnosis = None
    if request.method == "POST" and (not is_repair or _repaired(request, provider, form)):
        diagnosis = diagnose_provider(slug, by=actor_of(request))
        _remember(request, diagnosis)
    context = {"provider": provider, "form": form, "preset": preset, "diagnosis": diagnosis}
    context["listed"] = len(diagnosis.models or ()) if diagnosis else 0
    status = 422 if form.is_bound and form.errors else 200
    return step_page(
        request,
        "provider",
        context,
        template="dashboard/welcome/check.html",
        fragments=("diagnosis",),
        status=status,
    )


def _add(request: HttpRequest, preset: Preset, given: dict[str, Any]) -> Provider:
    by = actor_of(request)
    with transaction.atomic():
        slug = _free_slug(slug_of(given["name"])[:40])
        provider = add_provider(
            slug,
            name=given["name"],
            kind=preset.kind,
            base_url=given["base_url"],
            preset=preset.name,
            options=preset.options,
            by=by,
        )
        if given.get("credential", "").strip():
            set_credential(slug, given["credential"], by=by)
    return provider


def _repaired(request: HttpRequest, provider: Provider, form: ConnectForm) -> bool:
    if not form.is_valid():
        return False
    given, by = form.cleaned_data, actor_of(request)
    try:
        with transaction.atomic():
            edit_provider(provider.slug, {name: given[name] for name in ("name", "base_url")}, by=by)
            if given.get("credential", "").strip():
                set_credential(provider.slug, given["credential"], by=by)
    except WriteRefused as refused:
        put_on_form(form, refused)
        return False
    return True


def _remember(request: HttpRequest, diagnosis: Diagnosis) -> None:
    """The list of models, for the next step: asked for once."""
    if diagnosis.models is not None:
        kept = request.session.get(LISTED, {})
        request.session[LISTED] = {**kept, diagnosis.provider: list(diagnosis.models[:MOST_LISTED])}


def _free_slug(base: str) -> str:
    taken = set(Provider.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    numbered = (base if number == 1 else f"{base}-{number}" for number in range(1, len(taken) + 3))
    return next(slug for slug in numbered if slug not in taken)
