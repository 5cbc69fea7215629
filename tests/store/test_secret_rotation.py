"""Rotating the root secret: everything opens before, after, and wherever it was interrupted; hashes never change."""

from __future__ import annotations

import dataclasses

import pytest
from django.apps import apps
from django.db import models

from routerapp.models import AlertChannel, Credential, InstallationState, SecondFactor
from routerapp.root_secret import FILE_NAME, read_root_secret, replace_root_secret
from routerapp.store import secrets
from routerapp.store.secret_rotation import BATCH, CIPHERTEXTS, rotate_root_secret
from tests.factories import a_provider, a_user

pytestmark = pytest.mark.django_db


class PowerCut(BaseException):
    pass


@pytest.fixture
def folder(tmp_path, settings):
    """A data folder of its own with secrets in every table that has some."""
    environment = settings.ENVIRONMENT
    from routerapp.root_secret import make_root_secret

    make_root_secret(tmp_path / FILE_NAME)
    settings.ENVIRONMENT = environment
    use(tmp_path, settings)
    secrets.check_canary()
    for number in range(BATCH + 3):
        a_provider(slug=f"p-{number}", credential=f"sk-{number}-of-a-provider")
    SecondFactor.objects.create(user=a_user(), ciphertext=secrets.encrypt(secrets.SECOND_FACTOR, "1", "JBSWY3DP"))
    AlertChannel.objects.create(
        slug="ops",
        kind="webhook",
        ciphertext=secrets.encrypt(secrets.ALERT_CHANNEL, "ops", "whsec"),
        address_ciphertext=secrets.encrypt(secrets.ALERT_ADDRESS, "ops", "https://hooks.example.org/x"),
    )
    AlertChannel.objects.create(slug="mail", kind="email")
    return tmp_path


def use(folder, settings):
    """What a process started now on this folder would work with."""
    secret = read_root_secret(folder / FILE_NAME)
    settings.ENVIRONMENT = dataclasses.replace(
        settings.ENVIRONMENT, root_secret=secret.primary, old_secrets=secret.old, pepper=secret.pepper
    )


def everything_opens():
    for row in Credential.objects.select_related("provider"):
        number = row.provider.slug.removeprefix("p-")
        assert secrets.decrypt_credential(row.provider.slug, row.ciphertext) == f"sk-{number}-of-a-provider"
    assert secrets.decrypt(secrets.SECOND_FACTOR, "1", SecondFactor.objects.get().ciphertext) == "JBSWY3DP"
    channel = AlertChannel.objects.get(slug="ops")
    assert secrets.decrypt(secrets.ALERT_CHANNEL, "ops", channel.ciphertext) == "whsec"
    assert secrets.decrypt(secrets.ALERT_ADDRESS, "ops", channel.address_ciphertext) == "https://hooks.example.org/x"
    secrets.check_canary()


def test_everything_opens_under_the_new_secret_alone(folder, settings):
    before, hashed = read_root_secret(folder / FILE_NAME), secrets.hash_key("sb_live_x")
    stored = Credential.objects.first().ciphertext

    rotation = rotate_root_secret(folder)
    use(folder, settings)
    after = read_root_secret(folder / FILE_NAME)

    assert rotation.renewed["Credential.ciphertext"] == BATCH + 3
    assert (after.primary != before.primary, after.old, after.pepper) == (True, (), before.pepper)
    assert Credential.objects.first().ciphertext != stored
    assert secrets.hash_key("sb_live_x") == hashed
    everything_opens()


def test_wherever_it_is_interrupted_the_product_works_and_the_next_run_finishes(folder, settings):
    steps: list[str] = []
    rotate_root_secret(folder, steps.append)
    assert len(steps) >= 6

    for stop_at in range(len(steps)):
        use(folder, settings)
        done = 0

        def cut(step: str, stop_at: int = stop_at) -> None:
            nonlocal done
            if done == stop_at:
                raise PowerCut
            done += 1

        with pytest.raises(PowerCut):
            rotate_root_secret(folder, cut)
        use(folder, settings)
        everything_opens()
        a_middle = read_root_secret(folder / FILE_NAME)
        if a_middle.is_rotating:
            assert rotate_root_secret(folder).was_resumed
        use(folder, settings)
        everything_opens()
        assert not read_root_secret(folder / FILE_NAME).is_rotating


def test_a_ciphertext_nobody_can_open_stops_it_and_both_secrets_stay(folder, settings):
    old = read_root_secret(folder / FILE_NAME)
    Credential.objects.filter(provider__slug="p-1").update(ciphertext="gAAAAA-not-ours")

    with pytest.raises(secrets.SecretRefused):
        rotate_root_secret(folder)

    assert read_root_secret(folder / FILE_NAME).old == (old.primary,)


def test_the_canary_of_a_wrong_folder_is_still_refused(folder, settings):
    rotate_root_secret(folder)
    replace_root_secret(
        folder / FILE_NAME, dataclasses.replace(read_root_secret(folder / FILE_NAME), primary=b"z" * 32)
    )
    use(folder, settings)

    with pytest.raises(secrets.WrongDataFolder):
        secrets.check_canary()


def test_every_column_of_ciphertext_takes_part():
    found = {
        f"{table.__name__}.{field.name}"
        for table in apps.get_app_config("routerapp").get_models()
        for field in table._meta.get_fields()
        if isinstance(field, models.TextField) and "ciphertext" in field.name
    }

    assert found | {"InstallationState.canary"} == {column.name for column in CIPHERTEXTS}
    assert InstallationState._meta.get_field("canary")
