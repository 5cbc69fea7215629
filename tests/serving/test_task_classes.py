"""Task classes from the edit to the head in force: examples are kept, fitted, measured on what was left out, promoted and rolled back."""

from __future__ import annotations

import pytest
from django.utils import timezone

from routerapp.engine.policy import parse_policy
from routerapp.models import (
    AuditEvent,
    EvidenceRevision,
    InstallationState,
    Job,
    PredictorState,
    TaskClass,
    TaskHeadVersion,
)
from routerapp.serving import run_job, task_heads
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.serving.task_classes import edit_task_class, remove_task_class, start_fit, task_class, task_classes
from routerapp.store.revisions import load_evidence

pytestmark = pytest.mark.django_db

EDITOR, PUBLISHER, VIEWER = (Actor(name, "user", name) for name in ("editor", "publisher", "viewer"))
LEGAL = (
    "Does clause nine of the lease bind the subtenant?",
    "Which clause of the lease lets the landlord terminate?",
    "Is the indemnity clause in this lease enforceable?",
    "Check whether the arbitration clause covers the subtenant.",
    "What notice period does the lease clause require?",
    "Redline the liability clause in favour of the tenant.",
)


def in_force() -> str:
    return load_evidence(InstallationState.objects.get(id=1).evidence_id or "").task_head


def test_lists_the_engines_classes_with_what_is_shipped_and_the_teams_own():
    edit_task_class("own-legal", by=EDITOR, words="Leases", examples=[*LEGAL, LEGAL[0], "  "], threshold=0.4)

    shown = {one.slug: one for one in task_classes()}
    assert next(iter(shown)) == "chat" and list(shown)[-1] == "own-legal"
    assert shown["code"].shipped >= 40 and not shown["code"].examples
    assert shown["own-legal"].examples == LEGAL and shown["own-legal"].is_own
    event = AuditEvent.objects.get(action="edit_task_class")
    assert event.after == {"words": "Leases", "examples": 6, "threshold": 0.4}
    remove_task_class("own-legal", by=EDITOR)
    with pytest.raises(Missing):
        task_class("own-legal")


@pytest.mark.parametrize(
    ("slug", "given", "field"),
    [
        ("legal", {}, "slug"),
        ("own-" + "x" * 17, {}, "slug"),
        ("code", {"threshold": 1.5}, "threshold"),
        ("code", {"examples": ["x" * 4_001]}, "examples"),
        ("code", {"examples": [str(n) for n in range(301)]}, "examples"),
        ("code", {"words": "x" * 201}, "words"),
    ],
)
def test_refuses_what_is_no_class_no_example_and_no_threshold(slug, given, field):
    with pytest.raises(Invalid) as refused:
        edit_task_class(slug, by=EDITOR, **given)

    assert [problem.path for problem in refused.value.problems] == [field]
    assert not TaskClass.objects.exists()


def test_a_text_is_an_example_of_one_class():
    edit_task_class("code", by=EDITOR, examples=[LEGAL[0]])

    with pytest.raises(Invalid, match="example of code already"):
        edit_task_class("own-legal", by=EDITOR, examples=LEGAL)
    with pytest.raises(NotAllowed):
        edit_task_class("code", by=VIEWER, examples=[])


def test_a_fit_makes_a_candidate_that_knows_the_new_class_and_says_how_good_it_is():
    edit_task_class("own-legal", by=EDITOR, examples=LEGAL[:4])
    with pytest.raises(Invalid, match="at least 5"):
        start_fit(by=EDITOR)
    edit_task_class("own-legal", by=EDITOR, examples=LEGAL, threshold=0.3)
    job = start_fit(by=EDITOR)
    run_job.run_job(job.pk)

    job = Job.objects.get(pk=job.pk)
    assert job.state == "done", job.message
    row = TaskHeadVersion.objects.get(version=job.result["task_head"])
    figures = row.card["figures"]
    assert row.state == PredictorState.CANDIDATE and row.card["thresholds"]["own-legal"] == 0.3
    assert figures["prompts"] == 6
    assert figures["signals"]["accuracy"] == figures["shipped"]["accuracy"] == 0.0 < figures["fitted"]["accuracy"]
    assert AuditEvent.objects.filter(action="task_head_fitted").exists()


def test_promotion_roll_back_and_off_change_the_evidence_and_nothing_else():
    shipped = task_heads.take_shipped_head(by=EDITOR)
    assert task_heads.take_shipped_head(by=EDITOR).pk == shipped.pk
    with pytest.raises(NotAllowed):
        task_heads.promote_task_head(shipped.version, by=EDITOR)

    task_heads.promote_task_head(shipped.version, by=PUBLISHER, reason="try it")
    assert in_force() == shipped.sha256
    with pytest.raises(Invalid, match="in force already"):
        task_heads.promote_task_head(shipped.version, by=PUBLISHER)

    other = TaskHeadVersion.objects.create(version=2, sha256="c" * 64, artefact=b"", card={}, promoted_at=None)
    TaskHeadVersion.objects.filter(pk=other.pk).update(
        sha256="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    )
    task_heads.promote_task_head(2, by=PUBLISHER)
    assert task_heads.roll_back_task_head(by=PUBLISHER).pk == shipped.pk
    assert in_force() == shipped.sha256
    task_heads.switch_off_task_head(by=PUBLISHER)
    assert in_force() == "" and EvidenceRevision.objects.exists()
    with pytest.raises(Invalid, match="No task head is in force"):
        task_heads.roll_back_task_head(by=PUBLISHER)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"take_shipped_task_head", "promote_task_head", "roll_back_task_head", "switch_off_task_head"} <= actions
    assert timezone.now() > TaskHeadVersion.objects.get(pk=shipped.pk).promoted_at


def test_a_rule_may_ask_for_a_class_of_ones_own_and_a_slip_is_still_found():
    def problems(task):
        when = {"field": "task", "op": "in", "value": [task]}
        use = {"pool": ["all"], "strategy": {"kind": "contextual", "targets": {task: ["all"]}}}
        document = {"schema": 1, "policy": "p", "rules": [{"id": "r1", "name": "r", "when": when, "use": use}]}
        try:
            parse_policy(document | {"default": {"pool": ["all"], "strategy": {"kind": "cheapest"}}})
        except Exception as error:
            return str(error)
        return ""

    assert problems("own-legal") == ""
    assert "cod" in problems("cod")
