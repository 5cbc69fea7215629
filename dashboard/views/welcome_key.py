"""The wizard's last steps: an API key, shown once with code that works as it stands, and the first request, waited for and then explained."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache

from dashboard.code_samples import anthropic_sample, base_url, curl_sample, python_sample
from dashboard.forms import posted
from dashboard.presenters import headline
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to
from dashboard.welcome_steps import step_page
from routerapp.models import APIKey, Policy
from routerapp.serving.manage_keys import create_key
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.welcome import newest_live_request
from routerapp.store.requests import load_decision

HELLO = {"role": "user", "content": "Say hello in three languages."}
BODY = {"model": "auto", "messages": [HELLO]}


class KeyNameForm(forms.Form):
    name = forms.CharField(
        max_length=100,
        label="What is it for?",
        help_text="An application, a team or a person. Requests and costs are shown by this name.",
        widget=forms.TextInput({"autocomplete": "off"}),
    )


@allowed_to("edit_key")
@never_cache
def key(request: HttpRequest) -> HttpResponse:
    """The answer to a good POST is the only page that ever shows the key."""
    form = KeyNameForm(posted(request), initial={"name": "My application"})
    if request.method == "POST" and form.is_valid():
        try:
            created = create_key(form.cleaned_data["name"], by=actor_of(request), scopes=["chat"])
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            shown = {
                "key": created.row,
                "full_key": created.full_key,
                **_samples(request, created.full_key),
                **_first(),
            }
            return step_page(request, "key", shown, template="dashboard/welcome/key_made.html")
    context = {"form": form, "keys": APIKey.objects.filter(revoked_at=None, created_by__isnull=False).order_by("name")}
    return step_page(request, "key", context, status=422 if form.is_bound else 200)


@allowed_to("edit_settings")
@never_cache
def first_request(request: HttpRequest) -> HttpResponse:
    """Asked again every two seconds until there is one; a link does the same without JavaScript."""
    context = {**_samples(request, ""), **_first(), "has_default": Policy.objects.filter(is_default=True).exists()}
    return step_page(request, "request", context, fragments=("waiting",))


def _samples(request: HttpRequest, full_key: str) -> dict[str, Any]:
    return {
        "base_url": base_url(request),
        "curl": curl_sample(request, BODY, full_key),
        "python": python_sample(request, BODY, full_key),
        "anthropic": anthropic_sample(request, BODY, full_key),
    }


def _first() -> dict[str, Any]:
    row = newest_live_request()
    if row is None:
        return {"row": None}
    decision = load_decision(row.id)
    return {"row": row, "why": headline(decision, row.deployment) if decision else ""}
