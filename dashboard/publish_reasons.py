"""What stands in the way of publishing a document, for people: each problem with its place in words and the page where it is mended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from dashboard.policy_changes import rule_name
from dashboard.use_words import place_words
from routerapp.engine.problems import Problem
from routerapp.models import Draft


def publish_reasons(problems: Sequence[Problem], document: Any, draft: Draft | None) -> list[dict[str, Any]]:
    """Each problem with its place in words and, in a draft, the page where it is mended."""
    rules = document.get("rules") or []
    names = {str(number): rule_name(rule) for number, rule in enumerate(rules)}
    return [
        {
            "place": place_words(problem.path, names) if problem.path else "",
            "path": problem.path,
            "message": problem.message,
            "url": _edit_url(problem.path, rules, draft) if draft else "",
        }
        for problem in problems
    ]


def _edit_url(path: str, rules: Sequence[Any], draft: Draft) -> str:
    where = {"slug": draft.policy.slug, "draft_id": draft.pk}
    head = path.partition(".")[0]
    if head.startswith("rules[") and head[6:-1].isdigit() and int(head[6:-1]) < len(rules):
        return reverse("dashboard:rule-edit", kwargs={**where, "rule_id": rules[int(head[6:-1])]["id"]})
    if head == "default":
        return reverse("dashboard:default-edit", kwargs=where)
    return reverse("dashboard:settings-edit", kwargs=where) if head in ("constraints", "timezone") else ""
