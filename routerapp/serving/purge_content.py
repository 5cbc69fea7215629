"""Deleting kept content before its time, of one policy or of all. What was decided and counted stays."""

from __future__ import annotations

from django.db import transaction
from django.db.models import QuerySet

from routerapp.models import Body, Policy, RoutedRequest
from routerapp.serving.changes import changing, find
from routerapp.serving.permissions import Actor, require

BATCH_ROWS = 500


def purge_content(policy: str = "", *, by: Actor) -> int:
    """Deletes in short batches what is in the database now; returns how many requests lost their content. policy: empty is all.

    What still lies in a journal comes in a moment later: stop keeping content first. Raises Missing for a policy that never was.
    """
    require(by, "purge_content")
    if policy:
        find(Policy.objects.all(), "policy", slug=policy)
    deleted = 0
    while batch := _purge_batch(policy):
        deleted += batch
    with changing(by, "purge_content", policy or "all policies") as change:
        change.after = {"requests": deleted}
    return deleted


def count_content(policy: str = "") -> int:
    """How many requests have kept content now."""
    return _bodies(policy).count()


@transaction.atomic
def _purge_batch(policy: str) -> int:
    ids = list(_bodies(policy).values_list("request_id", flat=True)[:BATCH_ROWS])
    return Body.objects.filter(request_id__in=ids).delete()[0]


def _bodies(policy: str) -> QuerySet[Body]:
    if not policy:
        return Body.objects.all()
    return Body.objects.filter(request_id__in=RoutedRequest.objects.filter(policy=policy).values("id"))
