"""The wizard's models: chosen from what the provider lists or typed, then what they cost and how good they are thought to be."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from dashboard.views.welcome_provider import LISTED
from dashboard.welcome_steps import step_page
from dashboard.welcome_terms import TermsRow, save_terms, terms_rows
from routerapp.models import Provider
from routerapp.providers.presets import presets
from routerapp.serving.add_deployments import Offered, Wanted, add_deployments, offer_deployments
from routerapp.serving.edit_catalog import edit_deployment
from routerapp.serving.refusals import WriteRefused

MOST_CHOSEN = 50
DEFAULT_WINDOW = 128_000


class ChooseForm(forms.Form):
    """names: those chosen of the list; more: others, a line each; context_window: of those it is not known of."""

    names = forms.MultipleChoiceField(required=False, label="Models")
    more = forms.CharField(
        required=False,
        max_length=10_000,
        label="Other models",
        help_text="By the name the provider has for them, one a line.",
        widget=forms.Textarea({"rows": 2, "spellcheck": "false", "autocapitalize": "none", "class": "mono"}),
    )
    context_window = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000_000,
        label="Context window where it is not known",
        help_text="In tokens; longer prompts are not sent there. You can correct it for each under Models.",
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, offers: tuple[Offered, ...], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["names"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(one.upstream_model, one.upstream_model) for one in offers if not one.is_deployed]

    def wanted_names(self) -> list[str]:
        typed = [line.strip() for line in self.cleaned_data["more"].splitlines()]
        return list(dict.fromkeys([*self.cleaned_data["names"], *filter(None, typed)]))


@allowed_to("edit_deployment")
def models(request: HttpRequest) -> HttpResponse:
    """Of the provider named in the address, else the newest that is somebody's own."""
    provider = _provider(request)
    offers = _offers(request, provider)
    bound = request.POST if request.method == "POST" else None
    form = ChooseForm(bound, offers=offers, initial={"context_window": DEFAULT_WINDOW})
    if provider is not None and request.method == "POST" and form.is_valid() and _add(request, provider, form):
        return redirect(_address(provider))
    return _page(request, provider, offers, form, terms_rows(timezone.now()), 422 if form.is_bound else 200)


@allowed_to("edit_price")
@require_POST
def terms(request: HttpRequest) -> HttpResponse:
    """Prices and a first estimate of quality, for all models at once; all or nothing."""
    provider = _provider(request)
    rows = terms_rows(timezone.now(), request.POST)
    if save_terms(rows, by=actor_of(request)):
        messages.success(request, "Saved.")
        return redirect("dashboard:welcome-policy")
    offers = _offers(request, provider)
    form = ChooseForm(offers=offers, initial={"context_window": DEFAULT_WINDOW})
    return _page(request, provider, offers, form, rows, 422)


def _page(
    request: HttpRequest,
    provider: Provider | None,
    offers: tuple[Offered, ...],
    form: ChooseForm,
    rows: list[TermsRow],
    status: int,
) -> HttpResponse:
    chosen = set(request.POST.getlist("names"))
    open_offers = [one for one in offers if not one.is_deployed]
    # Those we know most about first: they come with a context window and mostly with a price.
    open_offers.sort(key=lambda one: (one.context_window is None, one.upstream_model))
    context = {
        "provider": provider,
        "others": Provider.objects.filter(archived_at=None).exclude(kind="simulated").order_by("name"),
        "offers": [{"offer": one, "is_chosen": one.upstream_model in chosen} for one in open_offers],
        "has_list": provider is not None and provider.slug in request.session.get(LISTED, {}),
        "form": form,
        "rows": rows,
        "unpriced": sum(row.is_unpriced for row in rows),
    }
    return step_page(request, "models", context, status=status)


def _add(request: HttpRequest, provider: Provider, form: ChooseForm) -> bool:
    names = form.wanted_names()
    if not names or len(names) > MOST_CHOSEN:
        form.add_error("names", "Choose at least one model." if not names else f"At most {MOST_CHOSEN} at once.")
        return False
    known = {one.upstream_model: one for one in offer_deployments(provider.slug, names)}
    typed = form.cleaned_data["context_window"]
    wanted = [
        Wanted(name, known[name].language_model, known[name].context_window or typed)
        for name in names
        if not known[name].is_deployed
    ]
    by, preset = actor_of(request), presets().get(provider.preset)
    try:
        with transaction.atomic():
            added = add_deployments(provider.slug, wanted, by=by) if wanted else ()
            for row in added if preset and preset.is_local else ():
                edit_deployment(row.slug, {"tags": ["local"]}, by=by)
    except WriteRefused as refused:
        put_on_form(form, refused)
        return False
    messages.success(request, f"{len(added)} added. New models take part as soon as a policy reaches them.")
    return True


def _provider(request: HttpRequest) -> Provider | None:
    rows = Provider.objects.filter(archived_at=None).exclude(kind="simulated")
    named = rows.filter(slug=request.GET.get("provider", "").replace("\x00", "")).first()
    return named or rows.order_by("-created_at", "-pk").first()


def _offers(request: HttpRequest, provider: Provider | None) -> tuple[Offered, ...]:
    if provider is None:
        return ()
    return offer_deployments(provider.slug, request.session.get(LISTED, {}).get(provider.slug, []))


def _address(provider: Provider) -> str:
    return f"{reverse('dashboard:welcome-models')}?provider={provider.slug}#terms"
