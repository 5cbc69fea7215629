"""A cookie of a browser that has signed somebody in: its failures are counted apart, so that a stranger who guesses at the name locks only strangers out.

Signed and bound to the name; it proves nothing else and lets nobody in.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

SALT = "signalbox.known-browser"
COOKIE = "__Host-known" if settings.SESSION_COOKIE_SECURE else "known-browser"
LIFE_SECONDS = 365 * 24 * 3600


def known_browser(request: HttpRequest, username: str) -> str | None:
    """The browser's own random name, when it has signed this person in before."""
    try:
        name, browser = signing.loads(request.COOKIES.get(COOKIE, ""), salt=SALT, max_age=LIFE_SECONDS)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return str(browser) if name == username else None


def remember_browser(request: HttpRequest, response: HttpResponse, username: str) -> None:
    browser = known_browser(request, username) or secrets.token_urlsafe(16)
    response.set_cookie(
        COOKIE,
        signing.dumps([username, browser], salt=SALT),
        max_age=LIFE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
