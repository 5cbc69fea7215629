"""Forms of the Users pages: an invitation, a person's role and team, how people sign in."""

from __future__ import annotations

from typing import Any

from django import forms

from dashboard.forms import offer
from routerapp.models import Role, Team, User
from routerapp.serving.sign_in_settings import LIMITS

ROLE_HELP = (
    "Viewers read. Editors also edit drafts and scores. Publishers also publish and roll back. "
    "Admins also run keys, providers and people."
)


class PersonForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices, label="Role", help_text=ROLE_HELP)
    team = forms.ChoiceField(required=False, label="Team")
    email = forms.CharField(
        required=False, max_length=254, label="E-mail", widget=forms.EmailInput({"autocomplete": "off"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        teams = Team.objects.filter(archived_at=None).order_by("name")
        offer(self, "team", [("", "no team"), *teams.values_list("slug", "name")])

    @classmethod
    def of(cls, user: User, data: Any = None) -> PersonForm:
        initial = {"role": user.role, "team": user.team.slug if user.team else "", "email": user.email}
        return cls(data, initial=initial)


class InviteForm(PersonForm):
    username = forms.CharField(
        max_length=150,
        label="User name",
        help_text="What the person signs in with. Letters, digits and @ . + - _",
        widget=forms.TextInput({"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    field_order = ["username", "email", "role", "team"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = Role.VIEWER
        self.fields["email"].help_text = "Optional. Nothing is sent there; single sign-on recognises it."


class ReasonForm(forms.Form):
    reason = forms.CharField(required=False, max_length=500)


def _whole(name: str, label: str, help_text: str) -> forms.IntegerField:
    low, high = LIMITS[name]
    return forms.IntegerField(min_value=low, max_value=high, label=label, help_text=help_text)


class SignInSettingsForm(forms.Form):
    require_2fa = forms.BooleanField(required=False, label="Everybody needs a second factor")
    passwords = forms.BooleanField(required=False, label="People may sign in with a password")
    idle_hours = _whole("idle_hours", "Signed out after hours without a request", "1 to 720")
    most_days = _whole("most_days", "Signed out in any case after days", "1 to 90")
