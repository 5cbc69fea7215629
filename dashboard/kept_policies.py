"""What each policy keeps of prompts and answers, in words, with how much there is of it now."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, OuterRef, Q, Subquery

from routerapp.models import Body, Policy, RoutedRequest
from routerapp.store.retention import retention_days


@dataclass(frozen=True, slots=True)
class KeptLine:
    policy: Policy
    words: str
    is_keeping: bool
    count: int


def kept_lines() -> list[KeptLine]:
    """Policies that serve, and archived ones of which there is still something."""
    owner = RoutedRequest.objects.filter(id=OuterRef("request_id")).values("policy")[:1]
    counts = dict(
        Body.objects.annotate(policy=Subquery(owner)).values_list("policy").annotate(n=Count("request_id")).order_by()
    )
    wanted = Q(live_version__isnull=False, archived_at=None) | Q(slug__in=[slug for slug in counts if slug])
    days = retention_days().bodies
    return [
        _line(policy, counts.get(policy.slug, 0), days)
        for policy in Policy.objects.filter(wanted).select_related("live_version").order_by("name")
    ]


def _line(policy: Policy, count: int, days: int) -> KeptLine:
    live = policy.live_version
    content = live.document.get("content") if live is not None and policy.archived_at is None else None
    is_keeping = isinstance(content, dict) and content.get("keep", "off") != "off"
    if not is_keeping or not isinstance(content, dict):
        return KeptLine(policy, "archived" if policy.archived_at else "nothing", False, count)
    own = content.get("days")
    span = f"for {own} days" if own else f"for {days} days, as set above"
    return KeptLine(policy, f"prompts and answers, redacted, {span}", True, count)
