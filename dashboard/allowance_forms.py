"""Forms of limits: of a key, a team, an end user. Dollars stay text until the use case reads them exactly."""

from __future__ import annotations

from typing import Any

from django import forms

from routerapp.engine.money import format_usd
from routerapp.models.access import Allowance
from routerapp.serving.allowance_fields import AMOUNTS, EXACT, WHOLE_NUMBERS

SPEND_FIELDS = tuple(AMOUNTS)
RATE_FIELDS = tuple(WHOLE_NUMBERS)


def _whole(name: str, label: str, help_text: str) -> forms.IntegerField:
    return forms.IntegerField(
        required=False,
        min_value=1,
        max_value=WHOLE_NUMBERS[name],
        label=label,
        help_text=help_text,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "no limit"}),
    )


def _amount(label: str, help_text: str) -> forms.CharField:
    widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off", "placeholder": "no limit"})
    return forms.CharField(required=False, max_length=30, label=label, help_text=help_text, widget=widget)


class AllowanceForm(forms.Form):
    """Empty is no limit."""

    daily_spend_usd = _amount("Spend a day, USD", "From midnight to midnight UTC.")
    monthly_spend_usd = _amount("Spend a month, USD", "Renewed on the first, UTC.")
    requests_per_minute = _whole("requests_per_minute", "Requests a minute", "Per clock minute.")
    tokens_per_minute = _whole("tokens_per_minute", "Tokens a minute", "Prompts and answers together.")
    max_parallel = _whole("max_parallel", "Requests at the same time", "Streams count until they end.")
    is_exact = forms.BooleanField(
        required=False,
        label="Exact over all gateway processes",
        help_text="Each request asks the shared books first; without them it is refused.",
    )

    def limits(self) -> dict[str, Any]:
        """As the use cases take them."""
        given = self.cleaned_data
        spend = {name: given[name].strip().removeprefix("$").strip() or None for name in SPEND_FIELDS}
        return spend | {name: given[name] for name in (*RATE_FIELDS, EXACT)}


class TeamForm(AllowanceForm):
    name = forms.CharField(max_length=100, label="Name")


class NewTeamForm(TeamForm):
    slug = forms.CharField(
        max_length=50, label="Slug", help_text="In records and rules, for good: lower-case letters, digits and -."
    )


class EndUserForm(AllowanceForm):
    label = forms.CharField(
        max_length=100, required=False, label="Label", help_text="To recognise the user by on these pages."
    )


class NewEndUserForm(EndUserForm):
    user = forms.CharField(
        max_length=512,
        label="User",
        help_text="Exactly as your applications send it in “user”; kept only as a keyed hash. * is everyone who has no limits here.",
    )


def initial_limits(row: Allowance) -> dict[str, Any]:
    amounts = {name: getattr(row, column) for name, column in AMOUNTS.items()}
    return {name: getattr(row, name) for name in (*RATE_FIELDS, EXACT)} | {
        name: "" if nusd is None else format_usd(nusd) for name, nusd in amounts.items()
    }
