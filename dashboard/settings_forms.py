"""Forms of the Settings page, one a group. Each gives the settings it stands for as the use case takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from routerapp.engine.allowances import UNPRICED_CHOICES
from routerapp.engine.extras import MAX_CONTENT_DAYS
from routerapp.serving.installation_settings import (
    LEAST_AGE_SECONDS,
    LEAST_DAYS,
    MOST_AGE_SECONDS,
    MOST_DAYS,
    MOST_NAMES,
    SETTINGS,
)

DAYS_WORDS: Mapping[str, tuple[str, str]] = {
    "requests": ("Requests and attempts", "Rows, costs, times. Sums for charts stay."),
    "inputs": ("Inputs and traces", "What a request can be replayed from. Never longer than its request."),
    "bodies": ("Kept content", "Redacted prompts and answers whose policy names no days."),
    "minute_sums": ("Sums per minute", "Charts of hours, and alerts. Sums per day are kept for ever."),
    "hour_sums": ("Sums per hour", "Charts of days."),
    "alerts": ("Alerts that are over", "With what was sent about them."),
    "jobs": ("Ended jobs", "The list on the Jobs tab."),
    "health_checks": ("Health checks", "The answers of upstreams, every half minute."),
}


class RetentionForm(forms.Form):
    def __init__(self, data: Any, values: Mapping[str, Any]) -> None:
        days = {**SETTINGS["retention_days"].default, **values["retention_days"]}
        super().__init__(data, initial=days)
        for name, (label, words) in DAYS_WORDS.items():
            default = SETTINGS["retention_days"].default[name]
            self.fields[name] = forms.IntegerField(
                min_value=LEAST_DAYS[name],
                max_value=MOST_DAYS,
                label=label,
                help_text=f"{words} Days, from {LEAST_DAYS[name]}; default {default}.",
            )

    def changes(self) -> dict[str, Any]:
        default = SETTINGS["retention_days"].default
        return {
            "retention_days": {name: days for name, days in self.cleaned_data.items() if days != default[name]} or None
        }


class RecordingForm(forms.Form):
    metadata_allow = forms.CharField(
        required=False,
        label="Metadata that is recorded",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
        help_text=f"Names, one a line, up to {MOST_NAMES}. Default: {', '.join(SETTINGS['metadata_allow'].default) or 'none'}.",
    )
    header_allow = forms.CharField(
        required=False,
        label="Request headers that are recorded",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
        help_text=f"Names, one a line, up to {MOST_NAMES}; what may carry a secret is refused. Default: none.",
    )
    keep = forms.ChoiceField(
        choices=[("off", "nothing"), ("redacted", "prompts and answers, redacted")],
        label="New policies keep",
        help_text="Written into policies made from now on, where each can change it. Default: nothing.",
    )
    days = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=MAX_CONTENT_DAYS,
        label="New policies keep it for (days)",
        help_text=f"1 to {MAX_CONTENT_DAYS:,}; empty: as long as “Kept content” says.",
    )

    def __init__(self, data: Any, values: Mapping[str, Any]) -> None:
        kept = values["kept_content"]
        names = {name: "\n".join(values[name]) for name in ("metadata_allow", "header_allow")}
        super().__init__(data, initial={**names, "keep": kept.get("keep", "off"), "days": kept.get("days")})

    def changes(self) -> dict[str, Any]:
        given = self.cleaned_data
        kept = {"keep": given["keep"], **({"days": given["days"]} if given["days"] else {})}
        changes: dict[str, Any] = {
            name: given[name].replace(",", " ").split() for name in ("metadata_allow", "header_allow")
        }
        return changes | {"kept_content": kept}


class RunningForm(forms.Form):
    when_spool_is_full = forms.ChoiceField(
        choices=[("refuse", "refuse requests (503)"), ("serve", "serve them unrecorded")],
        label="When the journal cannot be written",
        help_text="The disk is full. Default: refuse, so that nothing is unaccounted for.",
    )
    max_snapshot_age_seconds = forms.IntegerField(
        min_value=LEAST_AGE_SECONDS,
        max_value=MOST_AGE_SECONDS,
        label="Serve without the database for (seconds)",
        help_text=(
            f"From the last configuration that was read. {LEAST_AGE_SECONDS} to {MOST_AGE_SECONDS:,}; "
            f"default {SETTINGS['max_snapshot_age_seconds'].default:,}."
        ),
    )
    exact_limits_alone = forms.ChoiceField(
        choices=[("refuse", "refuse requests (503)"), ("serve", "serve each process's share")],
        label="Exact limits, while Valkey is away",
        help_text="Only where several gateway processes share limits. Default: refuse, so that none is passed.",
    )
    unpriced_under_budget = forms.ChoiceField(
        choices=[
            (choice, {"refuse": "are not used", "allow": "may be used"}.get(choice, choice))
            for choice in UNPRICED_CHOICES
        ],
        label="Models without a price, under a budget",
        help_text="Nobody can count what they cost. Default: are not used.",
    )

    def __init__(self, data: Any, values: Mapping[str, Any]) -> None:
        super().__init__(data, initial={name: values[name] for name in self.base_fields})

    def changes(self) -> dict[str, Any]:
        return dict(self.cleaned_data)


class LearningForm(forms.Form):
    label_values = forms.CharField(
        required=False,
        label="What labels say of an answer",
        widget=forms.Textarea({"rows": 4, "spellcheck": "false"}),
        help_text=f"One a line, such as “correct = 1” or “wrong = 0”; 0 is bad, 1 is good. Up to {MOST_NAMES}. Default: none.",
    )

    def __init__(self, data: Any, values: Mapping[str, Any]) -> None:
        lines = "\n".join(f"{label} = {value:g}" for label, value in values["label_values"].items())
        super().__init__(data, initial={"label_values": lines})

    def clean_label_values(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for line in filter(None, map(str.strip, self.cleaned_data["label_values"].splitlines())):
            label, _, number = line.rpartition("=")
            try:
                found[label.strip()] = float(number)
            except ValueError as error:
                raise forms.ValidationError(f"Write a label, = and a number from 0 to 1, not {line[:80]!r}.") from error
        return found

    def changes(self) -> dict[str, Any]:
        return {"label_values": self.cleaned_data["label_values"] or None}


# Group -> form, title, what it is about, the settings in it.
GROUPS: Mapping[str, tuple[type[Any], str, str, tuple[str, ...]]] = {
    "retention": (
        RetentionForm,
        "How long it is kept",
        "What is over its time goes at night. A request whose inputs are gone cannot be replayed. The audit log is never forgotten.",
        ("retention_days",),
    ),
    "recording": (
        RecordingForm,
        "What is recorded",
        "For requests from now on; within two seconds on every worker.",
        ("metadata_allow", "header_allow", "kept_content"),
    ),
    "running": (
        RunningForm,
        "When something is missing",
        "What the gateway does when it cannot do everything.",
        ("when_spool_is_full", "max_snapshot_age_seconds", "exact_limits_alone", "unpriced_under_budget"),
    ),
    "learning": (
        LearningForm,
        "What is learned from",
        "Labels that come back as feedback count as much as a judgement can. Give values only to labels that your reviewers use.",
        ("label_values",),
    ),
}
