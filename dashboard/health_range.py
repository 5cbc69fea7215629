"""The range picker of health pages, and the report behind it: one for a deployment, one for all of a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from dashboard.health_charts import health_charts
from dashboard.provider_lines import error_words
from dashboard.ranges import LABELS, SPANS_MS, now_ms, span
from routerapp.models import InstallationState
from routerapp.store.deployment_health import Subject, read_health
from routerapp.store.reports import Range, shown_origins

USUAL = "24h"


def health_context(request: HttpRequest, subject: Subject, here: str) -> dict[str, Any]:
    """charts, incidents, errors and the links of the ranges. An unknown range is the usual one."""
    asked = request.GET.get("range", "")
    name = asked if asked in SPANS_MS else USUAL
    chosen = span(name, now_ms())
    report = read_health(subject, Range(chosen.from_ms, chosen.to_ms), _origins())
    links = [{"label": LABELS[one], "url": f"{here}?range={one}#health", "is_current": one == name} for one in SPANS_MS]
    return {
        "health": report,
        "health_charts": [] if report.is_empty else health_charts(report),
        "health_ranges": links,
        "health_label": chosen.label,
        "incidents": [{"one": one, "error": error_words(one.error_class)} for one in report.incidents],
        "health_errors": [(error_words(error), n) for error, n in report.errors],
    }


def deployment_subject(slug: str) -> Subject:
    return Subject("deployment", slug, (slug,))


def model_subject(slug: str, deployments: Sequence[str]) -> Subject:
    return Subject("language_model", slug, tuple(deployments))


def address_of(name: str, slug: str) -> str:
    return reverse(f"dashboard:{name}", args=[slug])


def _origins() -> tuple[str, ...]:
    return shown_origins(has_sample_data=InstallationState.objects.filter(pk=1, sample_data=True).exists())
