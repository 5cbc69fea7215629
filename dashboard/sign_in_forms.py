"""Forms of signing in and of one's own account. What is right or wrong, serving says."""

from __future__ import annotations

from typing import Any

from django import forms

NEW_PASSWORD_HELP = "At least 10 characters, not a common password."


def _password(autocomplete: str) -> forms.PasswordInput:
    return forms.PasswordInput(attrs={"autocomplete": autocomplete})


def _code_field(label: str, help_text: str = "") -> forms.CharField:
    attributes = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
    return forms.CharField(max_length=40, label=label, help_text=help_text, widget=forms.TextInput(attributes))


class SignInForm(forms.Form):
    username = forms.CharField(
        max_length=1_000,
        label="User name",
        widget=forms.TextInput({"autocomplete": "username", "autocapitalize": "none", "autofocus": True}),
    )
    password = forms.CharField(max_length=10_000, strip=False, widget=_password("current-password"))


class CodeForm(forms.Form):
    """The second step; a recovery code does as well."""

    code = _code_field("Code", "Six digits from your app, or one of your recovery codes.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["autofocus"] = True


class EnrolForm(forms.Form):
    code = _code_field("Code from the app", "Six digits; they prove that the app works before it counts.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs["inputmode"] = "numeric"


class _ProofForm(forms.Form):
    """Without a password of one's own there is no field for it."""

    password = forms.CharField(
        max_length=10_000, strip=False, label="Your password here", widget=_password("current-password")
    )

    def __init__(self, *args: Any, has_password: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_password:
            del self.fields["password"]


class LinkForm(_ProofForm):
    """The password alone."""


class SwitchOffForm(_ProofForm):
    code = _code_field("Code", "From your app, or a recovery code.")


class NewPasswordForm(forms.Form):
    """Twice, since nobody sees what they type."""

    password = forms.CharField(
        max_length=10_000,
        strip=False,
        label="New password",
        help_text=NEW_PASSWORD_HELP,
        widget=_password("new-password"),
    )
    again = forms.CharField(max_length=10_000, strip=False, label="The same again", widget=_password("new-password"))

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if data.get("password") and data.get("again") and data["password"] != data["again"]:
            self.add_error("again", "The two differ.")
        return data


class PasswordForm(NewPasswordForm):
    current = forms.CharField(
        max_length=10_000, strip=False, label="Current password", widget=_password("current-password")
    )
    field_order = ["current", "password", "again"]
