"""Forms of the Providers page: a provider from a preset, its edit, its credential, the question of a test, deployments of its models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from dashboard.catalogue_forms import SlugForm
from routerapp.models import Modality, ProviderKind
from routerapp.providers.options import OPTIONS, Option
from routerapp.providers.presets import Preset, presets

OPTION_PREFIX = "option_"
LONGEST_CREDENTIAL = 4_000


def _plain(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


def credential_field(label: str, required: bool = False, help_text: str = "") -> forms.CharField:
    """Never shown again, not even after a mistake in the same form."""
    return forms.CharField(
        max_length=LONGEST_CREDENTIAL,
        required=required,
        label=label,
        help_text=help_text,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


class OptionFields(forms.Form):
    """Adds a field for each option of a kind. What is stored and no option of this release is kept as it is."""

    option_names: tuple[str, ...] = ()

    def add_options(self, kind: str, stored: Mapping[str, Any]) -> None:
        self._unknown = {name: value for name, value in stored.items() if name not in _names(kind)}
        for option in OPTIONS.get(kind, ()):
            self.fields[OPTION_PREFIX + option.name] = _option_field(option, stored.get(option.name))
        self.option_names = tuple(OPTION_PREFIX + option.name for option in OPTIONS.get(kind, ()))

    def given_options(self) -> dict[str, Any]:
        """As the use case takes them; what was left empty is not set."""
        given = {name.removeprefix(OPTION_PREFIX): self.cleaned_data[name] for name in self.option_names}
        return self._unknown | {name: value for name, value in given.items() if value not in ("", False, None)}


class NewProviderForm(OptionFields, SlugForm):
    """preset or kind: what was chosen in the gallery; neither: both are asked for, as programs without the gallery do."""

    name = forms.CharField(max_length=100, label="Name")
    preset = forms.CharField(max_length=40, required=False, widget=forms.HiddenInput())
    kind = forms.ChoiceField(choices=[("", "As the vendor"), *ProviderKind.choices], required=False, label="Kind")
    base_url = forms.CharField(max_length=500, required=False, label="Address", widget=_plain(inputmode="url"))
    credential = credential_field("Credential", help_text="Stored encrypted. Nobody can read it again.")
    options = forms.CharField(required=False, max_length=20_000, widget=forms.HiddenInput())

    def __init__(self, data: Any = None, *, preset: Preset | None = None, kind: str = "") -> None:
        super().__init__(data, initial=_initial(preset, kind))
        actual = preset.kind if preset else kind
        self.add_options(actual, {})
        if preset is not None:
            self.fields["kind"].widget = forms.HiddenInput()
            self._describe(preset)
        elif kind:
            self.fields["kind"].widget = forms.HiddenInput()
        if actual == ProviderKind.SIMULATED:
            for name in ("base_url", "credential"):
                self.fields[name].widget = forms.HiddenInput()
        self.order_fields(["name", "slug", "preset", "kind", "base_url", *self.option_names, "credential"])

    def _describe(self, preset: Preset) -> None:
        address, credential = self.fields["base_url"], self.fields["credential"]
        if preset.base_url and not preset.is_complete:
            address.help_text = "Replace the word in capitals by your own."
        elif preset.is_local:
            address.help_text = "On a private network: SIGNALBOX_EGRESS_ALLOW has to name it."
        elif not preset.base_url:
            address.help_text = "Of the API, such as https://api.example.com/v1."
        words = {
            "required": "This vendor needs one.",
            "optional": "Only if your server asks for one.",
            "none": "This server needs none.",
        }[preset.credential]
        begins = f" It begins with {preset.key_prefix}." if preset.key_prefix else ""
        credential.help_text = f"{words}{begins} Stored encrypted. Nobody can read it again."
        if preset.credential == "none":
            credential.widget = forms.HiddenInput()

    def clean_options(self) -> dict[str, Any]:
        return parse_object(self.cleaned_data["options"])

    def clean(self) -> None:
        super().clean()
        if not self.cleaned_data.get("kind") and not self.cleaned_data.get("preset"):
            self.add_error("kind", "Choose a vendor, or a kind.")

    def given_options(self) -> dict[str, Any]:
        return super().given_options() | (self.cleaned_data.get("options") or {})


class ProviderForm(OptionFields):
    """The credential has a page of its own."""

    name = forms.CharField(max_length=100, label="Name")
    base_url = forms.CharField(
        max_length=500,
        required=False,
        label="Address",
        help_text="A new address on another host drops the credential: it was given for the old one.",
        widget=_plain(inputmode="url"),
    )
    preset = forms.ChoiceField(required=False, label="Vendor", help_text="Knows what this vendor does otherwise.")
    is_enabled = forms.BooleanField(required=False, label="Enabled")

    def __init__(self, data: Any = None, *, kind: str, stored: Mapping[str, Any], initial: Mapping[str, Any]) -> None:
        super().__init__(data, initial=dict(initial))
        fitting = [(name, preset.label) for name, preset in presets().items() if preset.kind == kind]
        field = self.fields["preset"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "None of these"), *fitting]
        if kind == ProviderKind.SIMULATED:
            for name in ("base_url", "preset"):
                self.fields[name].widget = forms.HiddenInput()
        self.add_options(kind, stored)
        self.order_fields(["name", "preset", "base_url", *self.option_names, "is_enabled"])


class CredentialForm(forms.Form):
    credential = credential_field("New credential", required=True, help_text="Stored encrypted; the old one is gone.")
    is_tried = forms.BooleanField(
        required=False, initial=True, label="Try it first, and keep the old one when the upstream refuses it"
    )


class ProviderTestForm(forms.Form):
    """ask: empty for the list of models, else a deployment."""

    ask = forms.CharField(required=False, max_length=120)


class ModelRowForm(forms.Form):
    """One upstream model on its way to become a deployment."""

    upstream_model = forms.CharField(max_length=200, widget=forms.HiddenInput())
    language_model = forms.ChoiceField(required=False, label="Language model")
    context_window = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=100_000_000,
        label="Context window, tokens",
        widget=_plain(inputmode="numeric"),
    )
    modality = forms.ChoiceField(choices=Modality, required=False, label="Serves")

    def __init__(self, *args: Any, models: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["language_model"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "A new one"), *models]


def parse_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text) if text.strip() else {}
    except (ValueError, RecursionError) as error:
        raise forms.ValidationError(f"This is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise forms.ValidationError("Write an object, such as {}.")
    return value


def _initial(preset: Preset | None, kind: str) -> dict[str, Any]:
    if preset is None:
        return {"kind": kind}
    slug = "" if preset.name == "custom" else preset.name
    name = "" if preset.name == "custom" else preset.label
    return {"preset": preset.name, "kind": preset.kind, "base_url": preset.base_url, "name": name, "slug": slug}


def _names(kind: str) -> set[str]:
    return {option.name for option in OPTIONS.get(kind, ())}


def _option_field(option: Option, stored: Any) -> forms.Field:
    label = option.name.replace("_", " ").capitalize()
    if option.value == "flag":
        return forms.BooleanField(required=False, label=f"{label}: {option.help}", initial=bool(stored))
    if option.value == "choice":
        choices = [("", "Usual"), *((one, one) for one in option.choices)]
        return forms.ChoiceField(
            required=False, label=label, help_text=f"{option.help}.", choices=choices, initial=stored or ""
        )
    hint = f"{option.help}. Such as {option.example}." if option.example else f"{option.help}."
    return forms.CharField(
        required=False, max_length=200, label=label, help_text=hint, initial=stored or "", widget=_plain()
    )
