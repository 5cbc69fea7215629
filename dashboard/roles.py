"""Who may see a page: every view names the action it serves, and urls.py refuses a view that names none.

The table of actions is serving's; a write is checked again by its use case.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from routerapp.models import User
from routerapp.serving.permissions import ROLE_OF_ACTION, Actor, may
from routerapp.serving.sign_in import needs_second_factor

View = Callable[..., HttpResponseBase]
EVERYONE = "everyone"
OWN_PASSWORD, SECOND_FACTOR = "own password", "second factor"


def allowed_to(action: str) -> Callable[[View], View]:
    """Signed in and allowed to do this action (a key of ROLE_OF_ACTION); others get the sign-in page or 403."""
    role = ROLE_OF_ACTION[action]

    def mark(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            detour = _detour(request, getattr(view, "opens_before", ""))
            if detour is not None:
                return detour
            if not may(actor_of(request), action):
                raise PermissionDenied(f"This page needs the role {role.label.lower()}.")
            return view(request, *args, **kwargs)

        checked.required_role = role  # type: ignore[attr-defined]
        return checked

    return mark


def opens_before(step: str) -> Callable[[View], View]:
    """The page on which a step that comes before all others is done: OWN_PASSWORD or SECOND_FACTOR. Put below @allowed_to."""

    def mark(view: View) -> View:
        view.opens_before = step  # type: ignore[attr-defined]
        return view

    return mark


def open_to_everyone(view: View) -> View:
    """For the few pages seen before signing in."""
    view.required_role = EVERYONE  # type: ignore[attr-defined]
    return view


def can(request: HttpRequest, action: str) -> bool:
    """For templates' contexts: whether to offer a control at all."""
    return request.user.is_authenticated and may(actor_of(request), action)


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person as use cases and the audit want it."""
    return Actor(
        name=request.user.get_username(),
        kind="user",
        role=getattr(request.user, "role", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )


def _detour(request: HttpRequest, opened: str) -> HttpResponse | None:
    """Where somebody must go first: to choose their own password, to enrol a second factor where the installation wants one."""
    user = request.user
    assert isinstance(user, User)
    if user.must_change_password:
        return None if opened == OWN_PASSWORD else redirect("dashboard:password")
    if needs_second_factor(user) and opened != SECOND_FACTOR:
        return redirect("dashboard:second-factor")
    return None


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    sign_in = reverse("dashboard:sign-in")
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Redirect": sign_in})
    return redirect(f"{sign_in}?{urlencode({'next': request.get_full_path()})}")
