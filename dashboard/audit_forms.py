"""Filters of the audit page: what they hold is the page's address."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django import forms

from dashboard.audit_words import action_words
from dashboard.forms import ANY, RangeForm, offer
from routerapp.store.audit_log import AuditFilters, known_values


class AuditFilterForm(RangeForm):
    actor = forms.ChoiceField(required=False, label="Who")
    action = forms.ChoiceField(required=False, label="What was done")
    subject = forms.CharField(required=False, max_length=150, label="To what", strip=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        known = known_values()
        offer(self, "actor", [ANY, *((name, name) for name in known["actor"])])
        offer(self, "action", [ANY, *((name, action_words(name)) for name in known["action"])])
        self.fields["subject"].widget.attrs |= {
            "placeholder": "policy: or key:help-desk",
            "data-first-filter": "",
            "autocomplete": "off",
        }

    def clean_subject(self) -> str:
        text: str = self.cleaned_data["subject"]
        if "\0" in text:
            raise forms.ValidationError("A subject has no NUL character.")
        return text

    def filters(self) -> AuditFilters:
        data = self.cleaned_data
        span = data["time_range"]
        return AuditFilters(
            actor=data["actor"],
            action=data["action"],
            subject=data["subject"],
            start=_instant(span.from_ms) if span else None,
            end=_instant(span.to_ms) if span and not span.is_open else None,
        )

    def shown_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("subject", "actor", "action", "range")]

    def span_fields(self) -> list[forms.BoundField]:
        return [self[name] for name in ("start", "end")]


def _instant(ms: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(ms / 1000, dt.UTC)
