"""Experiments: created as a draft of their policy, started and stopped by publishing versions, ended by a decision in words.

The policy document is the truth about who gets which arm; the rows here hold what a document has no place for: why, and what came of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.utils import timezone

from routerapp.models import Draft, Experiment, ExperimentState, Policy, PolicyVersion
from routerapp.serving.changes import changing, find, save_valid, user_of
from routerapp.serving.experiment_documents import CONTROL, split_of, with_split, without_split
from routerapp.serving.permissions import Actor
from routerapp.serving.policy_checks import checked_document
from routerapp.serving.publish_policy import publish_draft
from routerapp.serving.refusals import invalid
from routerapp.serving.slugs import checked_slug

UNITS = ("unit", "tenant", "request")
MAX_NOTE = 2_000


@dataclass(frozen=True, slots=True)
class NewExperiment:
    """arms: name, weight and use of each; the control has no use. unit: unit (conversation or user), tenant or request."""

    slug: str
    name: str
    policy: str
    rule_id: str
    arms: Sequence[Mapping[str, Any]]
    hypothesis: str = ""
    unit: str = "unit"


def create_experiment(wanted: NewExperiment, *, by: Actor) -> tuple[Experiment, Draft]:
    """The experiment, not started, and the draft that will start it. The draft can still be edited like any other."""
    with changing(by, "edit_draft", f"experiment:{wanted.slug}", event="create_experiment") as change:
        checked_slug(wanted.slug, Experiment.objects.all(), "experiment")
        if wanted.unit not in UNITS:
            raise invalid("unit", "unknown_value", f"One of: {', '.join(UNITS)}.")
        policy = find(
            Policy.objects.select_related("live_version").filter(archived_at=None), "policy", slug=wanted.policy
        )
        if policy.live_version is None:
            raise invalid("policy", "not_published", f"{policy.slug} has no published version to compare with.")
        document = with_split(policy.live_version.document, wanted.rule_id, wanted.slug, wanted.arms, wanted.unit)
        draft = Draft(
            policy=policy,
            name=f"Experiment {wanted.name}"[:100],
            document=checked_document(document, policy.slug),
            base_version=policy.live_version.number,
            updated_by=user_of(by),
        )
        save_valid(draft)
        experiment = Experiment(
            slug=wanted.slug,
            name=wanted.name,
            hypothesis=wanted.hypothesis,
            policy=policy,
            rule_id=wanted.rule_id,
            unit=wanted.unit,
            state=ExperimentState.DRAFT,
            created_by=user_of(by),
        )
        save_valid(experiment)
        change.after = {
            "policy": policy.slug,
            "rule": wanted.rule_id,
            "draft": draft.pk,
            "arms": [{"name": arm["name"], "weight": arm["weight"]} for arm in wanted.arms],
        }
    return experiment, draft


def draft_of(experiment: Experiment) -> Draft | None:
    """The draft that would start it: of its policy, naming it."""
    if experiment.state != ExperimentState.DRAFT:
        return None
    drafts = Draft.objects.filter(policy=experiment.policy).order_by("-updated_at")
    return next((draft for draft in drafts if split_of(draft.document, experiment.slug)), None)


def start_experiment(slug: str, *, by: Actor, note: str = "") -> PolicyVersion:
    """Publishes its draft. Refused as any publish is: with every problem, or as stale."""
    experiment = _experiment(slug)
    draft = draft_of(experiment)
    if draft is None:
        raise invalid("state", "no_draft", f"{slug} has no draft to start; it was started, or the draft was discarded.")
    note = note or f"Start the experiment {experiment.name}"
    return publish_draft(draft.pk, expected_revision=draft.revision, note=note, by=by)


@transaction.atomic
def stop_experiment(slug: str, *, keep: str = CONTROL, by: Actor, note: str = "") -> PolicyVersion:
    """Publishes a version in which one arm's use stays. keep: the arm's name."""
    experiment = _experiment(slug)
    if experiment.state != ExperimentState.RUNNING or experiment.policy.live_version is None:
        raise invalid("state", "not_running", f"{slug} is not running.")
    live = experiment.policy.live_version
    with changing(by, "publish_policy", f"experiment:{slug}", event="stop_experiment", reason=note) as change:
        draft = Draft.objects.create(
            policy=experiment.policy,
            name=f"Stop {experiment.name}"[:100],
            document=without_split(live.document, slug, keep),
            base_version=live.number,
            updated_by=user_of(by),
        )
        change.after = {"keep": keep}
    note = note or f"Stop the experiment {experiment.name}, keep {keep}"
    return publish_draft(draft.pk, expected_revision=draft.revision, note=note, by=by)


def decide_experiment(slug: str, *, arm: str, note: str, by: Actor) -> Experiment:
    """What was decided and why; may be written again, the audit log keeps every text."""
    with changing(by, "publish_policy", f"experiment:{slug}", event="decide_experiment") as change:
        experiment = _experiment(slug)
        if experiment.state == ExperimentState.DRAFT:
            raise invalid("state", "not_started", f"{slug} was never started.")
        if not experiment.arms.filter(name=arm).exists():
            raise invalid("arm", "unknown_value", f"{slug} has no arm {arm}.")
        if not note.strip() or len(note) > MAX_NOTE:
            raise invalid("note", "bad_length", f"Say why, in 1 to {MAX_NOTE:,} characters.")
        change.before = {"arm": experiment.decided_arm, "note": experiment.decision_note}
        experiment.decided_arm, experiment.decision_note = arm, note.strip()
        experiment.decided_at, experiment.decided_by = timezone.now(), user_of(by)
        save_valid(experiment)
        change.after = {"arm": arm, "note": experiment.decision_note}
    return experiment


def discard_experiment(slug: str, *, by: Actor) -> None:
    """Only one that never ran: what ran stays for good. Its slug becomes free again."""
    with changing(by, "edit_draft", f"experiment:{slug}", event="discard_experiment") as change:
        experiment = _experiment(slug)
        if experiment.state != ExperimentState.DRAFT:
            raise invalid("state", "has_run", f"{slug} has run; it can be stopped, not discarded.")
        draft = draft_of(experiment)
        if draft is not None:
            draft.delete()
        change.before = {"name": experiment.name}
        experiment.delete()


def _experiment(slug: str) -> Experiment:
    return find(Experiment.objects.select_related("policy__live_version"), "experiment", slug=slug)
