"""Pages are tested through the whole stack; only the static manifest, which `collectstatic` writes, is set aside."""

from __future__ import annotations

import pytest
from django.test import Client

from tests.factories import a_user


@pytest.fixture(autouse=True)
def _static_files_without_manifest(settings):
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture
def signed_in(db):
    """signed_in("viewer") is a client of somebody with that role."""

    def client_of(role: str = "viewer") -> Client:
        client = Client()
        client.force_login(a_user(role), backend="django.contrib.auth.backends.ModelBackend")
        return client

    return client_of


@pytest.fixture
def viewer(signed_in):
    return signed_in("viewer")
