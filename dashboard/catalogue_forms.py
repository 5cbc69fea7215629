"""Forms of the catalogue: language models, deployments, prices, dimensions, scores."""

from __future__ import annotations

import json
from typing import Any

from django import forms

from dashboard.catalogue_options import CatalogueOptions
from dashboard.forms import offer
from routerapp.models import Modality, ScoreSource

SLUG_HELP = "Lower-case letters, digits, - and _. It never changes and is never used again."
WHEN = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"]


def _plain(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


def _number(label: str, required: bool = False, least: int = 1, **more: Any) -> forms.IntegerField:
    """Typed as text, so that what was typed comes back when it is no number."""
    return forms.IntegerField(
        label=label, required=required, min_value=least, widget=_plain(inputmode="numeric"), **more
    )


def _object_field(label: str, help_text: str, rows: int = 2) -> forms.CharField:
    widget = forms.Textarea(attrs={"rows": rows, "class": "mono", "spellcheck": "false"})
    return forms.CharField(required=False, max_length=20_000, label=label, help_text=help_text, widget=widget)


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError(f"This is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise forms.ValidationError("Write an object, such as {}.")
    return value


class SlugForm(forms.Form):
    slug = forms.CharField(max_length=60, label="Slug", help_text=SLUG_HELP, widget=_plain(autocapitalize="none"))


class LanguageModelForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name")
    vendor = forms.CharField(max_length=100, required=False, label="Vendor")
    context_window = _number("Context window, tokens", required=True)
    max_output_tokens = _number("Longest answer, tokens", help_text="Empty: unknown.")
    has_tools = forms.BooleanField(required=False, label="Tools")
    has_vision = forms.BooleanField(required=False, label="Images")
    has_json_schema = forms.BooleanField(required=False, label="JSON schema")
    has_streaming = forms.BooleanField(required=False, label="Streaming", initial=True)
    modality = forms.ChoiceField(
        choices=Modality,
        required=False,
        label="Serves",
        help_text="An embeddings model never answers a chat, and the other way round.",
    )

    def clean_modality(self) -> str:
        return self.cleaned_data["modality"] or self.initial.get("modality") or Modality.CHAT


class NewLanguageModelForm(LanguageModelForm, SlugForm):
    field_order = ["name", "slug"]


class DeploymentForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name")
    upstream_model = forms.CharField(
        max_length=200, label="Upstream model", help_text="The name this provider knows it by.", widget=_plain()
    )
    base_url = forms.CharField(
        max_length=500, required=False, label="Own address", help_text="Empty: the provider's.", widget=_plain()
    )
    region = forms.CharField(max_length=40, required=False, label="Region", help_text="Such as eu or us-east.")
    residency = forms.CharField(max_length=600, required=False, label="Residency labels", help_text="Comma between.")
    tags = forms.CharField(
        max_length=600, required=False, label="Tags", help_text="Comma between. Rules reach them as tag:…"
    )
    weight = _number("Weight", required=True, least=0, initial=1)
    max_in_flight = _number("Most requests at once", help_text="Empty: no limit.")
    requests_per_minute = _number("Requests per minute", help_text="Empty: no limit.")
    tokens_per_minute = _number("Tokens per minute", help_text="Of prompt and answer. Empty: no limit.")
    simulation = _object_field(
        "Simulation script",
        "For simulated providers only: a JSON object with latency, tokens and errors. Empty for all others.",
        rows=4,
    )

    def clean_residency(self) -> list[str]:
        return _labels(self.cleaned_data["residency"])

    def clean_tags(self) -> list[str]:
        return _labels(self.cleaned_data["tags"])

    def clean_simulation(self) -> dict[str, Any]:
        return _object(self.cleaned_data["simulation"])


class NewDeploymentForm(DeploymentForm, SlugForm):
    provider = forms.ChoiceField(label="Provider", help_text="Cannot be changed later.")
    language_model = forms.ChoiceField(label="Language model", help_text="Cannot be changed later.")
    field_order = ["provider", "language_model", "name", "slug", "upstream_model"]

    def __init__(self, *args: Any, options: CatalogueOptions, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "provider", options.providers)
        offer(self, "language_model", options.models)


class PriceForm(forms.Form):
    input_usd_per_mtok = forms.CharField(
        max_length=20, label="Input, USD per million", widget=_plain(inputmode="decimal")
    )
    output_usd_per_mtok = forms.CharField(
        max_length=20, label="Output, USD per million", widget=_plain(inputmode="decimal")
    )
    cached_input_usd_per_mtok = forms.CharField(
        max_length=20,
        required=False,
        label="Cached input, USD per million",
        help_text="Of what is read from a prompt cache. Empty: costs what input costs.",
        widget=_plain(inputmode="decimal"),
    )
    cache_write_usd_per_mtok = forms.CharField(
        max_length=20,
        required=False,
        label="Cache writes, USD per million",
        help_text="Of what is written to a prompt cache. Empty: costs what input costs.",
        widget=_plain(inputmode="decimal"),
    )
    valid_from = forms.DateTimeField(
        required=False,
        label="In force from, UTC",
        help_text="Empty: from now.",
        input_formats=WHEN,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
    )
    source = forms.CharField(max_length=100, label="Source", initial="manual", widget=_plain())


class DimensionForm(SlugForm):
    name = forms.CharField(max_length=100, label="Name")
    description = forms.CharField(max_length=300, required=False, label="What it measures")
    field_order = ["name", "slug", "description"]


def _share(label: str, **more: Any) -> forms.FloatField:
    """Whether it lies in 0..1 is for the use case to say, in one wording for pages and API."""
    words = {"invalid": "Write a number from 0 to 1, such as 0.82."}
    return forms.FloatField(
        required=False, label=label, widget=_plain(inputmode="decimal"), error_messages=words, **more
    )


class ScoreForm(forms.Form):
    value = _share("Score, 0 to 1", help_text="Empty: unknown.")
    low = _share("Low")
    high = _share("High")
    source = forms.ChoiceField(choices=ScoreSource, initial=ScoreSource.MANUAL, label="Source", required=False)
    note = forms.CharField(max_length=200, required=False, label="Note")


def _labels(text: str) -> list[str]:
    return [label.strip() for label in text.split(",") if label.strip()]
