"""Signing in at an OpenID provider, against a real one on a loopback port. What must be refused is in test_openid_attacks.py."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from routerapp.models import AuditEvent, ExternalIdentity, User
from routerapp.serving import invitations, people
from routerapp.serving.sign_in_settings import change_sign_in_settings
from tests.dashboard.openid_journeys import ACCOUNT, RETURN, START, go, is_in, refused, set_up
from tests.factories import a_team, a_user
from tests.openid_provider import CLIENT_SECRET, Provider
from tests.serving.actors import ADMIN

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


def test_somebody_new_gets_an_account_where_that_is_allowed_and_comes_back_as_the_same(client, provider):
    provider.claims |= {"preferred_username": "grace hopper", "email": "grace@corp.example", "email_verified": True}

    response = go(client, provider)
    again = Client()
    go(again, provider)

    user = User.objects.get()
    assert (response.status_code, response["Location"]) == (302, "/requests/")
    assert is_in(client) and is_in(again)
    assert (user.username, user.email, user.role) == ("grace-hopper", "grace@corp.example", "viewer")
    assert not user.has_usable_password()
    assert ExternalIdentity.objects.get().subject == "grace-1"


def test_the_way_out_carries_state_nonce_and_a_challenge_and_no_secret(client, provider):
    address = urlsplit(client.get(START)["Location"])
    asked = parse_qs(address.query)

    assert asked["scope"] == ["openid email profile"]
    assert asked["redirect_uri"][0].endswith(RETURN)
    assert all(len(asked[name][0]) >= 40 for name in ("state", "nonce", "code_challenge"))
    assert CLIENT_SECRET not in address.query and "code_verifier" not in asked


def test_saying_no_at_the_provider_leads_back_to_the_sign_in_page(client, provider):
    away = client.get(START)
    state = parse_qs(urlsplit(away["Location"]).query)["state"][0]
    response = client.get(RETURN, {"state": state, "error": "access_denied", "error_description": "<b>x</b>"})

    assert (response.status_code, "did not sign you in" in response.text, "<b>x" in response.text) == (422, True, False)


def test_an_address_alone_never_opens_an_account(client, provider, settings):
    """Somebody at the provider who claims the admin's address is not the admin."""
    set_up(settings, auto_create=False)
    a_user(username="boss", email="boss@corp.example")
    provider.claims |= {"email": "boss@corp.example", "email_verified": True}

    response = go(client, provider)

    assert (response.status_code, is_in(client)) == (422, False)
    assert not ExternalIdentity.objects.exists()


@pytest.mark.parametrize("is_verified", [False, None, "true", 1])
def test_an_invitation_counts_only_for_a_verified_address(client, provider, settings, is_verified):
    set_up(settings, auto_create=False)
    invitations.invite("grace", role="editor", email="grace@corp.example", by=ADMIN)
    provider.claims |= {"email": "grace@corp.example", "email_verified": is_verified}

    assert refused(client, go(client, provider))
    assert not User.objects.exists()


def test_an_invitation_to_a_verified_address_is_accepted_with_what_it_promised(client, provider, settings):
    set_up(settings, auto_create=False)
    a_team(slug="legal")
    new = invitations.invite("grace", role="editor", team="legal", email="Grace@Corp.example", by=ADMIN)
    provider.claims |= {"email": "grace@corp.example", "email_verified": True, "preferred_username": "root"}

    go(client, provider)

    user = User.objects.get()
    assert (user.username, user.role, user.team.slug) == ("grace", "editor", "legal")
    assert client.get(reverse("dashboard:invitation", kwargs={"token": new.token})).status_code == 404


def test_only_the_organisations_domains_come_in(client, provider, settings):
    set_up(settings, allowed_domains=("corp.example",))
    for claims in ({"email": "x@evil.example", "email_verified": True}, {"email": "x@corp.example"}, {"email": None}):
        provider.claims = {"sub": "x"} | claims
        assert refused(Client(), go(Client(), provider))
    provider.claims = {"sub": "x", "email": "x@CORP.example", "email_verified": True}

    assert go(client, provider).status_code == 302


