"""Signing in and out, the password, the theme: what strangers learn (nothing) and what people see."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import a_user

PASSWORD = "correct horse battery"
SIGN_IN = "/sign-in/"


def sign_in(client: Client, username: str, password: str = PASSWORD, **extra):
    return client.post(SIGN_IN, {"username": username, "password": password, **extra})


@pytest.mark.django_db
def test_lets_a_person_in_and_goes_where_they_wanted(client):
    response = sign_in(client, a_user().username, next="/requests/?status=ok")

    assert (response.status_code, response["Location"]) == (302, "/requests/?status=ok")


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_never_redirects_elsewhere(client, target):
    response = sign_in(client, a_user().username, next=target)

    assert response["Location"] == reverse("dashboard:overview")


@pytest.mark.django_db
def test_says_the_same_of_an_unknown_name_a_wrong_password_and_a_disabled_account(client):
    known, disabled = a_user(), a_user(is_active=False)
    answers = [
        sign_in(client, known.username, "wrong"),
        sign_in(client, "nobody", "wrong"),
        sign_in(client, disabled.username),
    ]

    assert {answer.status_code for answer in answers} == {422}
    assert {str(answer.context["form"].non_field_errors()) for answer in answers} == {
        '<ul class="errorlist nonfield"><li>That user name and password do not match. Both are case-sensitive.</li></ul>'
    }


@pytest.mark.django_db
def test_locks_a_name_out_after_ten_failures_even_for_the_right_password(client):
    user = a_user()
    for _ in range(10):
        sign_in(client, user.username, "wrong")

    response = sign_in(client, user.username)

    assert response.status_code == 429
    assert "Too many failed attempts" in response.text


@pytest.mark.django_db
def test_signs_out_by_post_only(signed_in):
    client = signed_in()

    assert client.get(reverse("dashboard:sign-out")).status_code == 405
    assert client.post(reverse("dashboard:sign-out")).status_code == 302
    assert client.get("/").status_code == 302


@pytest.mark.django_db
def test_a_new_password_ends_the_other_sessions_and_keeps_this_one():
    user = a_user("viewer")
    here, elsewhere = Client(), Client()
    for one in (here, elsewhere):
        sign_in(one, user.username)

    new = "a much longer one 7"
    fields = {"current": PASSWORD, "password": new, "again": new}
    response = here.post(reverse("dashboard:password"), fields)

    assert response.status_code == 302
    assert here.get("/").status_code == 200
    assert elsewhere.get("/").status_code == 302


@pytest.mark.django_db
def test_a_weak_or_mistyped_password_is_refused_with_the_form(viewer):
    fields = {"current": PASSWORD, "password": "short", "again": "shirt"}
    response = viewer.post(reverse("dashboard:password"), fields)

    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.text


@pytest.mark.django_db
def test_somebody_with_a_made_up_password_first_chooses_their_own():
    client = Client()
    client.force_login(a_user(must_change_password=True), backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/")["Location"] == reverse("dashboard:password")
    assert "Choose your own password" in client.get(reverse("dashboard:password")).text


@pytest.mark.django_db
def test_the_theme_is_chosen_without_javascript(viewer):
    response = viewer.post(reverse("dashboard:theme"), {"theme": "dark", "next": "/requests/"})

    assert response["Location"] == "/requests/"
    assert 'data-theme="dark"' in viewer.get("/").text


@pytest.mark.django_db
def test_a_forged_theme_cookie_never_reaches_the_page(viewer):
    viewer.cookies["theme"] = '"><script>alert(1)</script>'

    assert "alert(1)" not in viewer.get("/").text


@pytest.mark.django_db
def test_a_fragment_for_a_stranger_sends_the_whole_window_to_sign_in(client):
    response = client.get("/requests/", headers={"HX-Request": "true"})

    assert (response.status_code, response["HX-Redirect"]) == (204, SIGN_IN)


@pytest.mark.parametrize("following", ["overview", "{0}", "//evil.example", "javascript:alert(1)", "\\evil", "😀"])
def test_only_a_path_of_ours_is_followed(client, following):
    response = client.post(reverse("dashboard:theme"), {"theme": "dark", "next": following})

    assert (response.status_code, response.url) == (302, reverse("dashboard:overview"))
