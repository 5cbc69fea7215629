"""Forms of the Alerts page. Shares are typed as percent; the use case takes fractions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms

from dashboard.forms import offer
from routerapp.models import (
    AlertChannel,
    AlertChannelKind,
    AlertKind,
    AlertRule,
    APIKey,
    EndUserAllowance,
    LanguageModel,
    Policy,
    Provider,
    Team,
)
from routerapp.serving.alerts.kinds import (
    END_USER,
    KEY,
    KINDS,
    MODEL,
    MOST_LEAST_REQUESTS,
    MOST_WINDOW_MINUTES,
    POLICY,
    PROVIDER,
    SPOOL_UNITS,
    TEAM,
)
from routerapp.serving.alerts.words import label_of

MEASURES = {
    "lag": "how long records wait (seconds)",
    "bytes": "how much waits (MiB)",
    "refused": "records refused",
    "fullness": "how full it is (percent)",
    "week": "requests of this week beside the week before",
    "training": "prompts beside those the predictor in force was trained on",
}
EVERYTHING = {
    AlertKind.BUDGET: "each key, team and end user with a spend limit",
    AlertKind.PROVIDER_DOWN: "each provider",
    AlertKind.SUCCESS_DRIFT: "each model",
    AlertKind.CHALLENGER: "the scheduled refit",
}


WINDOWS = {
    AlertKind.UNPRICED: 60,
    AlertKind.BUDGET: 60,
    AlertKind.ERROR_SHARE: 15,
    AlertKind.INPUT_DRIFT: MOST_WINDOW_MINUTES,
    AlertKind.SUCCESS_DRIFT: MOST_WINDOW_MINUTES,
}


class RuleForm(forms.Form):
    """Of one kind, which stays what it is. data() is what the use case takes."""

    name = forms.CharField(max_length=100, label="Name", help_text="What messages begin with.")
    subject = forms.ChoiceField(required=False, label="Watches")
    threshold = forms.FloatField(label="Alert from")
    window_minutes = forms.IntegerField(
        min_value=1,
        max_value=MOST_WINDOW_MINUTES,
        initial=15,
        label="Window (minutes)",
        help_text="Closes after one window below the threshold. 1 to 1,440.",
    )
    least_requests = forms.IntegerField(
        min_value=1,
        max_value=MOST_LEAST_REQUESTS,
        initial=20,
        label="Of at least (requests)",
        help_text="With fewer in the window nothing is judged.",
    )
    channels = forms.MultipleChoiceField(
        required=False,
        label="Tell",
        widget=forms.CheckboxSelectMultiple,
        help_text="Without a channel it shows here only.",
    )
    is_enabled = forms.BooleanField(required=False, initial=True, label="Switched on")

    def __init__(self, kind: str, data: Any = None, **options: Any) -> None:
        super().__init__(data, **options)
        self.kind = kind
        about = KINDS[kind]
        offer(self, "subject", list(_subjects(kind, options.get("initial", {}).get("subject", ""))))
        offer(self, "channels", [(row.slug, row.name) for row in AlertChannel.objects.order_by("name")])
        unit = about.unit
        if unit.is_share:
            self.fields["threshold"].help_text = f"Percent, {unit.low * 100:g} to {unit.high * 100:g}."
            self.fields["threshold"].label = "Alert from (%)"
        elif about.measures:
            limits = "; ".join(one.allowed for one in SPOOL_UNITS.values())
            self.fields["threshold"].help_text = f"In the unit of what it watches: {limits}."
        else:
            allowed = f"{unit.allowed} in the window." if unit.low < unit.high else f"Always {unit.low:g}."
            self.fields["threshold"].help_text = allowed
        self.fields["threshold"].widget.attrs |= {"step": "any", "inputmode": "decimal"}
        if not about.counts_requests:
            del self.fields["least_requests"]
        if not AlertChannel.objects.exists():
            del self.fields["channels"]

    @classmethod
    def of(cls, row: AlertRule, data: Any = None) -> RuleForm:
        initial = {
            name: getattr(row, name) for name in ("name", "subject", "window_minutes", "least_requests", "is_enabled")
        }
        initial["threshold"] = _shown(row.threshold, row.kind)
        initial["channels"] = list(row.channels.values_list("slug", flat=True))
        return cls(row.kind, data, initial=initial)

    @classmethod
    def new(cls, kind: str, data: Any = None) -> RuleForm:
        about = KINDS[kind]
        subject = about.measures[0] if about.measures else ""
        window = WINDOWS.get(AlertKind(kind), 5)
        initial = {"threshold": _shown(about.default, kind), "subject": subject, "window_minutes": window}
        initial["channels"] = list(AlertChannel.objects.filter(is_enabled=True).values_list("slug", flat=True))
        return cls(kind, data, initial=initial)

    def data_of_rule(self) -> dict[str, Any]:
        given = dict(self.cleaned_data)
        if KINDS[self.kind].unit.is_share:
            given["threshold"] = given["threshold"] / 100
        return given


class ChannelForm(forms.Form):
    """Of one kind. The address of a webhook is never shown again: empty keeps it."""

    name = forms.CharField(max_length=100, label="Name")
    address = forms.CharField(max_length=500, label="Address")
    is_enabled = forms.BooleanField(required=False, initial=True, label="Switched on")

    def __init__(self, kind: str, data: Any = None, *, is_new: bool = True, shown: str = "", **options: Any) -> None:
        super().__init__(data, **options)
        self.kind = kind
        field = self.fields["address"]
        field.widget.attrs |= {"autocomplete": "off", "spellcheck": "false"}
        if kind == AlertChannelKind.EMAIL:
            field.label, field.help_text = "E-mail addresses", "Up to 20, separated by commas."
        else:
            field.label = "Address (URL)"
            field.help_text = "Gets a POST with JSON; chat tools show its text. " + (
                "" if is_new else f"Now {shown}; leave it empty to keep it."
            )
            field.required = is_new
            field.widget.attrs["placeholder"] = "https://"
        if is_new and kind == AlertChannelKind.WEBHOOK:
            self.fields["secret"] = secret_field()

    @classmethod
    def of(cls, row: AlertChannel, shown: str, data: Any = None) -> ChannelForm:
        initial = {"name": row.name, "is_enabled": row.is_enabled}
        if row.kind == AlertChannelKind.EMAIL:
            initial["address"] = row.address
        return cls(row.kind, data, is_new=False, shown=shown, initial=initial)

    def data_of_channel(self) -> dict[str, Any]:
        given = {name: self.cleaned_data[name] for name in ("name", "address", "is_enabled")}
        if not given["address"]:
            del given["address"]
        return given


def secret_field() -> forms.CharField:
    return forms.CharField(
        required=False,
        max_length=200,
        strip=False,
        label="Secret for signatures",
        help_text="Optional: 16 to 200 characters, such as openssl rand -hex 32 prints. Shown to nobody again.",
        widget=forms.PasswordInput({"autocomplete": "new-password", "spellcheck": "false"}),
    )


class SecretForm(forms.Form):
    secret = secret_field()


def _shown(threshold: float, kind: str) -> str:
    """20, not 20.0."""
    return f"{threshold * 100 if KINDS[kind].unit.is_share else threshold:.12g}"


def _subjects(kind: str, current: str) -> Iterator[tuple[str, Any]]:
    about = KINDS[kind]
    if about.measures:
        yield from ((name, MEASURES[name]) for name in about.measures)
        return
    yield "", EVERYTHING.get(AlertKind(kind), "all traffic together")
    known = {current, ""}
    for prefix in about.subjects:
        rows = list(_rows(prefix))
        known |= {subject for subject, _ in rows}
        if rows:
            yield _TITLES[prefix], rows
    if current and current not in known:
        yield current, label_of(current)


def _rows(prefix: str) -> Iterator[tuple[str, str]]:
    if prefix == END_USER:
        rows = EndUserAllowance.objects.exclude(user_hash="*").order_by("label", "pk")[:500]
        yield from ((f"{END_USER}:{row.pk}", row.label or f"end user #{row.pk}") for row in rows)
        return
    table, where = _TABLES[prefix]
    names = table.objects.filter(**where).order_by("slug").values_list("slug", "name")[:500]
    yield from ((f"{prefix}:{slug}", slug if slug == name else f"{slug} – {name}") for slug, name in names)


_TITLES = {
    KEY: "API key",
    TEAM: "Team",
    MODEL: "Model",
    PROVIDER: "Provider",
    POLICY: "Policy",
    END_USER: "End user",
}
_TABLES: dict[str, tuple[Any, dict[str, None]]] = {
    KEY: (APIKey, {"revoked_at": None}),
    TEAM: (Team, {"archived_at": None}),
    MODEL: (LanguageModel, {"archived_at": None}),
    PROVIDER: (Provider, {"archived_at": None}),
    POLICY: (Policy, {"archived_at": None}),
}
