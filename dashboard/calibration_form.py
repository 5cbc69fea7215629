"""The form of a calibration: whose prompts, which models, who grades. What fits together is judged by the use case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from routerapp.models import Deployment, GradingKind, PromptSource
from routerapp.serving.calibration.calibrations import (
    DEFAULT_PROMPTS,
    DEFAULT_TOKENS,
    FEWEST_TOKENS,
    MOST_TOKENS,
    NewCalibration,
)
from routerapp.serving.calibration.choose import FEWEST_PROMPTS, MOST_PROMPTS
from routerapp.serving.calibration.offered import MOST_BYTES, OfferedPrompt, read_jsonl

SOURCE_HELP = {
    PromptSource.TRAFFIC: "Of the last 30 days, redacted as they were kept. For a judge, people, or requests with a JSON schema.",
    PromptSource.FILE: "Pasted or as a file, one JSON object a line.",
}
GRADING_HELP = {
    GradingKind.EXPECTED: "Right where an expected answer is the answer or stands in it. Needs expected in each line.",
    GradingKind.PATTERN: "Right where the pattern (RE2) matches. Needs pattern in each line.",
    GradingKind.SCHEMA: "Right where the answer is JSON of the schema: of the line, or the one the request asked for.",
    GradingKind.JUDGE: "Another model gives 0 to 1. Its calls are paid too.",
    GradingKind.PEOPLE: "Somebody reads the answers, blind to the model, and presses 1 to 5.",
}


class CalibrationForm(forms.Form):
    source = forms.ChoiceField(choices=PromptSource.choices, initial=PromptSource.FILE)
    prompts = forms.CharField(
        required=False,
        label="Prompts as JSONL",
        strip=False,
        help_text='Such as {"prompt": "What is 2 + 2?", "expected": "4"}. Also system, pattern, schema.',
        widget=forms.Textarea(attrs={"rows": 6, "class": "mono", "spellcheck": "false", "autocomplete": "off"}),
    )
    file = forms.FileField(
        required=False,
        label="Or a file",
        help_text=f"JSONL, at most {MOST_BYTES // 2**20} MiB.",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.json,.txt"}),
    )
    grading = forms.ChoiceField(choices=GradingKind.choices, initial=GradingKind.EXPECTED)
    judge = forms.ChoiceField(
        required=False, label="Judge", help_text="Its model must not be one of those compared: it would prefer itself."
    )
    deployments = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    wanted = forms.IntegerField(
        min_value=FEWEST_PROMPTS,
        max_value=MOST_PROMPTS,
        initial=DEFAULT_PROMPTS,
        label="Prompts",
        help_text="Chosen so that every kind of prompt is there. 300 tell models a few points apart.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    max_output_tokens = forms.IntegerField(
        min_value=FEWEST_TOKENS,
        max_value=MOST_TOKENS,
        initial=DEFAULT_TOKENS,
        label="Longest answer, in tokens",
        help_text="Bounds the cost. Models that think before they answer need more.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(
        self,
        data: QueryDict | None = None,
        files: MultiValueDict[str, UploadedFile] | None = None,
        *,
        offered: Sequence[Deployment] = (),
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, files, initial=dict(initial or {}))
        choices = [(one.slug, f"{one.language_model.name} at {one.slug}") for one in offered]
        self.fields["judge"].choices = [("", "Choose…"), *choices]  # type: ignore[attr-defined]
        self.fields["deployments"].choices = choices  # type: ignore[attr-defined]

    def wanted_calibration(self) -> NewCalibration:
        """Of a valid form. Raises Invalid for prompts that cannot be read."""
        given = self.cleaned_data
        prompts = self._prompts() if given["source"] == PromptSource.FILE else []
        return NewCalibration(
            source=given["source"],
            grading=given["grading"],
            deployments=given["deployments"],
            prompts=prompts,
            judge=given["judge"] if given["grading"] == GradingKind.JUDGE else "",
            wanted=given["wanted"],
            max_output_tokens=given["max_output_tokens"],
        )

    def _prompts(self) -> list[OfferedPrompt]:
        given = self.cleaned_data
        file = given["file"]
        content = file.read(MOST_BYTES + 1) if file else given["prompts"].encode("utf-8", "surrogatepass")
        return read_jsonl(content, given["grading"])
