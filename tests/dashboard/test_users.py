"""The Users pages: for admins; every write leaves what it says and nothing else; secrets are shown once."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from routerapp.models import AuditEvent, Invitation, SecondFactor, User
from routerapp.serving import invitations
from routerapp.serving.sign_in_settings import read_sign_in_settings
from tests.factories import a_key, a_team, a_user
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db
USERS, INVITE, SETTINGS = "/users/", "/users/-/invite/", "/users/-/sign-in-settings/"
DEEDS = ("sign-out", "password-link", "reset-second-factor", "lock", "unlock")


@pytest.fixture
def admin(signed_in) -> Client:
    return signed_in("admin")


@pytest.mark.parametrize("role", ["viewer", "editor", "publisher"])
def test_others_neither_see_nor_change_people(signed_in, role):
    client, grace = signed_in(role), a_user("viewer", username="grace")
    paths = [USERS, INVITE, SETTINGS, "/users/grace/", *(f"/users/grace/{deed}/" for deed in DEEDS)]

    for path in paths:
        assert client.get(path).status_code == 403
        assert client.post(path, {"role": "admin", "username": "eve", "require_2fa": "on"}).status_code in (403, 405)
    grace.refresh_from_db()
    assert (grace.role, grace.is_active, Invitation.objects.exists()) == ("viewer", True, False)


def test_the_list_tells_what_an_admin_asks(admin):
    grace = a_user("editor", username="grace", team=a_team(slug="legal"), email="grace@corp.example")
    SecondFactor.objects.create(user=grace, ciphertext="x", confirmed_at=grace.date_joined)
    a_user(username="left", is_active=False)
    page = admin.get(USERS)
    row = next(one for one in page.context["people"] if one.username == "grace")

    assert (row.has_second_factor, row.session_count, row.team.slug) == (True, 0, "legal")
    for words in ("grace@corp.example", "legal", "locked", "3 people", "No open links"):
        assert words in page.text
    assert "ciphertext" not in page.text


def test_the_list_costs_as_many_queries_for_many_as_for_few(admin, django_assert_max_num_queries):
    for _ in range(30):
        a_user("viewer")
    with django_assert_max_num_queries(14):
        admin.get(USERS)


def test_role_team_and_address_are_saved_together(admin):
    a_team(slug="legal")
    grace = a_user("viewer", username="grace")
    response = admin.post("/users/grace/", {"role": "editor", "team": "legal", "email": "g@corp.example"})
    grace.refresh_from_db()

    assert response.status_code == 302
    assert (grace.role, grace.team.slug, grace.email) == ("editor", "legal", "g@corp.example")


@pytest.mark.parametrize(
    "fields", [{}, {"role": "owner"}, {"role": "editor", "team": "no"}, {"role": "editor", "email": "x" * 999}]
)
def test_what_cannot_be_saved_is_the_form_again(admin, fields):
    a_user("viewer", username="grace")

    assert admin.post("/users/grace/", fields).status_code == 422
    assert User.objects.get(username="grace").role == "viewer"


def test_ones_own_page_offers_no_way_to_harm_oneself(admin):
    me = User.objects.get()
    page = admin.get(f"/users/{me.username}/")

    assert [deed.slug for deed in page.context["deeds"]] == ["sign-out"]
    assert admin.post(f"/users/{me.username}/", {"role": "viewer"}).status_code == 422
    assert admin.post(f"/users/{me.username}/lock/").status_code == 422
    assert admin.get(USERS).status_code == 200


def test_locking_signs_out_at_once_and_unlocking_lets_back_in(admin, signed_in):
    client = signed_in("viewer")
    name = User.objects.get(role="viewer").username
    assert admin.get(f"/users/{name}/lock/").status_code == 200
    assert client.get("/").status_code == 200

    admin.post(f"/users/{name}/lock/", {"reason": "left"})
    assert client.get("/").status_code == 302
    assert "locked" in admin.get(f"/users/{name}/").text
    admin.post(f"/users/{name}/unlock/")

    assert User.objects.get(username=name).is_active
    assert AuditEvent.objects.get(action="lock_user").reason == "left"


def test_what_does_not_fit_is_refused_in_words(admin):
    a_user("viewer", username="grace")
    for deed in ("unlock", "reset-second-factor"):
        answer = admin.post(f"/users/grace/{deed}/")
        assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)
    for path in ("/users/grace/become-root/", "/users/nobody/", "/users/nobody/lock/", "/users/a%00b/"):
        assert admin.get(path).status_code == 404
        assert admin.post(path).status_code == 404


def shown_link(response) -> str:
    return re.search(r"https?://[^/]+(/invitation/[\w-]+/)", response.text).group(1)


def test_an_invitation_shows_its_link_once_and_is_listed_until_used(admin):
    response = admin.post(INVITE, {"username": "grace", "role": "editor", "team": "", "email": ""})
    path = shown_link(response)

    assert (response.status_code, "no-store" in response["Cache-Control"]) == (200, True)
    listed = admin.get(USERS).text
    assert "grace" in listed and path not in listed
    fields = {"password": "a long enough one", "again": "a long enough one"}
    assert Client().post(path, fields).status_code == 302
    assert "No open links" in admin.get(USERS).text


@pytest.mark.parametrize(
    "fields", [{}, {"username": "no spaces", "role": "editor"}, {"username": "-", "role": "viewer"}]
)
def test_an_invitation_that_cannot_be_is_the_form_again(admin, fields):
    assert admin.post(INVITE, fields).status_code == 422
    assert not Invitation.objects.exists()


def test_a_link_is_withdrawn_after_asking(admin):
    new = invitations.invite("grace", role="editor", by=ADMIN)
    path = f"/users/-/invitations/{new.row.pk}/withdraw/"
    assert admin.get(path).status_code == 200

    assert admin.post(path).status_code == 302
    assert Client().get(f"/invitation/{new.token}/").status_code == 404
    assert (admin.get(path).status_code, admin.post(path).status_code) == (404, 404)


def test_a_new_password_link_is_shown_once(admin):
    a_user("viewer", username="grace")

    path = shown_link(admin.post("/users/grace/password-link/"))

    assert "Choose a new password" in Client().get(path).text


def test_the_detail_shows_keys_by_name_only(admin):
    grace = a_user(username="grace")
    key = a_key(name="Batch jobs", created_by=grace)
    page = admin.get("/users/grace/").text

    assert "Batch jobs" in page
    assert key.full_key not in page and key.key_hash not in page and grace.password not in page


def test_settings_are_saved_and_hold(admin):
    good = {"passwords": "on", "idle_hours": "2", "most_days": "3"}
    assert admin.post(SETTINGS, good).status_code == 302
    now = read_sign_in_settings()
    assert (now.require_2fa, now.passwords, now.idle_hours, now.most_days) == (False, True, 2, 3)

    for bad in ({}, good | {"idle_hours": "0"}, good | {"most_days": "9" * 30}, good | {"idle_hours": "x"}):
        assert admin.post(SETTINGS, bad).status_code == 422
    no_way_in = admin.post(SETTINGS, {**good, "passwords": ""})
    assert (no_way_in.status_code, "only way in" in no_way_in.text) == (422, True)
    assert read_sign_in_settings() == now


def test_requiring_a_second_factor_leads_the_admin_who_did_it_to_enrol(admin):
    admin.post(SETTINGS, {"require_2fa": "on", "passwords": "on", "idle_hours": "2", "most_days": "3"})

    assert admin.get("/")["Location"] == "/account/second-factor/"
