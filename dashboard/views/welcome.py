"""The first-run wizard: its first page, the own password, starting without the sample data, and leaving it."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from dashboard.forms import posted
from dashboard.fragments import PageRequest
from dashboard.refusal_words import put_on_form
from dashboard.roles import OWN_PASSWORD, actor_of, allowed_to, opens_before
from dashboard.sign_in_forms import PasswordForm
from dashboard.welcome_steps import step_page
from routerapp.serving import installation, people
from routerapp.serving.refusals import WriteRefused
from routerapp.serving.throttle import TooManyFailures
from routerapp.serving.welcome import close_welcome


@allowed_to("edit_settings")
@opens_before(OWN_PASSWORD)
def start(request: PageRequest) -> HttpResponse:
    if request.user.must_change_password:
        return redirect("dashboard:welcome-password")
    return step_page(request, "", template="dashboard/welcome/start.html")


@allowed_to("edit_settings")
@opens_before(OWN_PASSWORD)
@sensitive_post_parameters()
def password(request: PageRequest) -> HttpResponse:
    form = PasswordForm(posted(request))
    status = 422 if form.is_bound else 200
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        by, session = actor_of(request), request.session.session_key
        try:
            people.change_password(request.user, given["current"], given["password"], by=by, keep_session=session)
        except TooManyFailures as refused:
            form.add_error(None, str(refused))
            status = 429
        except WriteRefused as refused:
            put_on_form(form, refused)
        else:
            update_session_auth_hash(request, request.user)
            return redirect("dashboard:welcome")
    return step_page(request, "password", {"form": form}, status=status)


@allowed_to("remove_sample_data")
@require_POST
def start_empty(request: HttpRequest) -> HttpResponse:
    try:
        installation.remove_sample_data(by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
        return redirect("dashboard:welcome")
    messages.success(request, "Sample data removed.")
    return redirect("dashboard:welcome-provider")


@allowed_to("edit_settings")
@require_POST
def close(request: HttpRequest) -> HttpResponse:
    """Finished, or dismissed for good; the pages stay reachable from System."""
    try:
        close_welcome(by=actor_of(request))
    except WriteRefused as refused:
        messages.error(request, str(refused))
    return redirect("dashboard:overview")
