"""Pages are tested through the whole stack; only the static manifest, which `collectstatic` writes, is set aside."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.core.cache import cache
from django.test import Client

from routerapp.oidc_settings import OidcSettings
from tests.factories import a_user
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, a_provider


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


@pytest.fixture
def provider(settings):
    """An OpenID provider on a loopback port, set up as the one to sign in with."""
    cache.clear()
    with a_provider() as provider:
        oidc = OidcSettings(provider.issuer, CLIENT_ID, CLIENT_SECRET, label="Corp", auto_create=True)
        settings.ENVIRONMENT = replace(settings.ENVIRONMENT, oidc=oidc, egress_allow=("127.0.0.1",))
        yield provider
    cache.clear()
