"""The steps after the password: no session before the last one, forced enrolment, invitations, how long a session lasts."""

from __future__ import annotations

import time
from datetime import timedelta
from types import SimpleNamespace

import pyotp
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from dashboard import session_limits, signing_in
from routerapp.models import AuditEvent, SignInSession, User
from routerapp.serving import invitations, second_factor
from routerapp.serving.permissions import Actor
from routerapp.serving.sign_in_settings import change_sign_in_settings
from tests.factories import a_user
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
SIGN_IN, CODE, ACCOUNT, ENROL = "/sign-in/", "/sign-in/code/", "/account/", "/account/second-factor/"
NOW = time.time()


@pytest.fixture(autouse=True)
def clock(monkeypatch):
    """Moves by hand: clock(seconds)."""
    state = SimpleNamespace(now=NOW)
    stopped = SimpleNamespace(time=lambda: state.now)
    for module in (second_factor, session_limits, signing_in):
        monkeypatch.setattr(module, "time", stopped)

    def move(seconds: float) -> None:
        state.now += seconds

    return move


def code(totp: pyotp.TOTP, steps: int = 0) -> str:
    return totp.at(int(signing_in.time.time()), counter_offset=steps)


def with_factor(**fields) -> tuple[User, pyotp.TOTP, list[str]]:
    user = a_user(**fields)
    by = Actor(user.username, "user", user.role)
    totp = pyotp.TOTP(second_factor.secret_of(second_factor.begin_enrolment(user, by=by)))
    return user, totp, second_factor.confirm_enrolment(user, code(totp, -1), by=by)


def enter(client: Client, user: User, password: str = PASSWORD, **extra: str):
    return client.post(SIGN_IN, {"username": user.username, "password": password, **extra})


def is_in(client: Client) -> bool:
    return client.get(ACCOUNT).status_code == 200


def test_the_password_alone_signs_nobody_in_who_has_a_second_factor(client):
    user, totp, _ = with_factor()

    response = enter(client, user, next="/requests/")
    assert response["Location"] == CODE
    assert not is_in(client) and "_auth_user_id" not in client.session
    wrong = client.post(CODE, {"code": "000000"})
    assert (wrong.status_code, is_in(client)) == (422, False)

    right = client.post(CODE, {"code": code(totp)})

    assert (right.status_code, right["Location"], is_in(client)) == (302, "/requests/", True)


def test_a_recovery_code_does_in_place_of_a_code(client):
    user, _, codes = with_factor()
    enter(client, user)

    assert client.post(CODE, {"code": codes[0]}).status_code == 302
    assert is_in(client)
    assert AuditEvent.objects.get(action="sign_in").after == {"method": "password and recovery code"}


def test_the_code_page_is_for_who_passed_the_password_here_and_lately(client, clock):
    user, totp, _ = with_factor()
    assert client.get(CODE)["Location"] == SIGN_IN
    assert client.post(CODE, {"code": code(totp)})["Location"] == SIGN_IN
    enter(client, user)
    clock(601)

    assert client.post(CODE, {"code": code(totp)})["Location"] == SIGN_IN
    assert not is_in(client)


@pytest.mark.parametrize("change", [{"is_active": False}, {"session_epoch": 7}, {"password": "!other"}])
def test_what_happens_to_an_account_between_the_steps_counts(client, change):
    user, totp, _ = with_factor()
    enter(client, user)
    User.objects.filter(pk=user.pk).update(**change)

    assert client.post(CODE, {"code": code(totp)})["Location"] == SIGN_IN
    assert not is_in(client)


def test_too_many_wrong_codes_are_a_429_that_says_when(client):
    user, totp, _ = with_factor()
    enter(client, user)
    for _ in range(5):
        client.post(CODE, {"code": "000000"})

    response = client.post(CODE, {"code": code(totp)})

    assert (response.status_code, 890 < int(response["Retry-After"]) <= 900) == (429, True)
    assert "Try again in 15 minutes" in response.text
    assert not is_in(client)


def test_the_session_has_another_key_after_each_step_and_nothing_of_before(client):
    user, totp, _ = with_factor()
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    planted = session.session_key
    client.cookies[session_cookie()] = planted
    enter(client, user)
    waiting = client.session.session_key
    client.post(CODE, {"code": code(totp)})

    assert len({planted, waiting, client.session.session_key}) == 3
    assert "planted" not in client.session
    assert not SignInSession.objects.filter(session_key__in=[planted, waiting]).exists()


def session_cookie() -> str:
    from django.conf import settings

    return str(settings.SESSION_COOKIE_NAME)


def test_cookies_are_out_of_scripts_reach_and_of_other_sites(client, settings):
    settings.SESSION_COOKIE_SECURE = True
    response = enter(client, a_user())

    for name in (settings.SESSION_COOKIE_NAME, "known-browser"):
        cookie = response.cookies[name]
        assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Lax", True, "/")


def test_a_lock_out_by_strangers_spares_the_browser_that_was_in_before(client):
    user = a_user()
    enter(client, user)
    client.post(reverse("dashboard:sign-out"))
    stranger = Client()
    for _ in range(10):
        enter(stranger, user, "wrong")
    assert enter(stranger, user).status_code == 429

    assert enter(client, user).status_code == 302