def test_claims_only_the_user_info_has_are_asked_for_and_only_of_the_same_person(client, provider, settings):
    set_up(settings, allowed_domains=("corp.example",))
    provider.user_info = {"sub": "grace-1", "email": "grace@corp.example", "email_verified": True}
    assert go(client, provider).status_code == 302

    provider.user_info["sub"] = "somebody-else"
    assert go(Client(), provider).status_code == 422


def test_somebody_locked_stays_out(client, provider):
    a_user()
    go(Client(), provider)
    people.lock("person", by=ADMIN)

    response = go(client, provider)

    assert (response.status_code, "locked" in response.text, is_in(client)) == (422, True, False)


def test_the_role_follows_the_claim_but_the_last_admin_stays(client, provider, settings):
    set_up(settings, role_claim="groups", role_map={"router-admins": "admin", "eng": "editor"})
    provider.claims |= {"groups": ["eng", "router-admins", 7]}
    go(client, provider)
    assert User.objects.get().role == "admin"

    provider.claims["groups"] = ["eng"]
    go(Client(), provider)
    assert User.objects.get().role == "admin"

    a_user(username="another")
    go(Client(), provider)
    assert User.objects.get(username="person").role == "editor"
    assert not is_in(client)


def test_a_second_factor_is_asked_for_here_too(client, provider):
    from routerapp.models import SecondFactor

    go(client, provider)
    user = User.objects.get()
    SecondFactor.objects.create(user=user, ciphertext="x", confirmed_at=user.date_joined)
    other = Client()

    assert go(other, provider)["Location"] == reverse("dashboard:sign-in-code")
    assert not is_in(other)


def link(client: Client, provider: Provider, password: str = PASSWORD):
    page = client.post(reverse("dashboard:identity-link"), {"password": password})
    return page, go(client, provider)


def test_linking_needs_the_password_and_then_both_ways_lead_in(provider, signed_in):
    client = signed_in("admin")
    page, response = link(client, provider)
    other = Client()
    go(other, provider)

    assert (page.status_code, response["Location"]) == (200, ACCOUNT)
    assert User.objects.count() == 1
    assert is_in(other)
    assert AuditEvent.objects.filter(action="link_identity").exists()


def test_linking_with_a_wrong_password_begins_nothing(provider, signed_in):
    client = signed_in("admin")
    page = client.post(reverse("dashboard:identity-link"), {"password": "wrong"})
    client.get(START)

    assert page.status_code == 422
    assert not ExternalIdentity.objects.exists()


def test_an_identity_of_somebody_else_cannot_be_linked(provider, signed_in):
    go(Client(), provider)
    client = signed_in("admin")
    link(client, provider)

    assert ExternalIdentity.objects.get().user.username == "person"


def test_passwords_go_only_while_an_admin_can_come_in_by_the_provider(client, provider, signed_in):
    from routerapp.serving.refusals import Invalid

    admin = signed_in("admin")
    with pytest.raises(Invalid, match="No admin"):
        change_sign_in_settings({"passwords": False}, by=ADMIN)
    link(admin, provider)
    change_sign_in_settings({"passwords": False}, by=ADMIN)
    user = User.objects.get()
    a_user()

    response = client.post("/sign-in/", {"username": user.username, "password": PASSWORD})

    assert (response.status_code, is_in(client)) == (422, False)
    assert 'name="password"' not in client.get("/sign-in/").text
    with pytest.raises(Invalid, match="must stay admin"):
        people.lock(user.username, by=ADMIN)
    assert admin.post(reverse("dashboard:identity-unlink", args=[user.identities.get().pk])).status_code == 302
    assert user.identities.exists()


def test_without_a_provider_passwords_are_on_whatever_was_saved(client, provider, signed_in, settings):
    link(signed_in("admin"), provider)
    change_sign_in_settings({"passwords": False}, by=ADMIN)
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, oidc=None)

    response = client.post("/sign-in/", {"username": User.objects.get().username, "password": PASSWORD})

    assert response.status_code == 302
    assert client.get(START)["Location"] == "/sign-in/"


def test_nothing_secret_is_written_down(client, provider, caplog):
    go(client, provider)
    provider.claims["aud"] = "another"
    go(Client(), provider)
    events = str([vars(event) for event in AuditEvent.objects.all()])

    for secret in (CLIENT_SECRET, "an-access-token", "eyJ"):
        assert secret not in events + caplog.text
        assert secret not in client.get(reverse("dashboard:account")).text
