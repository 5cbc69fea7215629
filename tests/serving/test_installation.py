import dataclasses
import threading
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from routerapp.models import (
    Alias,
    APIKey,
    AttemptRow,
    AuditEvent,
    DecisionInputs,
    Deployment,
    Dimension,
    InstallationState,
    LanguageModel,
    Policy,
    Provider,
    RequestRollup,
    RoutedRequest,
    User,
)
from routerapp.serving import installation
from routerapp.serving.audit import verify_chain
from routerapp.serving.permissions import NotAllowed
from routerapp.store.keys import parse_key
from tests.factories import a_deployment, a_key, a_policy, a_provider, a_request, a_snapshot, an_attempt
from tests.serving.actors import ADMIN, PUBLISHER


def environment(**overrides: Any) -> Any:
    return dataclasses.replace(settings.ENVIRONMENT, **{"is_demo": False, "admin_password": None, **overrides})


def a_rollup(origin: str) -> RequestRollup:
    names = [field.name for field in RequestRollup._meta.fields]
    zeros = {name: 0 for name in names if name.endswith(("_n", "_nusd", "_tokens", "_version"))}
    texts = {name: "x" for name in ("policy", "rule", "key", "team", "task", "language_model", "status")}
    row = RequestRollup.objects.create(
        id=hash(origin) % 10**9, granularity="hour", starts_at_ms=0, origin=origin, n=1, **zeros, **texts
    )
    return row


@pytest.mark.django_db
def test_the_first_start_leaves_something_that_works() -> None:
    start = installation.first_start(environment())

    admin = User.objects.get()
    snapshot = a_snapshot()
    assert start.admin_password is not None
    assert admin.check_password(start.admin_password)
    assert (admin.role, admin.must_change_password) == ("admin", True)
    parsed = parse_key(start.api_key or "")
    assert parsed is not None
    assert parsed.prefix in snapshot.keys
    assert snapshot.config.default_policy == "default"
    assert Dimension.objects.count() == len(installation.DIMENSIONS)
    assert InstallationState.objects.get().canary
    assert verify_chain() is None


@pytest.mark.django_db
def test_a_second_start_changes_nothing() -> None:
    installation.first_start(environment())
    before = (AuditEvent.objects.count(), InstallationState.objects.get().serial)

    again = installation.first_start(environment())

    assert again == installation.FirstStart(None, None)
    assert (AuditEvent.objects.count(), InstallationState.objects.get().serial) == before


@pytest.mark.django_db
def test_a_chosen_password_is_not_given_back() -> None:
    start = installation.first_start(environment(admin_password="correct horse battery"))

    assert start.admin_password is None
    assert User.objects.get().check_password("correct horse battery")
    assert not User.objects.get().must_change_password


@pytest.mark.django_db
def test_a_demo_brings_its_own_policies() -> None:
    installation.first_start(environment(is_demo=True))

    assert not Policy.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_two_first_starts_at_once_one_makes_the_admin() -> None:
    starts: list[installation.FirstStart] = []
    together = threading.Barrier(2)

    def start() -> None:
        try:
            together.wait()
            starts.append(installation.first_start(environment()))
        finally:
            connection.close()

    threads = [threading.Thread(target=start) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert User.objects.count() == APIKey.objects.count() == 1
    assert sorted(start.admin_password is None for start in starts) == [False, True]


@pytest.mark.django_db
def test_sample_data_goes_whole_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "BATCH_ROWS", 2)
    installation.first_start(environment(is_demo=True))
    sample = a_deployment(is_sample=True, provider=a_provider(is_sample=True))
    LanguageModel.objects.filter(pk=sample.language_model_id).update(is_sample=True)
    shared = a_provider(is_sample=True)
    own = a_deployment(provider=shared)
    policy = a_policy(is_sample=True, is_default=True)
    a_key(slug="mine", default_policy=policy)
    a_key(slug="sample-support", name="Sample support")
    Alias.objects.create(name="help", target=f"policy:{policy.slug}")
    for _ in range(5):
        an_attempt(a_request(origin="sample"))
    kept = a_request()
    an_attempt(kept)
    a_rollup("sample")
    live = a_rollup("live")

    removed = installation.remove_sample_data(by=ADMIN)

    config = a_snapshot().config
    assert removed == 5
    assert list(RoutedRequest.objects.values_list("id", flat=True)) == [kept.id]
    assert AttemptRow.objects.get().request_id == DecisionInputs.objects.get().request_id == kept.id
    assert RequestRollup.objects.get().id == live.id
    assert set(config.deployments) == {own.slug}
    assert Provider.objects.get(pk=shared.pk).archived_at is None
    assert list(config.policies) == ["default"]
    assert config.default_policy == "default"
    assert set(config.callers) == {"first-key", "mine"}
    assert config.callers["mine"].default_policy is None
    assert not config.aliases
    assert Deployment.objects.get(pk=sample.pk).archived_at is not None
    assert not InstallationState.objects.get().sample_data


@pytest.mark.django_db
def test_removing_sample_data_twice_does_no_harm() -> None:
    installation.first_start(environment())
    installation.remove_sample_data(by=ADMIN)

    assert installation.remove_sample_data(by=ADMIN) == 0
    assert Policy.objects.filter(archived_at=None).count() == 1


@pytest.mark.django_db
def test_sample_data_is_for_admins_to_remove() -> None:
    with pytest.raises(NotAllowed):
        installation.remove_sample_data(by=PUBLISHER)
