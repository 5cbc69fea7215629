"""How long somebody stays signed in: out after too long without a request, and in any case after so many days.

The other ends of a session (another password, locked, signed out elsewhere) show in the hash the session carries, which Django checks.
"""

import time
from collections.abc import Callable

from django.contrib.auth import logout
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from routerapp.serving.sign_in_settings import SignInSettings, read_sign_in_settings
from routerapp.store.sessions import ADDRESS, AGENT, SEEN_AT, SIGNED_IN_AT

# How exactly a use is noted: once a minute is one write a minute and person.
GRAIN_SECONDS = 60


class SessionLimitsMiddleware:
    """Behind AuthenticationMiddleware; a session without times is one that began just now."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        # Only the cookie is looked at here: files and strangers cost no look-up.
        if request.session.session_key and request.user.is_authenticated:
            limits = read_sign_in_settings()
            if is_over(request, limits):
                logout(request)
            else:
                note_use(request, limits)
        return self._get_response(request)


def is_over(request: HttpRequest, limits: SignInSettings) -> bool:
    now, session = time.time(), request.session
    began, seen = session.get(SIGNED_IN_AT, now), session.get(SEEN_AT, now)
    return bool(now - began > limits.most_days * 86_400 or now - seen > limits.idle_hours * 3_600)


def note_use(request: HttpRequest, limits: SignInSettings) -> None:
    now, session = time.time(), request.session
    if now - session.get(SEEN_AT, 0) < GRAIN_SECONDS:
        return
    began = session.setdefault(SIGNED_IN_AT, now)
    session[SEEN_AT] = now
    session[ADDRESS] = request.META.get("REMOTE_ADDR", "")
    session[AGENT] = request.headers.get("User-Agent", "")[:200]
    # The cookie and the row last until whichever limit comes first.
    session.set_expiry(max(1, int(min(now + limits.idle_hours * 3_600, began + limits.most_days * 86_400) - now)))
