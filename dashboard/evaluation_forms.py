"""Forms of the evaluation pages: a benchmark's file, what a predictor is trained on, why it is promoted against the gate's advice."""

from __future__ import annotations

from django import forms
from django.http import QueryDict

from dashboard.catalogue_forms import SLUG_HELP
from routerapp.serving.benchmarks import ENDINGS, MOST_BYTES


class BenchmarkForm(forms.Form):
    name = forms.CharField(max_length=100, label="Name", help_text="What it measures, such as “MMLU-Pro, 2026”.")
    slug = forms.CharField(
        max_length=60,
        label="Slug",
        help_text=SLUG_HELP.replace(" and is never used again", ""),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    file = forms.FileField(
        label="File",
        help_text=f"Parquet, CSV or JSONL, at most {MOST_BYTES // 2**20} MiB.",
        widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}),
    )


class PromoteForm(forms.Form):
    reason = forms.CharField(
        max_length=500,
        required=False,
        label="Why",
        help_text="Kept in the audit log.",
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    override = forms.BooleanField(required=False, label="Promote it against the gate's advice")

    def __init__(self, data: QueryDict | None = None, *, may_override: bool = False) -> None:
        super().__init__(data, auto_id="promote_%s")
        if not may_override:
            del self.fields["override"]
