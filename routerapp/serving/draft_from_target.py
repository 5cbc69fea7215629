"""A point on the front becomes a draft policy: a learned strategy whose knob is the one that was measured there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from routerapp.engine.cost_quality import cost_quality_of
from routerapp.models import Draft, EvaluationReport, LanguageModel
from routerapp.serving.changes import find
from routerapp.serving.draft_edits import set_default
from routerapp.serving.permissions import Actor
from routerapp.serving.policy_templates import template_document
from routerapp.serving.publish_policy import create_draft, create_policy, save_draft
from routerapp.serving.refusals import invalid

KNOB_DIGITS = 6


def draft_from_target(
    report_id: int, point: int, *, by: Actor, policy: str = "", slug: str = "", name: str = ""
) -> Draft:
    """A draft of this policy whose default is the learned strategy at that point of the front, cheapest point 0; or, without a policy, of
    a new one. It serves nobody until it is published."""
    report = find(EvaluationReport.objects.all(), "evaluation report", pk=report_id)
    use = learned_use(report.report, point)
    with transaction.atomic():
        if not policy:
            document = set_default(template_document("blank", slug), use)
            made = create_policy(slug, name or slug, by=by, document=document)
            return made.drafts.get()
        draft = create_draft(policy, by=by, name=f"Learned, from report {report.pk}")
        return save_draft(draft.pk, set_default(draft.document, use), expected_revision=draft.revision, by=by)


def learned_use(report: Mapping[str, Any], point: int) -> dict[str, Any]:
    """Pool and strategy of one point. Models that are not in the catalogue are left out of the pool; the default must be there."""
    points = front_of(report)
    if not 0 <= point < len(points):
        raise invalid("point", "out_of_range", f"The front has {len(points)} points; choose one of them.")
    known = set(LanguageModel.objects.filter(slug__in=report["models"]).values_list("slug", flat=True))
    pool = [f"model:{model}" for model in report["models"] if model in known]
    if report["default"] not in known or len(pool) < 2:
        missing = sorted(set(report["models"]) - known)
        raise invalid(
            "models",
            "not_in_catalogue",
            f"The catalogue needs {report['default']} and another model of the pool. It lacks: {', '.join(missing)}.",
        )
    strategy = {
        "kind": "learned",
        "default": f"model:{report['default']}",
        "cost_quality": round(cost_quality_of(points[point]["preference"]), KNOB_DIGITS),
        "margin": report["margin"],
        "max_loss": 1,
    }
    return {"pool": pool, "strategy": strategy}


def front_of(report: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The settings of the gated router that nothing beats, cheapest first."""
    line = next((one for one in report["routers"] if one["id"] == "gated"), None)
    found = [one for one in (line or {}).get("points", []) if one["on_hull"] and one["cost_usd"]]
    return sorted(found, key=lambda one: (one["cost_usd"]["value"], one["quality"]["value"]))
