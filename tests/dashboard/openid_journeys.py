"""The way to an OpenID provider and back, as a browser goes it."""

from __future__ import annotations

from dataclasses import replace

from django.test import Client

from routerapp.models import User
from tests.openid_provider import Provider

START, RETURN = "/sign-in/provider/", "/sign-in/provider/return/"
ACCOUNT = "/account/"


def set_up(settings, **changes) -> None:
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, oidc=replace(settings.ENVIRONMENT.oidc, **changes))


def go(client: Client, provider: Provider, following: str = "/requests/", **answer: str):
    """The whole way there and back; answer replaces what the browser brings back."""
    away = client.get(START, {"next": following})
    assert away.status_code == 302, away.text
    return client.get(RETURN, {**provider.authorize(away["Location"]), **answer})


def is_in(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def refused(client: Client, response) -> bool:
    return response.status_code == 422 and not is_in(client) and not User.objects.filter(identities__isnull=False)
