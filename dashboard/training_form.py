"""The form of a training: which benchmarks, which of their models under which of our names. Names in it are a file's: any text at all."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from dashboard import evaluation_words as words
from routerapp.models import BenchmarkData, BenchmarkState, LanguageModel
from routerapp.serving.learning_jobs import MOST_MODELS, MOST_SEED, Training

AS_PREFIX = "as-"
# A pool is offered ready to press: the better half of a long list.
OFFERED = 14
ANSWERED = 0.9


class TrainingForm(forms.Form):
    name = forms.CharField(
        max_length=60,
        label="Name",
        help_text="Lower-case letters, digits, - and _. Training it again makes its next version.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    leaves_one_out = forms.BooleanField(
        required=False,
        label="Leave each category out in turn",
        help_text="Shows how it does on prompts of a kind it has never seen. Takes several times as long.",
    )
    seed = forms.IntegerField(
        min_value=0,
        max_value=MOST_SEED,
        required=False,
        label="Seed",
        help_text="The same data and seed give the same bytes.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )


@dataclass(frozen=True, slots=True)
class ModelLine:
    """One model of the benchmarks. slug: the language model of ours that it stands for."""

    name: str
    field: str
    slug: str
    is_chosen: bool
    is_known: bool
    quality: str
    cost: str
    answered: int


def ready_benchmarks() -> list[BenchmarkData]:
    rows = BenchmarkData.objects.defer("upload", "content").filter(state=BenchmarkState.READY)
    return list(rows.order_by("-created_at", "-pk"))


def model_lines(rows: Sequence[BenchmarkData], chosen: Mapping[str, str] | None) -> list[ModelLine]:
    """Every model of these benchmarks, best first. chosen: name -> slug as somebody has it; None offers a pool."""
    known = set(LanguageModel.objects.values_list("slug", flat=True))
    singles = _together(rows)
    most = max((one["answered"] for one in singles.values()), default=0)
    ranked = sorted(singles.items(), key=lambda pair: (-(pair[1]["quality"] or 0.0), pair[0]))
    offered = {name for name, one in ranked if one["answered"] >= ANSWERED * most}
    first = [name for name, _ in ranked if name in offered][:OFFERED]
    lines = []
    for name, one in ranked:
        slug = (chosen or {}).get(name) or slug_of(name, known)
        is_chosen = name in first if chosen is None else name in chosen
        lines.append(
            ModelLine(
                name,
                AS_PREFIX + name,
                slug,
                is_chosen,
                slug in known,
                words.quality(one["quality"]),
                words.per_thousand(one["cost_usd"]),
                one["answered"],
            )
        )
    return lines


def slug_of(name: str, known: set[str]) -> str:
    """Our language model of that name, else the name as a slug."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:60] or "model"
    return name if name in known else plain


def chosen_models(data: QueryDict) -> dict[str, str]:
    """name -> slug of what was ticked."""
    ticked = data.getlist("pool")[: MOST_MODELS + 1]
    return {name: str(data.get(AS_PREFIX + name, "")).strip()[:100] for name in ticked}


def wanted_training(form: TrainingForm, benchmarks: Sequence[str], models: Mapping[str, str]) -> Training:
    given: Mapping[str, Any] = form.cleaned_data
    return Training(given["name"], benchmarks, models, given["seed"] or 0, given["leaves_one_out"])


def _together(rows: Sequence[BenchmarkData]) -> dict[str, dict[str, Any]]:
    """Means over several benchmarks, each model's weighted by the prompts it answered."""
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        for name, one in row.singles.items():
            sums.setdefault(name, {"answered": 0, "quality": None, "cost_usd": None})
            sums[name] = _merged(sums[name], one)
    return sums


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    answered = one["answered"] + other["answered"]
    merged: dict[str, Any] = {"answered": answered}
    for figure in ("quality", "cost_usd"):
        parts = [(part[figure], part["answered"]) for part in (one, other) if part[figure] is not None]
        total = sum(weight for _, weight in parts)
        merged[figure] = sum(value * weight for value, weight in parts) / total if total else None
    return merged
