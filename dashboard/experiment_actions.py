"""Forms of what is done with an experiment: start it, stop it and keep an arm, write down the decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from routerapp.serving.experiments import MAX_NOTE


def _note(label: str, help_text: str, most: int = 500, **options: Any) -> forms.CharField:
    return forms.CharField(
        max_length=most, label=label, help_text=help_text, widget=forms.Textarea(attrs={"rows": 2}), **options
    )


class StartForm(forms.Form):
    note = _note("Note", "Stands in the policy's timeline.", required=False)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="start_%s")


class StopForm(forms.Form):
    keep = forms.ChoiceField(label="For everyone from now on", widget=forms.RadioSelect)
    note = _note("Note", "Stands in the policy's timeline.", required=False)

    def __init__(self, arms: Sequence[str], data: QueryDict | None = None) -> None:
        super().__init__(data, auto_id="stop_%s", initial={"keep": arms[0] if arms else ""})
        _offer(self, "keep", arms)


class DecisionForm(forms.Form):
    arm = forms.ChoiceField(label="We go on with")
    note = _note("Why", "What you saw, and what it means. Shown here and kept in the audit log.", MAX_NOTE)

    def __init__(
        self, arms: Sequence[str], data: QueryDict | None = None, initial: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, auto_id="decision_%s", initial=dict(initial or {}))
        _offer(self, "arm", arms)


def _offer(form: forms.Form, name: str, arms: Sequence[str]) -> None:
    field = form.fields[name]
    assert isinstance(field, forms.ChoiceField)
    field.choices = [(arm, arm) for arm in arms]
