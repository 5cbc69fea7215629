"""The other steps of signing in: the code, the way to an OpenID provider and back, an invitation's link."""

from __future__ import annotations

import time

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET

from dashboard.forms import posted
from dashboard.known_browser import known_browser
from dashboard.refusal_words import put_on_form
from dashboard.roles import actor_of, open_to_everyone
from dashboard.sign_in_forms import CodeForm, NewPasswordForm, SignInForm
from dashboard.signing_in import address_of, proceed, safe_next, sign_in_now, waiting_person
from dashboard.views.access import blocked, sign_in_page
from routerapp.models import User
from routerapp.oidc_settings import OidcSettings
from routerapp.serving import external_identities, invitations, openid_sign_in
from routerapp.serving.id_tokens import Identity
from routerapp.serving.refusals import Missing, WriteRefused
from routerapp.serving.second_factor import check_code
from routerapp.serving.sign_in import SignInRefused
from routerapp.serving.sign_in_settings import oidc_settings, read_sign_in_settings
from routerapp.serving.throttle import TooManyFailures

DEPARTURE, LINKING = "openid_departure", "openid_linking"
LINKING_SECONDS = 300


@open_to_everyone
@never_cache
@sensitive_post_parameters("code")
def sign_in_code(request: HttpRequest) -> HttpResponse:
    """Only for who passed the first step in this browser."""
    waiting = waiting_person(request)
    if waiting is None:
        return redirect("dashboard:sign-in")
    user, kept = waiting
    form = CodeForm(posted(request))
    template = "dashboard/sign_in/code.html"
    if request.method == "POST" and form.is_valid():
        device = known_browser(request, user.username)
        try:
            used = check_code(user, form.cleaned_data["code"], address=address_of(request), device=device)
        except TooManyFailures as refused:
            context = {"form": CodeForm(), "notice": str(refused)}
            return blocked(render(request, template, context, status=429), refused)
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return sign_in_now(request, user, method=f"{kept['method']} and {used}", following=kept["following"])
    return render(request, template, {"form": form}, status=422 if form.is_bound else 200)


@open_to_everyone
@never_cache
@require_GET
def provider_start(request: HttpRequest) -> HttpResponse:
    """Off to the provider. A link, not a form: the page's policy lets no form lead to another site."""
    oidc = oidc_settings()
    if oidc is None:
        return redirect("dashboard:sign-in")
    purpose, following = _purpose(request)
    try:
        departure, address = openid_sign_in.depart(
            oidc, redirect_uri=redirect_uri(), following=following, purpose=purpose
        )
    except SignInRefused as refused:
        return _refused(request, purpose, str(refused), 503)
    request.session[DEPARTURE] = departure.for_session()
    return HttpResponse(status=302, headers={"Location": address})


@open_to_everyone
@never_cache
@require_GET
@sensitive_variables("departure", "identity")
def provider_return(request: HttpRequest) -> HttpResponse:
    """Back from the provider. What the session held for it is used up, whatever comes of it."""
    oidc, kept = oidc_settings(), request.session.pop(DEPARTURE, None)
    if oidc is None:
        return redirect("dashboard:sign-in")
    purpose = kept.get("purpose", "") if isinstance(kept, dict) else ""
    try:
        departure, identity = openid_sign_in.arrive(oidc, kept, request.GET.dict())
        if purpose.startswith("link:"):
            return _link(request, oidc, identity, purpose)
        user = external_identities.person_of(identity, oidc, address=address_of(request))
    except SignInRefused as refused:
        return _refused(request, purpose, str(refused), 422)
    return proceed(request, user, method="openid", following=departure.following)


@open_to_everyone
@never_cache
@sensitive_post_parameters()
def accept_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """GET shows what the link is for and uses nothing up."""
    template = "dashboard/sign_in/invitation.html"
    oidc = oidc_settings()
    context = {"provider": oidc.label if oidc else "", "has_passwords": read_sign_in_settings().passwords}
    try:
        context["invitation"] = invitations.find_open(token)
    except Missing:
        return render(request, template, context, status=404)
    form = NewPasswordForm(posted(request))
    if request.method == "POST" and form.is_valid():
        try:
            user = invitations.accept(token, form.cleaned_data["password"], address=address_of(request))
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            return proceed(request, user, method="invitation", following=reverse("dashboard:overview"))
    return render(request, template, {**context, "form": form}, status=422 if form.is_bound else 200)


def redirect_uri() -> str:
    """What the provider must be told to allow; always under the public address."""
    return str(settings.ENVIRONMENT.public_url) + reverse("dashboard:sign-in-provider-return")


def begin_linking(request: HttpRequest) -> None:
    """The person has just proved who they are here; the next way out is for linking."""
    request.session[LINKING] = {"user": request.user.pk, "at": time.time()}


def _purpose(request: HttpRequest) -> tuple[str, str]:
    kept = request.session.pop(LINKING, None)
    is_fresh = isinstance(kept, dict) and time.time() - kept["at"] < LINKING_SECONDS
    if is_fresh and request.user.is_authenticated and request.user.pk == kept["user"]:
        return f"link:{request.user.pk}", reverse("dashboard:account")
    return "sign-in", safe_next(request)


def _link(request: HttpRequest, oidc: OidcSettings, identity: Identity, purpose: str) -> HttpResponse:
    user = request.user
    if not isinstance(user, User) or purpose != f"link:{user.pk}":
        raise SignInRefused("You are no longer signed in here as who wanted to link. Begin again.")
    external_identities.link(user, identity, oidc, by=actor_of(request))
    messages.success(request, f"Linked: from now on you can sign in with {oidc.label}.")
    return redirect("dashboard:account")


def _refused(request: HttpRequest, purpose: str, message: str, status: int) -> HttpResponse:
    if purpose.startswith("link:") and request.user.is_authenticated:
        messages.error(request, message)
        return redirect("dashboard:account")
    return sign_in_page(request, SignInForm(), notice=message, status=status)
