"""One's own account page: enrolling, the picture, recovery codes, switching off, sessions."""

from __future__ import annotations

import pyotp
import pytest
from django.test import Client

from routerapp.models import SecondFactor, SignInSession, User
from routerapp.serving.sign_in import has_second_factor

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
ACCOUNT, ENROL, PICTURE = "/account/", "/account/second-factor/", "/account/second-factor/code.svg"
OFF, CODES, OTHERS = "/account/second-factor/off/", "/account/recovery-codes/", "/account/sessions/sign-out/"


def enrol(client: Client) -> tuple[pyotp.TOTP, list[str]]:
    totp = pyotp.TOTP(client.get(ENROL).context["secret"].replace(" ", ""))
    answer = client.post(ENROL, {"code": totp.now()})
    assert answer.status_code == 200
    SecondFactor.objects.update(last_step=0)
    return totp, answer.context["codes"]


def test_the_picture_is_an_image_of_ours_only_while_it_is_being_set_up(viewer):
    assert viewer.get(PICTURE).status_code == 404
    viewer.get(ENROL)
    picture = viewer.get(PICTURE)
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/svg+xml")
    assert picture.text.startswith("<svg") and "script" not in picture.text
    assert "no-store" in picture["Cache-Control"]

    enrol(viewer)

    assert viewer.get(PICTURE).status_code == 404
    assert viewer.get(ENROL)["Location"] == ACCOUNT


def test_the_secret_and_the_recovery_codes_are_shown_once(viewer):
    totp, codes = enrol(viewer)
    page = viewer.get(ACCOUNT).text

    assert "10 of 10 left" in page
    assert totp.secret not in page and not any(one in page for one in codes)


def test_a_wrong_code_is_the_form_again_with_the_same_secret(viewer):
    before = viewer.get(ENROL).context["secret"]
    for code in ("000000", "", "x" * 500, "\0"):
        answer = viewer.post(ENROL, {"code": code})
        assert (answer.status_code, answer.context["secret"]) == (422, before)


def test_switching_off_takes_both_proofs(viewer):
    totp, _ = enrol(viewer)
    for fields in ({}, {"password": PASSWORD}, {"code": totp.now()}, {"password": "wrong", "code": totp.now()}):
        assert viewer.post(OFF, fields).status_code == 422
    assert has_second_factor(User.objects.get())

    assert viewer.post(OFF, {"password": PASSWORD, "code": totp.now()}).status_code == 302
    assert not has_second_factor(User.objects.get())


def test_guessing_there_is_a_429(viewer):
    enrol(viewer)
    answers = [viewer.post(OFF, {"password": PASSWORD, "code": "000000"}).status_code for _ in range(6)]

    assert answers == [422] * 5 + [429]
    assert viewer.post(CODES, {"code": "000000"}).status_code == 429


def test_new_recovery_codes_take_a_code(viewer):
    totp, old = enrol(viewer)
    assert viewer.post(CODES, {"code": "000000"}).status_code == 422
    new = viewer.post(CODES, {"code": totp.now()}).context["codes"]

    assert len(new) == 10 and not set(new) & set(old)


@pytest.mark.parametrize("path", [OFF, CODES, "/account/identity/link/"])
def test_pages_about_what_one_does_not_have_lead_back(viewer, path):
    assert viewer.get(path)["Location"] == ACCOUNT
    assert viewer.post(path, {"code": "1"})["Location"] == ACCOUNT


def test_the_page_lists_ones_own_sessions_in_words(viewer, signed_in):
    signed_in("admin").get(ACCOUNT, headers={"User-Agent": "<script>alert(1)</script>"})
    viewer.get(ACCOUNT, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"})
    page = viewer.get(ACCOUNT)

    assert len(page.context["sessions"]) == 1
    assert "Firefox on Linux" in page.text and "this one" in page.text
    assert SignInSession.objects.count() == 2


def test_signing_out_elsewhere_is_a_post(viewer):
    assert viewer.get(OTHERS).status_code == 405
    assert viewer.post(OTHERS)["Location"] == ACCOUNT
    assert viewer.get(ACCOUNT).status_code == 200


def test_somebody_elses_identity_cannot_be_unlinked(viewer, signed_in):
    signed_in("admin")
    admin = User.objects.get(role="admin")
    identity = admin.identities.create(issuer="https://id.example", subject="1")

    viewer.post(f"/account/identity/{identity.pk}/unlink/")

    assert admin.identities.exists()
