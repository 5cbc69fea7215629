"""Templates: each says what it lacks here, and what is published is what was shown."""

from __future__ import annotations

import pytest

from routerapp.demo.starter import add_simulated_models
from routerapp.models import AuditEvent, InstallationState, Policy
from routerapp.serving.installation import make_plain_default
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.policy_checks import current_config, publish_problems
from routerapp.serving.policy_templates import OFFERED, TEMPLATES, template_document
from routerapp.serving.publish_template import publish_template, untouched_default
from routerapp.serving.refusals import Invalid
from routerapp.serving.template_gaps import template_gaps
from routerapp.serving.welcome import close_welcome, is_welcome_open, newest_live_request
from tests.factories import a_deployment, a_language_model, a_policy, a_request, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Actor:
    return Actor(a_user("admin").username, "user", "admin")


def gaps(template: str, **options: str) -> list[tuple[str, bool]]:
    document = template_document(template, "preview", **options)
    return [(gap.words, gap.is_blocking) for gap in template_gaps(template, document, current_config())]


def test_five_are_offered_and_all_are_known():
    assert len(OFFERED) == 5
    assert set(OFFERED) < set(TEMPLATES)


@pytest.mark.parametrize("template", OFFERED)
def test_every_template_is_publishable_on_the_simulated_models(admin, template):
    for dimension in ("accuracy", "code", "math", "reasoning"):
        a_language_model(scores={dimension: 0.5})
    add_simulated_models(by=admin)

    assert publish_problems(template_document(template, "fresh")) == ()
    assert not any(is_blocking for _, is_blocking in gaps(template))


@pytest.mark.parametrize("template", OFFERED)
def test_without_a_deployment_every_template_says_so(template):
    assert any("no deployment" in words.lower() and is_blocking for words, is_blocking in gaps(template))


def test_a_quality_floor_needs_a_model_that_reaches_it():
    a_deployment(language_model=a_language_model(scores={"accuracy": 0.3}))

    assert any("at least 0.6" in words and is_blocking for words, is_blocking in gaps("cheapest-good"))


def test_models_of_unknown_quality_are_counted_beside_a_good_one():
    a_deployment(language_model=a_language_model(scores={"accuracy": 0.8}))
    a_deployment()

    assert gaps("cheapest-good") == [("One model of unknown quality will never be used.", False)]


def test_missing_prices_are_named_but_hinder_nothing():
    a_deployment(slug="free-lunch", price=None)
    a_deployment()

    assert ("Without a price, so ranked as the dearest: free-lunch.", False) in gaps("by-task")


def test_hedging_needs_a_second_deployment():
    a_deployment()

    assert any(is_blocking for _, is_blocking in gaps("fast-reliable"))


def test_personal_data_stays_within_a_tag_or_a_region():
    by_tag = template_document("personal-data-stays", "p", stays="tag:cellar")["rules"][0]["use"]
    by_region = template_document("personal-data-stays", "p", stays="region:eu")["rules"][0]["use"]

    assert (by_tag["pool"], by_region["pool"], by_region["constraints"]) == (
        ["tag:cellar"],
        ["all"],
        {"regions": ["eu"]},
    )
    with pytest.raises(Invalid, match="no place"):
        template_document("personal-data-stays", "p", stays="moon")


def test_an_untouched_default_gets_its_next_version(admin):
    make_plain_default()
    a_deployment()

    version = publish_template("balanced", "Balanced", by=admin)

    assert (version.policy.slug, version.number, version.published_by.username) == ("default", 2, admin.name)
    assert untouched_default() is None


def test_a_default_somebody_chose_is_left_alone(admin):
    a_deployment()
    mine = a_policy(slug="mine", is_default=True)
    mine.live_version.published_by = a_user()
    mine.live_version.save()

    versions = [publish_template("balanced", "Balanced", by=admin) for _ in range(2)]

    assert [version.policy.slug for version in versions][:1] == ["balanced"]
    assert Policy.objects.get(is_default=True).pk == versions[-1].policy_id
    assert mine.versions.count() == 1


def test_a_template_that_cannot_be_published_changes_nothing(admin):
    make_plain_default()

    with pytest.raises(Invalid):
        publish_template("personal-data-stays", "Personal data", by=admin)
    assert Policy.objects.get().versions.count() == 1
    assert not Policy.objects.get().drafts.exists()


def test_only_a_publisher_may_publish_one(admin):
    with pytest.raises(NotAllowed):
        publish_template("balanced", "Balanced", by=Actor("someone", "user", "editor"))


def test_simulated_models_can_be_added_again_under_new_slugs(admin):
    for dimension in ("accuracy", "code", "math", "reasoning"):
        a_language_model(scores={dimension: 0.5})

    first, second = add_simulated_models(by=admin), add_simulated_models(by=admin)

    assert {row.slug for row in first} & {row.slug for row in second} == set()
    assert all(row.is_sample for row in (*first, *second))
    assert InstallationState.objects.get().sample_data


def test_the_wizard_is_open_from_the_first_start_until_it_is_closed(admin):
    assert not is_welcome_open()
    InstallationState.objects.update_or_create(
        id=1, defaults={"settings": {"first_started_at": "2026-01-01T00:00:00+00:00"}}
    )
    assert is_welcome_open()

    close_welcome(by=admin)

    assert not is_welcome_open()
    assert AuditEvent.objects.get(action="close_welcome").actor == admin.name


def test_only_callers_requests_count_as_the_first(admin):
    a_request(origin="sample")
    a_request(origin="playground")
    assert newest_live_request() is None

    row = a_request(origin="live")

    assert newest_live_request() == row
