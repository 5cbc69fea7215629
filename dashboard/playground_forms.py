"""The playground's form: one prompt, its parameters, and one or two targets. Typed numbers stay text until they are read."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.catalogue_options import Choice
from dashboard.forms import offer
from routerapp.models import Draft, LanguageModel, Policy, PolicyVersion

MAX_PROMPT = 200_000
VERSIONS_OFFERED = 20


class PlaygroundForm(forms.Form):
    system = forms.CharField(
        required=False,
        max_length=MAX_PROMPT,
        strip=False,
        label="System prompt",
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": "optional"}),
    )
    prompt = forms.CharField(
        max_length=MAX_PROMPT,
        strip=False,
        label="Prompt",
        widget=forms.Textarea(attrs={"rows": 7}),
        error_messages={"required": "Write a prompt first."},
    )
    temperature = forms.FloatField(required=False, min_value=0, max_value=2, label="Temperature")
    max_tokens = forms.IntegerField(required=False, min_value=1, max_value=1_000_000, label="Longest answer, tokens")
    json_mode = forms.BooleanField(required=False, label="JSON answer")
    stream = forms.BooleanField(required=False, label="Stream the answer")
    target = forms.ChoiceField(label="Through")
    compare = forms.ChoiceField(required=False, label="Compare with")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = target_choices()
        offer(self, "target", groups)
        offer(self, "compare", [("", "nothing"), *groups])
        for name in ("temperature", "max_tokens"):
            self.fields[name].widget = forms.TextInput(
                attrs={"inputmode": "decimal", "placeholder": "model's own", "autocomplete": "off"}
            )

    def targets(self) -> list[str]:
        """The chosen targets, in columns."""
        return [one for one in (self.cleaned_data["target"], self.cleaned_data["compare"]) if one]


def target_choices() -> list[tuple[str, list[Choice]]]:
    """Live policies, drafts, versions and models, grouped as an option list shows them."""
    policies = [
        (f"policy:{slug}", f"{name}, live")
        for slug, name in Policy.objects.filter(archived_at=None, live_version__isnull=False)
        .order_by("name")
        .values_list("slug", "name")
    ]
    drafts = [
        (f"draft:{pk}", f"{policy}: {name}")
        for pk, policy, name in Draft.objects.filter(policy__archived_at=None)
        .order_by("policy__name", "pk")
        .values_list("pk", "policy__name", "name")
    ]
    versions = [
        (f"version:{slug}@{number}", f"{name}, version {number}")
        for slug, name, number in PolicyVersion.objects.filter(policy__archived_at=None)
        .order_by("policy__name", "-number")
        .values_list("policy__slug", "policy__name", "number")[: VERSIONS_OFFERED * 5]
    ]
    models = [
        (f"model:{slug}", name)
        for slug, name in LanguageModel.objects.filter(archived_at=None, deployments__archived_at=None)
        .distinct()
        .order_by("name")
        .values_list("slug", "name")
    ]
    groups = [
        ("As callers see it", [("auto", "auto: the default policy"), *policies]),
        ("Drafts", drafts),
        ("Versions", versions),
        ("Models, without a policy", models),
    ]
    return [(label, choices) for label, choices in groups if choices]
