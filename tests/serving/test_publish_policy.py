import threading
from typing import Any

import pytest
from django.db import connection

from routerapp.engine.canonical import content_address
from routerapp.models import (
    Alias,
    AuditEvent,
    Draft,
    Experiment,
    ExperimentState,
    InstallationState,
    Policy,
    PolicyVersion,
    Rule,
)
from routerapp.serving import publish_policy
from routerapp.serving.permissions import NotAllowed
from routerapp.serving.refusals import Invalid, Missing, Stale
from tests.factories import a_deployment, a_document, a_draft, a_key, a_policy, a_user
from tests.serving.actors import ADMIN, EDITOR, PUBLISHER, VIEWER

pytestmark = pytest.mark.django_db
RULE = {
    "id": "r1",
    "name": "code",
    "when": {"field": "task", "op": "eq", "value": "code"},
    "use": {"pool": ["all"], "strategy": {"kind": "cheapest"}},
}


@pytest.fixture
def deployment() -> Any:
    return a_deployment()


def a_split(experiment: str = "cheaper-code") -> dict[str, Any]:
    arms = [{"name": name, "weight": weight, "use": {"pool": ["all"]}} for name, weight in (("old", 0.9), ("new", 0.1))]
    return {
        **RULE,
        "id": "r2",
        "use": {"pool": ["all"], "strategy": {"kind": "split", "experiment": experiment, "arms": arms}},
    }


def serial() -> int:
    return InstallationState.objects.values_list("serial", flat=True).get()


def codes(refusal: pytest.ExceptionInfo[Invalid]) -> set[str]:
    return {problem.code for problem in refusal.value.problems}


@pytest.mark.parametrize("template", ["blank", "balanced", "by-task"])
def test_every_template_can_be_published(template: str, deployment: Any) -> None:
    policy = publish_policy.create_policy("fresh", "Fresh", template=template, by=EDITOR)

    version = publish_policy.publish_draft(policy.drafts.get().pk, expected_revision=1, note="go", by=PUBLISHER)

    policy.refresh_from_db()
    assert (version.number, policy.live_version_id) == (1, version.pk)
    assert not policy.drafts.exists()


def test_a_new_policy_serves_nobody_yet() -> None:
    policy = publish_policy.create_policy("fresh", "Fresh", by=EDITOR)

    assert policy.live_version is None
    assert policy.drafts.get().base_version == 0


@pytest.mark.parametrize("slug", ["Fresh", "-fresh", "fresh one", "", "auto", "x" * 51, "a/b", "ünder"])
def test_a_slug_that_cannot_be_used_is_refused(slug: str) -> None:
    with pytest.raises(Invalid):
        publish_policy.create_policy(slug, "Fresh", by=EDITOR)
    assert not Policy.objects.exists()


def test_a_slug_is_never_used_again() -> None:
    publish_policy.create_policy("fresh", "Fresh", by=EDITOR)
    publish_policy.archive_policy("fresh", by=PUBLISHER)

    with pytest.raises(Invalid, match="never used again"):
        publish_policy.create_policy("fresh", "Fresh", by=EDITOR)


def test_saving_raises_the_revision_and_the_serial() -> None:
    draft = a_draft(a_policy())
    document = {**draft.document, "rules": [RULE]}
    publish_policy.save_draft(draft.pk, document, expected_revision=1, by=EDITOR)
    before = serial()

    saved = publish_policy.save_draft(draft.pk, document, expected_revision=2, by=EDITOR, name="Better")

    draft.refresh_from_db()
    assert (saved.revision, draft.revision, draft.name, draft.document["rules"]) == (3, 3, "Better", [RULE])
    assert serial() > before


def test_a_stale_save_writes_nothing() -> None:
    draft = a_draft(a_policy())
    publish_policy.save_draft(draft.pk, draft.document, expected_revision=1, by=EDITOR)

    with pytest.raises(Stale) as refused:
        publish_policy.save_draft(draft.pk, {**draft.document, "rules": [RULE]}, expected_revision=1, by=EDITOR)

    draft.refresh_from_db()
    assert refused.value.current_revision == 2
    assert draft.document["rules"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"policy": "other"}, "wrong_policy"),
        ({"rules": [{**RULE, "when": {"field": "nonsense", "op": "eq", "value": 1}}]}, ""),
        ({"rules": [{**RULE, "use": {"pool": ["all"], "parameters": {"temperature": float("nan")}}}]}, "not_a_number"),
        ({"rules": [{**RULE, "name": "nul \0"}]}, "bad_character"),
        ({"rules": [{**RULE, "when": {"field": "text", "op": "matches", "value": "(?=x)"}}]}, ""),
    ],
)
def test_a_document_the_engine_cannot_read_is_not_saved(change: dict[str, Any], code: str) -> None:
    draft = a_draft(a_policy())

    with pytest.raises(Invalid) as refused:
        publish_policy.save_draft(draft.pk, {**draft.document, **change}, expected_revision=1, by=EDITOR)

    assert all(problem.message for problem in refused.value.problems)
    assert not code or codes(refused) == {code}
    assert Draft.objects.get().revision == 1


