"""Sign in, sign out, change the password, choose the theme, remove the sample data."""

from django.contrib import messages
from django.contrib.auth import login, logout, update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.forms import PasswordForm, SignInForm, ThemeForm
from dashboard.fragments import PageRequest
from dashboard.roles import actor_of, allowed_to, open_to_everyone
from routerapp.serving import installation, people
from routerapp.serving.refusals import WriteRefused

ONE_YEAR_SECONDS = 365 * 24 * 3600


@open_to_everyone
@sensitive_post_parameters("password")
def sign_in(request: HttpRequest) -> HttpResponse:
    following = _safe_next(request)
    if request.user.is_authenticated:
        return redirect(following)
    form = SignInForm(request, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        login(request, form.get_user())
        return redirect(following)
    status = 422 if form.is_bound else 200
    return render(request, "dashboard/sign_in/page.html", {"form": form, "next": following}, status=status)


def locked_out(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
    """django-axes calls this instead of the page when a name and address failed too often."""
    context = {"form": SignInForm(request), "next": _safe_next(request), "is_locked_out": True}
    return render(request, "dashboard/sign_in/page.html", context, status=429)


@open_to_everyone
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("dashboard:sign-in")


@sensitive_post_parameters()
def _password(request: PageRequest) -> HttpResponse:
    form = PasswordForm(request.user, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            people.change_password(
                request.user,
                form.cleaned_data["old_password"],
                form.cleaned_data["new_password1"],
                by=actor_of(request),
                keep_session=request.session.session_key,
            )
        except WriteRefused as refused:
            form.add_error(None, str(refused))
        else:
            update_session_auth_hash(request, request.user)
            messages.success(request, "Password changed. Your other sessions were signed out.")
            return redirect("dashboard:overview")
    context = {"form": form, "is_forced": request.user.must_change_password}
    return render(request, "dashboard/password/page.html", context, status=422 if form.is_bound else 200)


_password.is_password_page = True  # type: ignore[attr-defined]
password = allowed_to("read")(_password)


@open_to_everyone
@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Without JavaScript; theme.js writes the same cookie itself."""
    form = ThemeForm(request.POST)
    response = redirect(_safe_next(request))
    if form.is_valid():
        response.set_cookie("theme", form.cleaned_data["theme"], max_age=ONE_YEAR_SECONDS, samesite="Lax")
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


def _safe_next(request: HttpRequest) -> str:
    """A path of ours: anything without a leading slash `redirect` would take for the name of a view."""
    following = request.POST.get("next") or request.GET.get("next") or ""
    if following.startswith("/") and url_has_allowed_host_and_scheme(
        following, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    ):
        return following
    return reverse("dashboard:overview")
