"""Experiments from creation to decision: each step is a version of the policy, and the rows say why."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routerapp.demo.workspace import make_workspace
from routerapp.models import AuditEvent, Dimension, Draft, Experiment, ExperimentState, Policy
from routerapp.serving import experiments, publish_policy
from routerapp.serving.experiment_report import report_of
from routerapp.serving.experiments import NewExperiment
from routerapp.serving.installation import DIMENSIONS
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing, Stale
from tests.factories import a_deployment, a_request
from tests.serving.actors import EDITOR, PUBLISHER, VIEWER

pytestmark = pytest.mark.django_db
TREATMENT = {"pool": ["all"], "strategy": {"kind": "fastest"}}
ARMS = ({"name": "control", "weight": 0.5}, {"name": "treatment", "weight": 0.5, "use": TREATMENT})


@pytest.fixture
def policy() -> Policy:
    a_deployment()
    made = publish_policy.create_policy("support", "Support", template="balanced", by=EDITOR)
    publish_policy.publish_draft(made.drafts.get().pk, expected_revision=1, note="go", by=PUBLISHER)
    return Policy.objects.get(slug="support")


def wanted(**changes: Any) -> NewExperiment:
    fields: dict[str, Any] = {
        "slug": "faster",
        "name": "Faster?",
        "policy": "support",
        "rule_id": "default",
        "arms": ARMS,
    }
    return NewExperiment(**fields | changes)


def live_default(slug: str = "support") -> Any:
    version = Policy.objects.get(slug=slug).live_version
    assert version is not None
    return version.document["default"]


def test_creating_one_changes_nothing_that_is_live(policy: Policy) -> None:
    before = live_default()

    experiment, draft = experiments.create_experiment(wanted(), by=EDITOR)

    assert (experiment.state, live_default()) == (ExperimentState.DRAFT, before)
    assert experiments.draft_of(experiment) == draft
    assert draft.document["default"]["strategy"]["arms"][0]["use"] == before


def test_start_and_stop_are_versions_and_the_control_comes_back_unchanged(policy: Policy) -> None:
    before = live_default()
    experiments.create_experiment(wanted(), by=EDITOR)

    started = experiments.start_experiment("faster", by=PUBLISHER)
    running = Experiment.objects.get(slug="faster")
    stopped = experiments.stop_experiment("faster", by=PUBLISHER)

    assert (started.number, stopped.number) == (2, 3)
    assert running.state == ExperimentState.RUNNING and running.started_at is not None
    assert {arm.name: arm.weight for arm in running.arms.all()} == {"control": 500, "treatment": 500}
    assert live_default() == before
    assert Experiment.objects.get(slug="faster").state == ExperimentState.STOPPED


def test_stopping_can_keep_the_treatment(policy: Policy) -> None:
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.start_experiment("faster", by=PUBLISHER)

    experiments.stop_experiment("faster", keep="treatment", by=PUBLISHER, note="twice as fast")

    assert live_default() == TREATMENT
    assert AuditEvent.objects.filter(action="stop_experiment", reason="twice as fast").exists()


def test_the_decision_is_kept_with_who_and_why(policy: Policy) -> None:
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.start_experiment("faster", by=PUBLISHER)

    decided = experiments.decide_experiment(
        "faster", arm="treatment", note="Same success, half the wait.", by=PUBLISHER
    )

    assert (decided.decided_arm, decided.decision_note) == ("treatment", "Same success, half the wait.")
    assert decided.decided_at is not None


def test_a_change_of_shares_starts_the_comparison_anew(policy: Policy) -> None:
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.start_experiment("faster", by=PUBLISHER)
    first = Experiment.objects.get(slug="faster").weights_since
    again = publish_policy.create_draft("support", by=EDITOR)
    publish_policy.publish_draft(again.pk, expected_revision=1, note="same", by=PUBLISHER)
    unchanged = Experiment.objects.get(slug="faster").weights_since
    third = publish_policy.create_draft("support", by=EDITOR)
    third.document["default"]["strategy"]["arms"][0]["weight"] = 0.9
    publish_policy.save_draft(third.pk, third.document, expected_revision=1, by=EDITOR)

    publish_policy.publish_draft(third.pk, expected_revision=2, note="more control", by=PUBLISHER)

    changed = Experiment.objects.get(slug="faster").weights_since
    assert first == unchanged
    assert changed is not None and first is not None and changed > first


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"slug": "No Slug"}, "bad_slug"),
        ({"unit": "moon"}, "unknown_value"),
        ({"arms": [{"name": "a", "weight": 1, "use": TREATMENT}] * 2}, "no_control"),
        ({"arms": [{"name": "a", "weight": 1}]}, "out_of_range"),
        ({"arms": [{"name": "a", "weight": 1}, {"name": "a", "weight": 1}]}, "duplicate_id"),
        ({"arms": [{"name": "a", "weight": -1}, {"name": "b", "weight": 1}]}, "out_of_range"),
        (
            {"arms": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1, "use": {"pool": ["all"], "x": 1}}]},
            "unknown_key",
        ),
    ],
)
def test_bad_input_is_refused_and_nothing_is_left_behind(policy: Policy, changes: Any, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        experiments.create_experiment(wanted(**changes), by=EDITOR)

    assert code in {problem.code for problem in refused.value.problems}
    assert not Experiment.objects.exists() and not Draft.objects.exists()


def test_a_rule_that_is_not_there_or_splits_already_is_refused(policy: Policy) -> None:
    with pytest.raises(Missing):
        experiments.create_experiment(wanted(rule_id="r99"), by=EDITOR)
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.start_experiment("faster", by=PUBLISHER)
    with pytest.raises(Invalid):
        experiments.create_experiment(wanted(slug="second"), by=EDITOR)


def test_a_start_over_a_newer_version_is_stale_and_changes_nothing(policy: Policy) -> None:
    experiments.create_experiment(wanted(), by=EDITOR)
    other = publish_policy.create_draft("support", by=EDITOR)
    publish_policy.publish_draft(other.pk, expected_revision=1, note="meanwhile", by=PUBLISHER)

    with pytest.raises(Stale):
        experiments.start_experiment("faster", by=PUBLISHER)

    assert Experiment.objects.get(slug="faster").state == ExperimentState.DRAFT


def test_roles_hold(policy: Policy) -> None:
    with pytest.raises(NotAllowed):
        experiments.create_experiment(wanted(), by=VIEWER)
    experiments.create_experiment(wanted(), by=EDITOR)
    with pytest.raises(NotAllowed):
        experiments.start_experiment("faster", by=EDITOR)


def test_only_what_never_ran_can_be_discarded(policy: Policy) -> None:
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.discard_experiment("faster", by=EDITOR)
    assert not Draft.objects.exists()
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.start_experiment("faster", by=PUBLISHER)

    with pytest.raises(Invalid):
        experiments.discard_experiment("faster", by=EDITOR)


def test_the_control_comes_first_whatever_the_order_of_the_request(policy: Policy) -> None:
    _, draft = experiments.create_experiment(wanted(arms=ARMS[::-1]), by=EDITOR)

    assert [arm["name"] for arm in draft.document["default"]["strategy"]["arms"]] == ["control", "treatment"]


@pytest.mark.parametrize(
    "change",
    [
        lambda split: split["arms"][1].update(use={"pool": ["all"], "strategy": {"kind": "cheapest"}}),
        lambda split: split.update(by="tenant"),
    ],
)
def test_other_uses_or_units_start_the_comparison_anew(policy: Policy, change: Any) -> None:
    experiments.create_experiment(wanted(), by=EDITOR)
    experiments.start_experiment("faster", by=PUBLISHER)
    first = Experiment.objects.get(slug="faster").weights_since
    draft = publish_policy.create_draft("support", by=EDITOR)
    change(draft.document["default"]["strategy"])
    publish_policy.save_draft(draft.pk, draft.document, expected_revision=1, by=EDITOR)

    publish_policy.publish_draft(draft.pk, expected_revision=2, note="other", by=PUBLISHER)

    changed = Experiment.objects.get(slug="faster")
    assert changed.weights_since is not None and first is not None and changed.weights_since > first
    assert report_of(changed).is_since_change


def test_a_rule_that_is_switched_off_is_refused(policy: Policy) -> None:
    rule = {"id": "r1", "enabled": False, "when": {"field": "task", "op": "eq", "value": "code"}, "use": TREATMENT}
    draft = publish_policy.create_draft("support", by=EDITOR)
    document = {**draft.document, "rules": [rule]}
    publish_policy.save_draft(draft.pk, document, expected_revision=1, by=EDITOR)
    publish_policy.publish_draft(draft.pk, expected_revision=2, note="", by=PUBLISHER)

    with pytest.raises(Invalid, match="switched off"):
        experiments.create_experiment(wanted(rule_id="r1"), by=EDITOR)


def test_the_demo_has_an_experiment_that_counts_its_sample_traffic() -> None:
    now = timezone.now()
    Dimension.objects.bulk_create(Dimension(slug=slug, name=name) for slug, name, _ in DIMENSIONS)
    make_workspace(now)
    at_ms = int((now - timedelta(days=20)).timestamp() * 1000)
    a_request(inputs=None, experiment="cheaper-code", arm="cheaper", unit="u", origin="sample", at_ms=at_ms)

    report = report_of(Experiment.objects.get(slug="cheaper-code"))

    assert report.comparison is not None
    assert [(arm.counts.name, arm.counts.units) for arm in report.comparison.arms] == [("control", 0), ("cheaper", 1)]