def test_a_document_without_end_is_refused_not_followed() -> None:
    draft = a_draft(a_policy())
    nest: dict[str, Any] = {}
    for _ in range(5_000):
        nest = {"not": nest}

    with pytest.raises(Invalid) as refused:
        publish_policy.save_draft(
            draft.pk, {**draft.document, "rules": [{"when": nest}]}, expected_revision=1, by=EDITOR
        )
    assert codes(refused) == {"too_deep"}


def test_publishing_writes_version_rules_audit_and_revision_together(deployment: Any) -> None:
    policy = a_policy()
    draft = a_draft(policy, {**a_document(policy.slug), "rules": [RULE, {**a_split(), "enabled": False}]})
    user = a_user(role="publisher", username="publisher")

    version = publish_policy.publish_draft(draft.pk, expected_revision=1, note="why", by=PUBLISHER)

    event = AuditEvent.objects.get(action="publish_policy")
    assert (version.number, version.note, version.published_by) == (2, "why", user)
    assert version.sha256 == content_address(draft.document)
    rows = Rule.objects.filter(version=version).values_list("rule_id", "position", "strategy", "is_enabled")
    assert list(rows) == [("r1", 0, "cheapest", True), ("r2", 1, "split", False)]
    assert (event.subject, event.reason, event.address) == (f"policy:{policy.slug}", "why", "192.0.2.7")
    assert (event.before, event.after["version"]) == ({"version": 1}, 2)
    state = InstallationState.objects.get()
    assert state.config is not None
    assert state.config.reason == f"publish_policy policy:{policy.slug}"


def test_what_cannot_be_published_is_refused_whole() -> None:
    policy = a_policy()
    use = {"pool": ["deployment:nowhere"], "strategy": {"kind": "ordered"}}
    draft = a_draft(policy, {**a_document(policy.slug), "rules": [{**RULE, "use": use}]})

    with pytest.raises(Invalid) as refused:
        publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)

    assert any(problem.path.startswith("rules[0]") for problem in refused.value.problems)
    assert PolicyVersion.objects.count() == 1
    assert not AuditEvent.objects.exists()
    assert publish_policy.check_draft(draft.pk, by=VIEWER) == refused.value.problems


def test_a_draft_published_already_is_stale(deployment: Any) -> None:
    draft = a_draft(a_policy())
    publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)

    with pytest.raises(Stale):
        publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)


def test_a_draft_begun_before_the_last_publish_must_be_rebased(deployment: Any) -> None:
    policy = a_policy()
    one, two = a_draft(policy), a_draft(policy)
    publish_policy.publish_draft(one.pk, expected_revision=1, note="", by=PUBLISHER)

    with pytest.raises(Stale, match="rebase"):
        publish_policy.publish_draft(two.pk, expected_revision=1, note="", by=PUBLISHER)
    rebased = publish_policy.rebase_draft(two.pk, expected_revision=1, by=EDITOR)
    version = publish_policy.publish_draft(two.pk, expected_revision=rebased.revision, note="", by=PUBLISHER)
    assert version.number == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_publishes_at_once_one_wins() -> None:
    a_deployment()
    draft = a_draft(a_policy())
    outcomes: list[str] = []
    start = threading.Barrier(2)

    def publish() -> None:
        try:
            start.wait()
            publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)
            outcomes.append("published")
        except Stale:
            outcomes.append("stale")
        finally:
            connection.close()

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["published", "stale"]
    assert list(PolicyVersion.objects.values_list("number", flat=True)) == [2, 1]


def test_rolling_back_is_a_new_version_with_the_old_document(deployment: Any) -> None:
    policy = a_policy()
    draft = a_draft(policy, {**a_document(policy.slug), "rules": [RULE]})
    publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)

    version = publish_policy.roll_back(policy.slug, 1, note="oops", by=PUBLISHER, expected_live=2)

    first = policy.versions.get(number=1)
    assert (version.number, version.rolled_back_from) == (3, 1)
    assert (version.document, version.sha256) == (first.document, first.sha256)
    assert Policy.objects.get().live_version == version
    assert not version.rules.exists()


def test_a_roll_back_sees_that_somebody_published(deployment: Any) -> None:
    policy = a_policy()
    publish_policy.publish_draft(a_draft(policy).pk, expected_revision=1, note="", by=PUBLISHER)

    with pytest.raises(Stale) as refused:
        publish_policy.roll_back(policy.slug, 1, by=PUBLISHER, expected_live=1)
    assert refused.value.current_revision == 2


