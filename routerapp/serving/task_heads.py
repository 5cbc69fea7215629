"""Which trained task head speaks: the shipped one or one fitted with a team's examples; promoted, rolled back, switched off.

The evidence revision names it. What it said is recorded with each request, so decisions replay whichever is in force today.
"""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils import timezone

from routerapp.learning.task_artefact import FILE, shipped_head
from routerapp.models import PredictorState, TaskHeadVersion, User
from routerapp.serving.changes import Change, find, noting
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import invalid
from routerapp.store.predictors import BadArtefact
from routerapp.store.revisions import record_evidence_revision
from routerapp.store.task_heads import keep_task_head, live_task_head, task_head_bytes, task_heads

OFF = "off"


def take_shipped_head(*, by: Actor) -> TaskHeadVersion:
    """The shipped head as a candidate, with the figures it was shipped with; taken twice it is the same version."""
    with noting(by, "edit_task_class", "task_head:shipped", event="take_shipped_task_head") as change:
        head = shipped_head()
        card = {"shipped": True, "classes": list(head.fitted.classes), "measured": dict(head.fitted.about)}
        user = User.objects.filter(username=by.name).first() if by.kind == "user" else None
        row = keep_task_head(FILE.read_bytes(), card, user)
        change.subject, change.after = f"task_head:{row.version}", {"sha256": row.sha256}
    return row


def promote_task_head(version: int, *, by: Actor, reason: str = "") -> TaskHeadVersion:
    """In force on every worker within two seconds: task and complexity of every chat are then what it says, where it does not abstain."""
    with noting(by, "promote_predictor", f"task_head:{version}", event="promote_task_head", reason=reason) as change:
        row = find(_version(version), "task head", version=version)
        if row.state == PredictorState.LIVE:
            raise invalid("state", "already_live", f"{row} is in force already.")
        try:
            task_head_bytes(row.sha256)
        except BadArtefact as error:
            raise invalid("artefact", "bad_hash", str(error)) from error
        TaskHeadVersion.objects.filter(pk=row.pk).update(promoted_at=timezone.now())
        _put_in_force(row, change)
        row.refresh_from_db(fields=["state", "promoted_at"])
    return row


def roll_back_task_head(*, by: Actor, reason: str = "") -> TaskHeadVersion | None:
    """The one in force before is in force again; where there was none, the transparent signals alone are."""
    with noting(by, "promote_predictor", "task_head:none", event="roll_back_task_head", reason=reason) as change:
        live = live_task_head()
        if live is None:
            raise invalid("state", "none_live", "No task head is in force.")
        change.subject = f"task_head:{live.version}"
        before = task_heads().filter(promoted_at__lt=live.promoted_at).order_by("-promoted_at").first()
        _put_in_force(before, change)
    return before


def switch_off_task_head(*, by: Actor, reason: str = "") -> None:
    """None is in force: nothing is read for it, and the transparent signals alone speak."""
    with noting(by, "promote_predictor", "task_head:none", event="switch_off_task_head", reason=reason) as change:
        if live_task_head() is None:
            raise invalid("state", "none_live", "No task head is in force.")
        _put_in_force(None, change)


def _put_in_force(row: TaskHeadVersion | None, change: Change) -> None:
    live = live_task_head()
    TaskHeadVersion.objects.filter(state=PredictorState.LIVE).update(state=PredictorState.RETIRED)
    if row is not None:
        TaskHeadVersion.objects.filter(pk=row.pk).update(state=PredictorState.LIVE)
    record_evidence_revision(task_head=row.sha256 if row else "")
    change.before = {"live": str(live) if live else OFF, "sha256": live.sha256 if live else ""}
    change.after = {"live": str(row) if row else OFF, "sha256": row.sha256 if row else ""}


def _version(version: int) -> QuerySet[TaskHeadVersion]:
    """Beyond what the column holds there is none, and a database would complain."""
    return task_heads() if version < 2**31 else task_heads().none()
