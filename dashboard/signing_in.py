"""From a proved identity to a session: by way of the second factor for who has one. Nobody is signed in before its last step.

Between the steps the session holds who is waiting (`waiting`), for ten minutes, under a key of its own.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard.known_browser import remember_browser
from dashboard.session_limits import note_use
from routerapp.models import Role, User
from routerapp.serving.sign_in import has_second_factor, record_sign_in
from routerapp.serving.sign_in_settings import read_sign_in_settings
from routerapp.serving.welcome import is_welcome_open, newest_live_request

WAITING = "waiting"
WAIT_SECONDS = 600
BACKEND = settings.AUTHENTICATION_BACKENDS[0]


def proceed(request: HttpRequest, user: User, *, method: str, following: str) -> HttpResponse:
    """The answer to a good first step: the page, or first the one that asks for a code."""
    if not has_second_factor(user):
        return sign_in_now(request, user, method=method, following=following)
    # Whatever an earlier visitor of this browser left in the session ends here.
    request.session.flush()
    request.session[WAITING] = {
        "user": user.pk,
        "hash": user.get_session_auth_hash(),
        "at": time.time(),
        "method": method,
        "following": following,
    }
    request.session.set_expiry(WAIT_SECONDS)
    return redirect("dashboard:sign-in-code")


def waiting_person(request: HttpRequest) -> tuple[User, dict[str, Any]] | None:
    """Who has passed the first step in this browser, unless it is too long ago or something of theirs changed since."""
    kept = request.session.get(WAITING)
    if not isinstance(kept, dict) or time.time() - kept["at"] > WAIT_SECONDS:
        return None
    user = User.objects.filter(pk=kept["user"], is_active=True).first()
    if user is None or not constant_time_compare(kept["hash"], user.get_session_auth_hash()):
        return None
    return user, kept


def sign_in_now(request: HttpRequest, user: User, *, method: str, following: str) -> HttpResponse:
    """The session begins, under a new key and with nothing of before in it."""
    request.session.flush()
    login(request, user, backend=BACKEND)
    note_use(request, read_sign_in_settings())
    record_sign_in(user, method, address_of(request))
    response = redirect(_first_page(user, following))
    remember_browser(request, response, user.username)
    return response


def _first_page(user: User, following: str) -> str:
    """The first-run wizard for an admin who asked for nothing special, until it was left or a request has come."""
    is_special = following != reverse("dashboard:overview")
    if is_special or user.role != Role.ADMIN or not is_welcome_open() or newest_live_request() is not None:
        return following
    return reverse("dashboard:welcome")


def address_of(request: HttpRequest) -> str:
    return request.META.get("REMOTE_ADDR", "")


def safe_next(request: HttpRequest) -> str:
    """A path of ours: anything without a leading slash `redirect` would take for the name of a view."""
    following = request.POST.get("next") or request.GET.get("next") or ""
    if following.startswith("/") and url_has_allowed_host_and_scheme(
        following, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return following
    return reverse("dashboard:overview")
