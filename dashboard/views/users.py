"""People: the list, one person, invitations, what an admin can do to an account, and how people sign in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import Count, Exists, OuterRef, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache

from dashboard.forms import posted
from dashboard.fragments import render_page
from dashboard.people_forms import InviteForm, PersonForm, ReasonForm, SignInSettingsForm
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, allowed_to, can
from dashboard.session_words import session_rows
from dashboard.views.sign_in_steps import redirect_uri
from routerapp.models import APIKey, SecondFactor, User
from routerapp.serving import invitations, people, second_factor, sessions, sign_in_settings
from routerapp.serving.invitations import NewInvitation
from routerapp.serving.permissions import Actor
from routerapp.serving.refusals import WriteRefused

_FACTOR = SecondFactor.objects.filter(user=OuterRef("pk"), confirmed_at__isnull=False)


@allowed_to("read_people")
def user_list(request: HttpRequest) -> HttpResponse:
    open_now = Q(sessions__expire_date__gt=timezone.now())
    rows = User.objects.select_related("team").annotate(
        has_second_factor=Exists(_FACTOR), session_count=Count("sessions", filter=open_now)
    )
    context = {
        "people": rows.order_by("-is_active", "username"),
        "invitations": invitations.open_invitations().order_by("expires_at"),
        "requires_second_factor": sign_in_settings.read_sign_in_settings().require_2fa,
    }
    return render_page(request, "dashboard/users/list.html", context)


@allowed_to("edit_people")
def user_detail(request: HttpRequest, username: str) -> HttpResponse:
    user = _person(username)
    form = PersonForm.of(user, posted(request))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        changes = {"team": given["team"] or None, "email": given["email"], "role": given["role"]}
        try:
            people.edit_person(username, changes, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, f"{username} is saved.")
            return redirect("dashboard:user-detail", username=username)
    context = {
        "person": user,
        "form": form,
        "sessions": session_rows(sessions.open_sessions(user), request.session.session_key),
        "keys": APIKey.objects.filter(created_by=user, revoked_at=None).order_by("name"),
        "identities": user.identities.order_by("pk"),
        "is_self": user.pk == request.user.pk,
        "deeds": [
            deed for deed in DEEDS if deed.fits(user) and not (deed.is_for_others and user.pk == request.user.pk)
        ],
    }
    return render_page(request, "dashboard/users/detail.html", context, status=422 if form.is_bound else 200)


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing an admin can do to an account: what it is called, what it brings, whether it fits, and the doing."""

    slug: str
    label: str
    consequence: str
    done: str
    fits: Callable[[Any], bool]
    do: Callable[[str, Actor, str], Any]
    is_for_others: bool = True
    is_danger: bool = False


DEEDS = (
    Deed(
        "sign-out",
        "Sign out everywhere",
        "Every browser is signed out at once. Signing in again works as before.",
        "is signed out everywhere",
        lambda user: user.is_active,
        lambda username, by, reason: sessions.sign_out_everywhere(username, by=by),
        is_for_others=False,
    ),
    Deed(
        "password-link",
        "Make a new-password link",
        "You get a link to hand over. It works once, for one day; the present password works until then.",
        "",
        lambda user: user.is_active,
        lambda username, by, reason: invitations.make_password_link(username, by=by),
    ),
    Deed(
        "reset-second-factor",
        "Reset the second factor",
        "For somebody who lost phone and recovery codes. They sign in with the password alone until they enrol again.",
        "has no second factor any more",
        lambda user: user.has_second_factor,
        lambda username, by, reason: second_factor.reset_second_factor(username, by=by, reason=reason),
        is_danger=True,
    ),
    Deed(
        "lock",
        "Lock",
        "Signed out at once and no way in until unlocked. Their API keys go on calling models but manage nothing; their open invitations end.",
        "is locked",
        lambda user: user.is_active,
        lambda username, by, reason: people.lock(username, by=by, reason=reason),
        is_danger=True,
    ),
    Deed(
        "unlock",
        "Unlock",
        "They can sign in again, with the role they had.",
        "is unlocked",
        lambda user: not user.is_active,
        lambda username, by, reason: people.unlock(username, by=by),
    ),
)


@allowed_to("edit_people")
@never_cache
def user_deed(request: HttpRequest, username: str, deed: str) -> HttpResponse:
    """GET asks, POST does it."""
    user, chosen = _person(username), next((one for one in DEEDS if one.slug == deed), None)
    if chosen is None:
        raise Http404("There is no such thing to do.")
    if request.method != "POST":
        return render_page(request, "dashboard/users/deed.html", {"person": user, "deed": chosen})
    reason = ReasonForm(request.POST)
    words = reason.cleaned_data["reason"] if reason.is_valid() else request.POST.get("reason", "")[:500]
    try:
        result = chosen.do(username, actor_of(request), words)
    except WriteRefused as refused:
        context = {"person": user, "deed": chosen, "refusal": str(refused), "reason": words}
        return render_page(request, "dashboard/users/deed.html", context, status=422)
    if isinstance(result, NewInvitation):
        return _show_link(request, result)
    messages.success(request, f"{username} {chosen.done}.")
    return redirect("dashboard:user-detail", username=username)


@allowed_to("edit_people")
@never_cache
def invite(request: HttpRequest) -> HttpResponse:
    """The answer to a good POST is the one page that ever shows the link."""
    form = InviteForm(posted(request))
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            new = invitations.invite(
                given["username"],
                role=given["role"],
                email=given["email"],
                team=given["team"] or None,
                by=actor_of(request),
            )
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return _show_link(request, new)
    return render_page(request, "dashboard/users/invite.html", {"form": form}, status=422 if form.is_bound else 200)


@allowed_to("edit_people")
def invitation_withdraw(request: HttpRequest, invitation_id: int) -> HttpResponse:
    """GET asks, POST does it."""
    row = get_object_or_404(invitations.open_invitations(), pk=invitation_id)
    if request.method != "POST":
        return render_page(request, "dashboard/users/withdraw.html", {"invitation": row})
    try:
        invitations.withdraw(row.pk, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"The link for {row.username} no longer works.")
    return redirect("dashboard:user-list")


@allowed_to("edit_settings")
def sign_in_settings_edit(request: HttpRequest) -> HttpResponse:
    now = sign_in_settings.read_sign_in_settings()
    initial = {name: getattr(now, name) for name in SignInSettingsForm.base_fields}
    form = SignInSettingsForm(posted(request), initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            sign_in_settings.change_sign_in_settings(form.cleaned_data, by=actor_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Saved. It holds from the next request of everybody.")
            return redirect("dashboard:sign-in-settings")
    context = {
        "form": form,
        "oidc": sign_in_settings.oidc_settings(),
        "redirect_uri": redirect_uri(),
        "openid_admins": sign_in_settings.openid_admins().count() if sign_in_settings.oidc_settings() else 0,
        "may_edit": can(request, "edit_settings"),
    }
    return render_page(request, "dashboard/users/settings.html", context, status=422 if form.is_bound else 200)


def link_of(new: NewInvitation) -> str:
    return str(settings.ENVIRONMENT.public_url) + reverse("dashboard:invitation", kwargs={"token": new.token})


def _show_link(request: HttpRequest, new: NewInvitation) -> HttpResponse:
    return render_page(request, "dashboard/users/link.html", {"invitation": new.row, "link": link_of(new)})


def _person(username: str) -> User:
    rows = User.objects.select_related("team").annotate(has_second_factor=Exists(_FACTOR))
    return get_object_or_404(rows, username=username) if "\0" not in username else _nobody()


def _nobody() -> User:
    raise Http404("There is no such person.")
