"""An explanation as the pages show it: why not, in the words of verdicts; the change as a sentence; where it can be made."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from dashboard.presenters import facts_in_words, words_for
from dashboard.templatetags.numbers import duration, exact_money, plain
from routerapp.engine.explain import Change, Explanation
from routerapp.engine.verdicts import Verdict
from routerapp.models import Deployment, Draft, LanguageModel, Policy
from routerapp.serving.change_places import is_in_policy
from routerapp.serving.change_words import change_words, checked_words, none_words

NOBODY_SETS = "A measurement, not a setting: it explains the choice, and there is nothing to change."
CALLER_SETS = "Up to whoever sends the request: it is no setting here."


@dataclass(frozen=True, slots=True)
class ExplanationLines:
    """reason: why not. sentence: the change, or that there is none. note: whose it is, where nobody here can make it."""

    deployment: str
    is_first: bool
    verdict: str
    reason: str
    facts: str
    has_change: bool
    sentence: str
    checked: str
    note: str
    link: str = ""
    link_label: str = ""


def explanation_lines(explanation: Explanation, *, draft: Draft | None = None) -> ExplanationLines:
    """draft: what was asked in the playground, so that an edit leads into it."""
    change = explanation.change
    is_ranked = explanation.why_not.verdict == Verdict.NOT_CHOSEN
    link, label = ("", "") if change is None else _where(change, draft)
    return ExplanationLines(
        deployment=explanation.target,
        is_first=explanation.first == explanation.target,
        verdict=explanation.why_not.verdict.value,
        reason=_rank_words(explanation) if is_ranked else words_for(explanation.why_not.verdict),
        facts="" if is_ranked else facts_in_words(explanation.why_not.detail),
        has_change=change is not None,
        sentence=none_words(explanation) if change is None else change_words(change),
        checked="" if change is None else checked_words(explanation, change),
        note="" if change is None else {"nobody": NOBODY_SETS, "caller": CALLER_SETS}.get(change.owner, ""),
        link=link,
        link_label=label,
    )


def _rank_words(explanation: Explanation) -> str:
    """Eligible, but behind x by so much."""
    first, gap = explanation.first, explanation.why_not.gap
    place = explanation.why_not.detail.get("place")
    said = f"Eligible, but number {place} in line behind {first}" if place else f"Eligible, but {first} is first"
    if gap is None or explanation.strategy == "round_robin":
        return said
    if gap < 0:
        return f"{said}, although its own score is higher: that one was kept or tried on purpose"
    if not gap:
        return f"{said}, at the same score"
    if explanation.strategy == "cheapest":
        return f"{said}: it would cost {exact_money(round(gap))} more"
    if explanation.strategy == "fastest":
        return f"{said}: its first token takes {duration(gap)} longer"
    return f"{said}: its score is {plain(gap)} lower"


def _where(change: Change, draft: Draft | None) -> tuple[str, str]:
    """(address, label) of the page where the change can be made; empty where there is none, or no longer."""
    if is_in_policy(change):
        return _in_policy(change, draft)
    if (
        change.kind in ("price", "deployment")
        and Deployment.objects.filter(slug=change.subject, archived_at=None).exists()
    ):
        name = "price-create" if change.kind == "price" else "deployment-edit"
        label = "Enter a price" if change.kind == "price" else "Edit the deployment"
        return reverse(f"dashboard:{name}", args=[change.subject]), label
    if (
        change.kind in ("score", "model")
        and LanguageModel.objects.filter(slug=change.subject, archived_at=None).exists()
    ):
        if change.kind == "score":
            return reverse("dashboard:score-edit", args=[change.subject, change.field]), "Edit the score"
        return reverse("dashboard:language-model-edit", args=[change.subject]), "Edit the model"
    if change.owner == "people" and change.kind in ("constraint", "budget"):
        return reverse("dashboard:key-list"), "Keys and budgets"
    return "", ""


def _in_policy(change: Change, draft: Draft | None) -> tuple[str, str]:
    if draft is not None and draft.policy.slug == change.subject:
        arguments = [change.subject, draft.pk]
        if change.rule == "default":
            return reverse("dashboard:default-edit", args=arguments), "Edit the default"
        if change.rule:
            return reverse("dashboard:rule-edit", args=[*arguments, change.rule]), "Edit the rule"
        return reverse("dashboard:settings-edit", args=arguments), "Edit the policy's settings"
    if Policy.objects.filter(slug=change.subject, archived_at=None).exists():
        return reverse("dashboard:policy-detail", args=[change.subject]), "Open the policy"
    return "", ""
