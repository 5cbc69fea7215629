"""The forms of an API key: a new one, and one that is out."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.allowance_forms import AllowanceForm
from dashboard.catalogue_options import CatalogueOptions
from dashboard.forms import offer
from routerapp.serving.manage_keys import SCOPES

SCOPE_WORDS = {
    "chat": "chat: send prompts",
    "policy:pin": "policy:pin: choose a policy's version",
    "read": "read: read everything through the API",
    "edit": "edit: change drafts and scores",
    "publish": "publish: publish and roll back",
    "admin": "admin: everything",
}


class KeySettingsForm(AllowanceForm):
    """What may be changed of a key that is out; its scopes never change."""

    name = forms.CharField(max_length=100, label="Name", help_text="What uses it, such as “support chat”.")
    team = forms.ChoiceField(required=False, label="Team")
    default_policy = forms.ChoiceField(
        required=False, label="Default policy", help_text="What “auto” means for this key."
    )
    expires_at = forms.DateTimeField(
        required=False,
        label="Expires, UTC",
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d"],
        help_text="Empty: never.",
    )

    def __init__(self, *args: Any, options: CatalogueOptions, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "team", [("", "no team"), *options.teams])
        offer(self, "default_policy", [("", "the installation's default"), *options.policies])


class KeyForm(KeySettingsForm):
    scopes = forms.MultipleChoiceField(
        choices=[(scope, SCOPE_WORDS.get(scope, scope)) for scope in SCOPES],
        initial=["chat"],
        label="Scopes",
        widget=forms.CheckboxSelectMultiple,
    )
