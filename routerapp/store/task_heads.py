"""Versions of the trained task head as rows, and the examples teams gave: an artefact is stored once and handed out only whole."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from django.db.models import Max, QuerySet

from routerapp.models import PredictorState, TaskHeadVersion, User
from routerapp.store.predictors import BadArtefact


def task_head_bytes(sha256: str) -> bytes | None:
    """The head of this address, None where it is not kept. Raises BadArtefact when the stored bytes were changed."""
    found = TaskHeadVersion.objects.filter(sha256=sha256).values_list("artefact", flat=True).first()
    if found is None:
        return None
    content = bytes(found)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BadArtefact(f"The task head {sha256[:12]} does not have its hash any more.")
    return content


def keep_task_head(artefact: bytes, card: Mapping[str, Any], created_by: User | None) -> TaskHeadVersion:
    """The next version; or the one that has these very bytes."""
    sha256 = hashlib.sha256(artefact).hexdigest()
    same = task_heads().filter(sha256=sha256).first()
    if same is not None:
        return same
    newest = TaskHeadVersion.objects.aggregate(newest=Max("version"))["newest"] or 0
    return TaskHeadVersion.objects.create(
        version=newest + 1, sha256=sha256, artefact=artefact, card=dict(card), created_by=created_by
    )


def task_heads() -> QuerySet[TaskHeadVersion]:
    """Without their bytes, for lists and pages."""
    return TaskHeadVersion.objects.defer("artefact").select_related("created_by")


def live_task_head() -> TaskHeadVersion | None:
    return task_heads().filter(state=PredictorState.LIVE).first()
