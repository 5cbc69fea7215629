"""Forms of the task classes: examples stand one below the other, a line of dashes between them."""

from __future__ import annotations

import re

from django import forms

from routerapp.serving.task_classes import MOST_EXAMPLES, ShownClass

BETWEEN = "\n---\n"
_BETWEEN = re.compile(r"(?m)^-{3,}\s*$")


def examples_in(text: str) -> list[str]:
    """Blocks between lines of three dashes or more."""
    return [block.strip() for block in _BETWEEN.split(text.replace("\r\n", "\n")) if block.strip()]


class TaskClassForm(forms.Form):
    words = forms.CharField(max_length=200, required=False, label="What it is for")
    examples = forms.CharField(
        required=False,
        label="Your examples",
        help_text=f"Prompts as people send them, a line of three dashes (---) between two. At most {MOST_EXAMPLES}.",
        widget=forms.Textarea(attrs={"rows": 14}),
    )
    threshold = forms.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        label="Say it from this confidence on",
        help_text="0 to 1. Empty: as fitted. Below it the task is unknown.",
        widget=forms.NumberInput(attrs={"step": "0.01"}),
    )

    @classmethod
    def of(cls, shown: ShownClass) -> TaskClassForm:
        return cls(
            initial={"words": shown.words, "examples": BETWEEN.join(shown.examples), "threshold": shown.threshold}
        )


class NewTaskClassForm(forms.Form):
    slug = forms.CharField(
        max_length=20,
        label="Name",
        help_text="own- and up to 16 small letters, digits and hyphens, such as own-contracts.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    words = forms.CharField(max_length=200, required=False, label="What it is for")