@pytest.mark.parametrize("cookie", ["", "forged", "x" * 4_000, "WyJhIiwiYiJd:1:x", "::"])
def test_a_forged_cookie_of_a_known_browser_is_no_cookie(cookie):
    user = a_user()
    client = Client()
    client.cookies["known-browser"] = cookie
    for _ in range(10):
        enter(client, user, "wrong")

    assert enter(client, user).status_code == 429


def test_forwarded_addresses_count_only_from_a_named_proxy(settings):
    from dataclasses import replace

    from routerapp.client_address import parse_trusted_proxies

    user = a_user()

    def guess(address: str) -> int:
        return (
            Client(headers={"X-Forwarded-For": address})
            .post(SIGN_IN, {"username": user.username, "password": "wrong"})
            .status_code
        )

    assert [guess(f"203.0.113.{n}") for n in range(11)][-1] == 429
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, trusted_proxies=parse_trusted_proxies("127.0.0.0/8"))
    assert guess("203.0.113.200") == 422


def test_where_everybody_needs_a_second_factor_nothing_comes_before_it(client):
    user = a_user(role="editor")
    change_sign_in_settings({"require_2fa": True}, by=ADMIN)
    enter(client, user)

    for path in ("/", "/keys/", ACCOUNT, "/playground/"):
        assert client.get(path)["Location"] == ENROL
    page = client.get(ENROL)
    assert "asks everybody" in page.text
    totp = pyotp.TOTP(page.context["secret"].replace(" ", ""))
    codes = client.post(ENROL, {"code": code(totp)})

    assert codes.status_code == 200 and len(codes.context["codes"]) == 10
    assert is_in(client)


def test_somebody_with_a_made_up_password_chooses_their_own_before_enrolling(client):
    user = a_user(must_change_password=True)
    change_sign_in_settings({"require_2fa": True}, by=ADMIN)
    enter(client, user)

    assert client.get(ENROL)["Location"] == reverse("dashboard:password")


def test_api_keys_need_no_second_factor():
    from tests.api.callers import calls_as

    change_sign_in_settings({"require_2fa": True}, by=ADMIN)

    assert calls_as("admin")("GET", "people").status_code == 200


def test_an_idle_session_ends_and_a_used_one_goes_on(client, clock):
    change_sign_in_settings({"idle_hours": 2, "most_days": 1}, by=ADMIN)
    enter(client, a_user())
    for _ in range(5):
        clock(1.9 * 3600)
        assert is_in(client)

    clock(2.1 * 3600)
    assert not is_in(client)


def test_no_session_outlives_its_days_however_busy(client, clock):
    change_sign_in_settings({"idle_hours": 24, "most_days": 1}, by=ADMIN)
    enter(client, a_user())
    for _ in range(4):
        clock(5.9 * 3600)
        assert is_in(client)

    clock(0.5 * 3600)
    assert not is_in(client)


def test_a_session_notes_its_use_once_a_minute(client, clock):
    enter(client, a_user())
    first = SignInSession.objects.get().seen_at
    clock(30)
    is_in(client)
    assert SignInSession.objects.get().seen_at == first
    clock(31)
    is_in(client)

    assert SignInSession.objects.get().seen_at > first


def test_expired_sessions_are_swept_up_at_the_next_sign_in(client):
    SignInSession.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(1))
    enter(client, a_user())

    assert not SignInSession.objects.filter(session_key="old").exists()


def link(token: str) -> str:
    return reverse("dashboard:invitation", kwargs={"token": token})


def test_an_invitation_is_looked_at_without_being_used_and_then_lets_in(client):
    new = invitations.invite("grace", role="editor", by=ADMIN)
    for _ in range(2):
        page = client.get(link(new.token))
        assert (page.status_code, "grace" in page.text, page["Referrer-Policy"]) == (200, True, "same-origin")
        assert "no-store" in page["Cache-Control"]
    for fields in ({}, {"password": "short", "again": "short"}, {"password": "a long enough one", "again": "another"}):
        assert client.post(link(new.token), fields).status_code == 422

    response = client.post(link(new.token), {"password": "a long enough one", "again": "a long enough one"})

    assert (response.status_code, is_in(client)) == (302, True)
    assert Client().get(link(new.token)).status_code == 404


@pytest.mark.parametrize("token", ["x", "x" * 3_000, "%00", "..", "%F0%9F%98%80"])
def test_a_link_that_is_none_says_so(client, token):
    for answer in (client.get(f"/invitation/{token}/"), client.post(f"/invitation/{token}/", {"password": "x"})):
        assert answer.status_code == 404


def test_a_new_password_link_still_asks_for_the_code(client):
    user, totp, _ = with_factor()
    new = invitations.make_password_link(user.username, by=ADMIN)
    response = client.post(link(new.token), {"password": "a long enough one", "again": "a long enough one"})

    assert (response["Location"], is_in(client)) == (CODE, False)
    client.post(CODE, {"code": code(totp)})
    assert is_in(client)


@pytest.mark.parametrize(
    "fields", [{}, {"username": "\0", "password": "\0"}, {"username": "x" * 9_999, "password": "y"}]
)
def test_rubbish_is_the_form_again(client, fields):
    assert client.post(SIGN_IN, fields).status_code == 422
