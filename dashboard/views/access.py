"""Sign in with a password, sign out, change the password, choose the theme, remove the sample data."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.forms import ThemeForm, posted
from dashboard.fragments import PageRequest
from dashboard.known_browser import known_browser
from dashboard.refusal_words import put_on_form
from dashboard.roles import OWN_PASSWORD, actor_of, allowed_to, open_to_everyone, opens_before
from dashboard.sign_in_forms import PasswordForm, SignInForm
from dashboard.signing_in import address_of, proceed, safe_next
from routerapp.serving import installation, people
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.sign_in import SignInRefused, check_password
from routerapp.serving.sign_in_settings import oidc_settings, read_sign_in_settings
from routerapp.serving.throttle import TooManyFailures

ONE_YEAR_SECONDS = 365 * 24 * 3600


@open_to_everyone
@never_cache
@sensitive_post_parameters("password")
def sign_in(request: HttpRequest) -> HttpResponse:
    following = safe_next(request)
    if request.user.is_authenticated:
        return redirect(following)
    form = SignInForm(posted(request))
    if request.method == "POST" and form.is_valid():
        username = form.cleaned_data["username"]
        try:
            user = check_password(
                username,
                form.cleaned_data["password"],
                address=address_of(request),
                device=known_browser(request, username),
            )
        except TooManyFailures as refused:
            return blocked(sign_in_page(request, SignInForm(), notice=str(refused), status=429), refused)
        except SignInRefused as refused:
            form.add_error(None, str(refused))
        else:
            return proceed(request, user, method="password", following=following)
    return sign_in_page(request, form, status=422 if form.is_bound else 200)


def sign_in_page(request: HttpRequest, form: SignInForm, *, notice: str = "", status: int = 200) -> HttpResponse:
    """notice: why the step before this one came to nothing."""
    oidc = oidc_settings()
    context = {
        "form": form,
        "next": safe_next(request),
        "notice": notice,
        "provider": oidc.label if oidc else "",
        "has_passwords": read_sign_in_settings().passwords,
    }
    return render(request, "dashboard/sign_in/page.html", context, status=status)


def blocked(response: HttpResponse, refused: TooManyFailures) -> HttpResponse:
    response["Retry-After"] = str(refused.seconds)
    return response


@open_to_everyone
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("dashboard:sign-in")


@allowed_to("read")
@opens_before(OWN_PASSWORD)
@sensitive_post_parameters()
def password(request: PageRequest) -> HttpResponse:
    form = PasswordForm(posted(request))
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            people.change_password(
                request.user,
                given["current"],
                given["password"],
                by=actor_of(request),
                keep_session=request.session.session_key,
            )
        except TooManyFailures as refused:
            form.add_error(None, str(refused))
            status = 429
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, "Password changed. Your other sessions were signed out.")
            return redirect("dashboard:overview")
    context = {"form": form, "is_forced": request.user.must_change_password}
    return render(request, "dashboard/password/page.html", context, status=status)


@open_to_everyone
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Without JavaScript; theme.js writes the same cookie itself."""
    form = ThemeForm(request.POST)
    response = redirect(safe_next(request))
    if form.is_valid():
        response.set_cookie(
            "theme",
            form.cleaned_data["theme"],
            max_age=ONE_YEAR_SECONDS,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
        )
    return response


@allowed_to("remove_sample_data")
@require_POST
def remove_sample_data(request: HttpRequest) -> HttpResponse:
    try:
        installation.remove_sample_data(by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Sample data removed.")
    return redirect("dashboard:overview")
