"""One's own account: second factor, recovery codes, sessions, the identity at an OpenID provider. The password has its own page."""

from __future__ import annotations

import io
from typing import Any

import segno
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from dashboard.forms import posted
from dashboard.fragments import PageRequest, render_page
from dashboard.known_browser import known_browser
from dashboard.refusal_words import put_on_form
from dashboard.roles import SECOND_FACTOR, actor_of, allowed_to, opens_before
from dashboard.session_words import session_rows
from dashboard.sign_in_forms import CodeForm, EnrolForm, LinkForm, SwitchOffForm
from dashboard.signing_in import safe_next
from dashboard.views.sign_in_steps import begin_linking
from routerapp.models import ExternalIdentity, SecondFactor
from routerapp.serving import external_identities, second_factor, sessions
from routerapp.serving.recovery_codes import HOW_MANY, codes_left
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.sign_in import confirm_password, has_second_factor, needs_second_factor
from routerapp.serving.sign_in_settings import oidc_settings, read_sign_in_settings
from routerapp.serving.throttle import TooManyFailures


@allowed_to("read")
@never_cache
def account(request: PageRequest) -> HttpResponse:
    user, oidc = request.user, oidc_settings()
    context = {
        "person": user,
        "has_password": user.has_usable_password() and read_sign_in_settings().passwords,
        "has_second_factor": has_second_factor(user),
        "is_required": read_sign_in_settings().require_2fa,
        "codes_left": codes_left(user),
        "codes_made": HOW_MANY,
        "sessions": session_rows(sessions.open_sessions(user), request.session.session_key),
        "identities": ExternalIdentity.objects.filter(user=user).order_by("pk"),
        "provider": oidc.label if oidc else "",
        "is_linked": oidc is not None and ExternalIdentity.objects.filter(user=user, issuer=oidc.issuer).exists(),
    }
    return render_page(request, "dashboard/account/page.html", context)


@allowed_to("read")
@opens_before(SECOND_FACTOR)
@never_cache
@sensitive_post_parameters("code")
def enrol(request: PageRequest) -> HttpResponse:
    """The answer to a good code is the one page that ever shows the recovery codes."""
    by = actor_of(request)
    if has_second_factor(request.user):
        return redirect("dashboard:account")
    row = second_factor.begin_enrolment(request.user, by=by)
    form = EnrolForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.confirm_enrolment(request.user, form.cleaned_data["code"], by=by)
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return _show_codes(request, codes, is_new=True)
    context = {
        "form": form,
        "secret": _in_groups(second_factor.secret_of(row)),
        "is_forced": needs_second_factor(request.user),
        "next": safe_next(request),
    }
    return render(request, "dashboard/account/enrol.html", context, status=422 if form.is_bound else 200)


@allowed_to("read")
@opens_before(SECOND_FACTOR)
@never_cache
@require_GET
def enrol_picture(request: PageRequest) -> HttpResponse:
    """The QR code, as long as it is not confirmed; black on white in both themes, as cameras want it."""
    row = SecondFactor.objects.filter(user=request.user, confirmed_at=None).select_related("user").first()
    if row is None:
        raise Http404("There is no second factor being set up.")
    picture = io.BytesIO()
    segno.make(second_factor.address_of(row), error="m", micro=False).save(
        picture, kind="svg", scale=1, border=4, dark="#000", light="#fff", omitsize=True, xmldecl=False
    )
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")


@allowed_to("read")
@never_cache
@sensitive_post_parameters()
def second_factor_off(request: PageRequest) -> HttpResponse:
    user = request.user
    if not has_second_factor(user):
        return redirect("dashboard:account")
    form = SwitchOffForm(posted(request), has_password=user.has_usable_password())
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            second_factor.switch_off(
                user, given.get("password", ""), given["code"], by=actor_of(request), device=_device(request)
            )
        except TooManyFailures as refused:
            form.add_error(None, str(refused))
            status = 429
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            messages.success(request, "Second factor switched off. Your recovery codes are gone with it.")
            return redirect("dashboard:account")
    context = {"form": form, "is_required": read_sign_in_settings().require_2fa}
    return render(request, "dashboard/account/switch_off.html", context, status=status)


@allowed_to("read")
@never_cache
@sensitive_post_parameters("code")
def recovery_codes(request: PageRequest) -> HttpResponse:
    """Ten others; the old ones end."""
    if not has_second_factor(request.user):
        return redirect("dashboard:account")
    form = CodeForm(posted(request))
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        try:
            codes = second_factor.new_recovery_codes(
                request.user, form.cleaned_data["code"], by=actor_of(request), device=_device(request)
            )
        except TooManyFailures as refused:
            form.add_error(None, str(refused))
            status = 429
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return _show_codes(request, codes, is_new=False)
    context = {"form": form, "codes_left": codes_left(request.user)}
    return render(request, "dashboard/account/new_codes.html", context, status=status)


@allowed_to("read")
@require_POST
def sign_out_others(request: PageRequest) -> HttpResponse:
    kept = request.session.session_key
    ended = sessions.sign_out_others(request.user, by=actor_of(request), keep_session=kept)
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your other sessions were signed out." if ended else "There was no other session.")
    return redirect("dashboard:account")


@allowed_to("read")
@never_cache
@sensitive_post_parameters()
def identity_link(request: PageRequest) -> HttpResponse:
    """The password first: whoever finds this browser open must not tie themselves to the account."""
    oidc, user = oidc_settings(), request.user
    if oidc is None:
        return redirect("dashboard:account")
    form = LinkForm(posted(request), has_password=user.has_usable_password())
    context: dict[str, Any] = {"form": form, "provider": oidc.label}
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        try:
            confirm_password(user, form.cleaned_data.get("password", ""))
        except TooManyFailures as refused:
            form.add_error(None, str(refused))
            status = 429
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            begin_linking(request)
            context["is_ready"], status = True, 200
    return render(request, "dashboard/account/link.html", context, status=status)


@allowed_to("read")
@require_POST
def identity_unlink(request: PageRequest, identity_id: int) -> HttpResponse:
    try:
        external_identities.unlink(request.user, identity_id, by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Unlinked.")
    return redirect("dashboard:account")


def _show_codes(request: PageRequest, codes: list[str], *, is_new: bool) -> HttpResponse:
    context = {"codes": codes, "text": "\n".join(codes), "is_new": is_new, "next": safe_next(request)}
    return render(request, "dashboard/account/codes.html", context)


def _device(request: PageRequest) -> str | None:
    return known_browser(request, request.user.username)


def _in_groups(secret: str) -> str:
    """For who types it: four letters at a time."""
    return " ".join(secret[place : place + 4] for place in range(0, len(secret), 4))
