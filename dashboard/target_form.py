"""The form beside the front: a target on it, and the policy that shall aim for it. A list of points, which a script turns into a slider."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from dashboard import evaluation_words as words
from dashboard.catalogue_forms import SLUG_HELP
from dashboard.forms import offer
from routerapp.models import Policy

NEW = ""
AS_GOOD = (("as good as the best single model, cheapest", 1.0), ("99 % of it", 0.99), ("95 % of it", 0.95))
AS_CHEAP = (("at most half its cost", 0.5), ("at most a tenth", 0.1))


@dataclass(frozen=True, slots=True)
class Preset:
    """A wish in plain words, and the point of the front that meets it."""

    words: str
    point: int


def presets(report: Mapping[str, Any], points: Sequence[Mapping[str, Any]]) -> list[Preset]:
    """Wishes that a point of the front meets on these prompts, against the best single model: the cheapest that is as good, the best for the money."""
    best = max(report["singles"], key=lambda one: one["quality"]["value"], default=None)
    if best is None:
        return []
    quality, cost = best["quality"]["value"], (best["cost_usd"] or {}).get("value")
    found = []
    for said, share in AS_GOOD:
        good = [place for place, one in enumerate(points) if one["quality"]["value"] >= share * quality]
        found += [Preset(said, good[0])] if good else []
    for said, share in AS_CHEAP:
        cheap = [place for place, one in enumerate(points) if cost and one["cost_usd"]["value"] <= share * cost]
        found += [Preset(said, cheap[-1])] if cheap else []
    return found


class TargetForm(forms.Form):
    point = forms.ChoiceField(label="Target")
    policy = forms.ChoiceField(label="Policy", required=False, help_text="A draft of it gets this as its default rule.")
    name = forms.CharField(max_length=100, label="Name", required=False, help_text="Of the new policy.")
    slug = forms.CharField(
        max_length=60,
        label="Slug",
        required=False,
        help_text=SLUG_HELP,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )

    def __init__(
        self,
        points: Sequence[Mapping[str, Any]],
        data: QueryDict | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, auto_id="target_%s", initial=dict(initial or {}))
        self.points = points
        offer(self, "point", [(str(place), _words(one)) for place, one in enumerate(points)])
        open_policies = Policy.objects.filter(archived_at=None).order_by("slug").values_list("slug", "name")
        offer(self, "policy", [(NEW, "a new policy"), *open_policies])

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("policy") == NEW and not data.get("slug"):
            self.add_error("slug", "A new policy needs a slug.")
        return data

    def wanted(self) -> dict[str, Any]:
        data = self.cleaned_data
        return {**{name: data[name] for name in ("policy", "slug", "name")}, "point": int(data["point"])}


def _words(point: Mapping[str, Any]) -> str:
    return f"quality {words.quality(point['quality']['value'])} at {words.per_thousand(point['cost_usd']['value'])} per 1,000"
