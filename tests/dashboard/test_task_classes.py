"""Task classes on pages and through the API: examples go in, a head is fitted, its figures are shown, it is promoted and taken back."""

from __future__ import annotations

from typing import Any

import pytest
from django.template.loader import render_to_string
from django.urls import reverse
from msgspec.structs import replace

from routerapp.engine.types import Features
from routerapp.models import AuditEvent, Job, PredictorState, RoutedRequest, TaskClass, TaskHeadVersion
from routerapp.serving import run_job
from tests.api.callers import calls_as, codes_of
from tests.dashboard.recorded import a_decision
from tests.factories import a_draft, a_policy

pytestmark = pytest.mark.django_db

LEGAL = (
    "Does clause nine of the lease bind the subtenant?",
    "Which clause of the lease lets the landlord terminate?",
    "Is the indemnity clause in this lease enforceable?\n\nIt was signed abroad.",
    "Check whether the arbitration clause covers the subtenant.",
    "What notice period does the lease clause require?",
)


def url(name: str, *rest: Any) -> str:
    return reverse(f"dashboard:{name}", args=rest)


def test_examples_go_in_a_head_is_fitted_and_its_figures_are_shown(signed_in) -> None:
    editor = signed_in("editor")
    made = editor.post(url("task-class-create"), {"slug": "own-legal", "words": "Leases"})
    assert made["Location"] == url("task-class", "own-legal")

    saved = editor.post(
        url("task-class-edit", "own-legal"),
        {"words": "Leases", "examples": "\r\n---\r\n".join(LEGAL), "threshold": "0.3"},
    )
    assert saved["Location"] == url("task-class-list")
    assert TaskClass.objects.get().examples == list(LEGAL)
    assert "It was signed abroad." in editor.get(url("task-class", "own-legal")).text

    editor.post(url("task-head-fit"))
    job = Job.objects.get(kind="fit_task_head")
    assert "Waiting for the job worker" in editor.get(url("task-class-list")).text
    run_job.run_job(job.pk)
    page = editor.get(url("task-class-list")).text
    assert "task-head@1" in page and "your 5 examples, each left out" in page and "signals alone" in page
    assert "Promote" not in page
    editor.post(url("task-class-remove", "own-legal"))
    assert not TaskClass.objects.exists()


def test_a_publisher_promotes_rolls_back_and_switches_off(signed_in) -> None:
    publisher = signed_in("publisher")
    publisher.post(url("task-head-shipped"))
    page = publisher.get(url("task-class-list")).text
    assert "311 labelled prompts" in page and "75.6" in page

    publisher.post(url("task-head-promote", 1))
    assert TaskHeadVersion.objects.get().state == PredictorState.LIVE
    assert "In force" in publisher.get(url("task-class-list")).text
    publisher.post(url("task-head-roll-back"))
    assert TaskHeadVersion.objects.get().state == PredictorState.RETIRED
    answer = publisher.post(url("task-head-off"), follow=True)
    assert "No task head is in force" in answer.text


@pytest.mark.parametrize(
    ("name", "rest", "given", "words"),
    [
        ("task-class-create", (), {"slug": "legal"}, "is no task class"),
        ("task-class-edit", ("code",), {"threshold": "7"}, "less than or equal to 1"),
        ("task-class-edit", ("code",), {"examples": "x" * 4_001}, "4,000 characters"),
    ],
)
def test_what_is_wrong_is_said_beside_the_form(signed_in, name, rest, given, words) -> None:
    answer = signed_in("editor").post(url(name, *rest), given)

    assert answer.status_code == 422 and words in answer.text
    assert not TaskClass.objects.exists()


def test_a_viewer_reads_and_no_class_is_no_page(signed_in) -> None:
    viewer = signed_in("viewer")

    assert "Shipped examples" in viewer.get(url("task-class", "translate")).text
    assert viewer.get(url("task-class", "poetry")).status_code == 404


def test_the_same_through_the_api() -> None:
    editor, publisher = calls_as("editor"), calls_as("publisher")
    kept = editor("PUT", "task-classes/own-legal", {"words": "Leases", "examples": list(LEGAL), "threshold": 0.4})
    assert kept.json()["examples"] == list(LEGAL) and kept.json()["is_own"]
    assert len(editor("GET", "task-classes").json()["classes"]) == 11
    assert codes_of(editor("PUT", "task-classes/legal", {})) == {"slug": "bad_slug"}

    assert codes_of(editor("POST", "task-heads", {"kind": "dear"})) == {"kind": "invalid_choice"}
    job = editor("POST", "task-heads", {"kind": "fitted"}).json()["job"]
    assert job["kind"] == "fit_task_head"
    head = editor("POST", "task-heads", {"kind": "shipped"}).json()["task_head"]
    assert publisher("POST", f"task-heads/{head['version']}/promote", {"reason": "try"}).json()["state"] == "live"
    assert AuditEvent.objects.get(action="promote_task_head").reason == "try"
    assert editor("GET", "task-heads").json()["data"][0]["card"]["shipped"] is True
    assert publisher("POST", "task-heads/roll-back", {}).json() == {"live": None}
    assert codes_of(publisher("POST", "task-heads/off", {})) == {"state": "none_live"}
    assert editor("DELETE", "task-classes/own-legal").status_code == 204


def test_the_trace_says_what_the_head_and_what_the_signals_saw() -> None:
    trained = {
        "head": "a" * 64,
        "posterior": {"reasoning": 0.69, "math": 0.15},
        "complexity": None,
        "signals_task": "question",
        "signals_confidence": 0.62,
        "signals_complexity": 0.2,
    }
    decision = replace(
        a_decision("small", "all"), features=Features(task="reasoning", task_confidence=0.69, trained=trained)
    )

    beside = {"row": RoutedRequest(rule="r1", policy="support"), "detail": {"feedback": []}}
    shown = render_to_string("dashboard/requests/facts.html", beside | {"decision": decision})
    plain = render_to_string("dashboard/requests/facts.html", beside | {"decision": a_decision("small", "all")})

    assert "the trained head saw reasoning 69" in shown and "the signals said question, 62" in shown
    assert "unlike graded prompts, so the signals stand" in shown
    assert "trained head" not in plain


def test_the_rule_editor_offers_a_class_of_ones_own_and_keeps_one_that_is_gone(signed_in) -> None:
    TaskClass.objects.create(slug="own-legal")
    draft = a_draft(a_policy(slug="support"))
    condition = {"field": "task", "op": "in", "value": ["own-gone"]}
    contextual = {"kind": "contextual", "targets": {"own-gone": ["all"]}}
    rule = {"id": "r1", "name": "r", "when": condition, "use": {"pool": ["all"], "strategy": contextual}}
    draft.document = draft.document | {"rules": [rule]}
    draft.save()
    editor = signed_in("editor")

    fresh = editor.get(url("rule-create", draft.policy.slug, draft.pk)).text
    kept = editor.get(url("rule-edit", draft.policy.slug, draft.pk, "r1")).text

    assert 'value="own-legal"' in fresh
    assert 'value="own-gone" checked' in kept and '<option value="own-gone" selected>own-gone (unknown)' in kept