@pytest.mark.parametrize(("number", "error"), [(1, Invalid), (7, Missing)])
def test_there_is_nothing_to_roll_back_to(number: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        publish_policy.roll_back(a_policy().slug, number, by=PUBLISHER)


def test_splits_become_experiments_and_stop_with_their_rule(deployment: Any) -> None:
    policy = a_policy()
    draft = a_draft(policy, {**a_document(policy.slug), "rules": [a_split()]})
    publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)
    experiment = Experiment.objects.get(slug="cheaper-code")

    assert (experiment.rule_id, experiment.state) == ("r2", ExperimentState.RUNNING)
    assert dict(experiment.arms.values_list("name", "weight")) == {"old": 900, "new": 100}
    publish_policy.roll_back(policy.slug, 1, by=PUBLISHER)
    experiment.refresh_from_db()
    assert experiment.state == ExperimentState.STOPPED
    assert experiment.stopped_at is not None


def test_an_experiment_belongs_to_one_policy(deployment: Any) -> None:
    for policy in (a_policy(), a_policy()):
        a_draft(policy, {**a_document(policy.slug), "rules": [a_split()]})
    one, two = Draft.objects.order_by("pk")
    publish_policy.publish_draft(one.pk, expected_revision=1, note="", by=PUBLISHER)

    with pytest.raises(Invalid, match="another policy"):
        publish_policy.publish_draft(two.pk, expected_revision=1, note="", by=PUBLISHER)
    assert not two.policy.versions.filter(number=2).exists()


def test_what_is_in_use_is_not_archived() -> None:
    policy = a_policy(is_default=True)
    a_key(slug="caller", default_policy=policy)
    Alias.objects.create(name="help", target=f"policy:{policy.slug}")
    document = {**a_document(), "default": {"pool": [f"policy:{policy.slug}"]}}
    a_policy(document, slug="around")

    with pytest.raises(Invalid) as refused:
        publish_policy.archive_policy(policy.slug, by=PUBLISHER)

    message = refused.value.problems[0].message
    assert all(words in message for words in ("default", "key caller", "alias help", "policy around"))


def test_the_default_moves_from_one_policy_to_another() -> None:
    a_policy(slug="one", is_default=True)
    a_policy(slug="two")

    publish_policy.set_default_policy("two", by=PUBLISHER)

    assert Policy.objects.get(is_default=True).slug == "two"
    assert AuditEvent.objects.get().before == {"default": "one"}


def test_an_unpublished_policy_cannot_be_the_default() -> None:
    publish_policy.create_policy("fresh", "Fresh", by=EDITOR)

    with pytest.raises(Invalid):
        publish_policy.set_default_policy("fresh", by=PUBLISHER)


def test_a_draft_is_discarded_at_the_revision_that_was_seen() -> None:
    draft = a_draft(a_policy(), revision=3)

    with pytest.raises(Stale):
        publish_policy.discard_draft(draft.pk, expected_revision=2, by=EDITOR)
    publish_policy.discard_draft(draft.pk, expected_revision=3, by=EDITOR)
    assert not Draft.objects.exists()


def test_a_draft_starts_from_any_version_and_is_based_on_the_live_one(deployment: Any) -> None:
    policy = a_policy()
    draft = a_draft(policy, {**a_document(policy.slug), "rules": [RULE]})
    publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=PUBLISHER)

    old = publish_policy.create_draft(policy.slug, by=EDITOR, from_version=1)

    assert (old.document["rules"], old.base_version) == ([], 2)


@pytest.mark.parametrize(
    "call",
    [
        lambda policy, draft: publish_policy.create_policy("fresh", "Fresh", by=VIEWER),
        lambda policy, draft: publish_policy.create_draft(policy.slug, by=VIEWER),
        lambda policy, draft: publish_policy.save_draft(draft.pk, draft.document, expected_revision=1, by=VIEWER),
        lambda policy, draft: publish_policy.rebase_draft(draft.pk, expected_revision=1, by=VIEWER),
        lambda policy, draft: publish_policy.discard_draft(draft.pk, by=VIEWER),
        lambda policy, draft: publish_policy.publish_draft(draft.pk, expected_revision=1, note="", by=EDITOR),
        lambda policy, draft: publish_policy.roll_back(policy.slug, 1, by=EDITOR),
        lambda policy, draft: publish_policy.archive_policy(policy.slug, by=EDITOR),
        lambda policy, draft: publish_policy.set_default_policy(policy.slug, by=EDITOR),
    ],
)
def test_the_use_case_itself_asks_for_the_role(call: Any) -> None:
    policy = a_policy()
    draft = a_draft(policy)

    with pytest.raises(NotAllowed):
        call(policy, draft)
    assert not AuditEvent.objects.exists()


def test_an_admin_may_all_of_it(deployment: Any) -> None:
    publish_policy.create_policy("fresh", "Fresh", by=ADMIN)
    publish_policy.publish_draft(Draft.objects.get().pk, expected_revision=1, note="", by=ADMIN)
    publish_policy.rename_policy("fresh", name="Fresher", by=ADMIN)

    assert Policy.objects.get().name == "Fresher"
