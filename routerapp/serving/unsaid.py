"""What of a chat an upstream has no words for: left out with a warning where the policy allows it, else no reason to ask there."""

from __future__ import annotations

from routerapp.engine.verdicts import Verdict
from routerapp.providers.base import Adapter, Target, impossible_at
from routerapp.serving.attempt import DROPPED
from routerapp.serving.plan_job import PlanJob, SkippedStep


def left_unsaid(adapter: Adapter, job: PlanJob, target: Target) -> tuple[str, ...] | SkippedStep:
    """A warning for each part of the chat that is left out there; the step skipped, with the reason, where that may not be."""
    found = impossible_at(adapter, job.chat, target)
    if not found:
        return ()
    refused = job.decision.handling.unsupported != "drop"
    kept = [one for one in found if refused or not one.is_droppable]
    if kept:
        detail = {"fields": [one.field for one in kept], "reason": kept[0].reason}
        return SkippedStep(target.deployment, Verdict.CANNOT_EXPRESS, detail)
    return tuple(dict.fromkeys(DROPPED + one.field for one in found))
