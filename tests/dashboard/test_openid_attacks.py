"""What must come to nothing on the way back from an OpenID provider: forged answers, forged tokens, answers of others, ways elsewhere."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse
from joserfc import jwt
from joserfc.jwk import OctKey

from tests.dashboard.openid_journeys import RETURN, START, go, is_in, refused
from tests.openid_provider import CLIENT_ID, CLIENT_SECRET, Provider, new_key

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["", "guessed", "😀"])
def test_an_answer_with_another_state_is_refused_before_anything_is_asked(client, provider, state):
    response = go(client, provider, state=state)

    assert refused(client, response)
    assert "/token" not in provider.asked


def test_an_answer_in_a_browser_that_never_left_is_refused(client, provider):
    away = Client().get(START)
    response = client.get(RETURN, provider.authorize(away["Location"]))

    assert refused(client, response)


def test_an_answer_counts_once(client, provider):
    away = client.get(START)
    answer = provider.authorize(away["Location"])
    assert client.get(RETURN, answer).status_code == 302
    client.post(reverse("dashboard:sign-out"))

    assert client.get(RETURN, answer).status_code == 422
    assert not is_in(client)


def test_a_code_that_was_used_already_is_refused(client, provider):
    away = client.get(START)
    answer = provider.authorize(away["Location"])
    provider.codes.clear()

    assert refused(client, client.get(RETURN, answer))


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": None},
        {"aud": [CLIENT_ID, "another-client"]},
        {"azp": "another-client"},
        {"exp": 1},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": float("nan")},
        {"iat": 99_999_999_999},
        {"nbf": 99_999_999_999},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": 7},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "nul\0"},
    ],
    ids=str,
)
def test_a_token_whose_claims_do_not_hold_is_refused(client, provider, claims):
    provider.claims |= claims

    assert refused(client, go(client, provider))


def part(content: dict) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def unsigned(provider: Provider, claims: dict) -> str:
    return f"{part({'alg': 'none'})}.{part(claims)}."


def signed_by_the_public_key_as_a_secret(provider: Provider, claims: dict) -> str:
    secret = OctKey.import_key(base64.urlsafe_b64encode(provider.key.as_pem(private=False)).decode())
    return jwt.encode({"alg": "HS256", "kid": "first"}, claims, secret, algorithms=["HS256"])


def signed_by_the_client_secret(provider: Provider, claims: dict) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET), algorithms=["HS256"])


def signed_by_a_key_of_ones_own(provider: Provider, claims: dict) -> str:
    return jwt.encode({"alg": "RS256", "kid": "first"}, claims, new_key("first"))


def bringing_its_own_key(provider: Provider, claims: dict) -> str:
    mine = new_key("mine")
    return jwt.encode({"alg": "RS256", "jwk": mine.as_dict(private=False)}, claims, mine)


def changed_after_signing(provider: Provider, claims: dict) -> str:
    header, _, signature = jwt.encode({"alg": "RS256", "kid": "first"}, claims, provider.key).split(".")
    return f"{header}.{part({**claims, 'sub': 'the-boss'})}.{signature}"


FORGERIES = [
    unsigned,
    signed_by_the_public_key_as_a_secret,
    signed_by_the_client_secret,
    signed_by_a_key_of_ones_own,
    bringing_its_own_key,
    changed_after_signing,
    lambda provider, claims: "",
    lambda provider, claims: "a.b.c",
    lambda provider, claims: "x" * 100_000,
]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda one: one.__name__)
def test_a_forged_token_is_refused(client, provider, forge):
    provider.forge = forge

    assert refused(client, go(client, provider))


def test_a_key_set_with_a_shared_secret_or_a_short_key_is_no_key_set(client, provider):
    secret = OctKey.import_key("a secret that everybody can read in the key set", {"kid": "shared"})
    provider.published = [secret]
    provider.forge = lambda provider, claims: jwt.encode(
        {"alg": "HS256", "kid": "shared"}, claims, secret, algorithms=["HS256"]
    )

    assert refused(client, go(client, provider))


def test_a_new_key_of_the_provider_is_found(client, provider):
    go(Client(), provider)
    provider.key = new_key("second")
    provider.published = [*provider.published, provider.key]

    assert go(client, provider).status_code == 302
    assert is_in(client)


def test_a_token_that_names_no_key_is_tried_with_each(client, provider):
    provider.published = [new_key("other"), provider.key]
    provider.forge = lambda provider, claims: jwt.encode({"alg": "RS256"}, claims, provider.key)

    assert go(client, provider).status_code == 302


@pytest.mark.parametrize("issuer", ["https://evil.example", ""])
def test_an_answer_of_another_issuer_is_refused(client, provider, issuer):
    provider.description["authorization_response_iss_parameter_supported"] = True

    assert refused(client, go(client, provider, iss=issuer))
    assert "/token" not in provider.asked


@pytest.mark.parametrize(
    "description",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "http://evil.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example"},
        {"jwks_uri": None},
        {"jwks_uri": 7},
    ],
    ids=str,
)
def test_a_description_that_leads_elsewhere_leads_nowhere(client, provider, description):
    provider.description |= description
    response = client.get(START)

    assert (response.status_code, "does not answer" in response.text) == (503, True)


def test_an_address_the_guard_refuses_is_never_asked(client, provider, settings):
    settings.ENVIRONMENT = replace(settings.ENVIRONMENT, egress_allow=())

    assert client.get(START).status_code == 503
    assert provider.asked == []


@pytest.mark.parametrize("following", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x"])
def test_nobody_is_sent_elsewhere_afterwards(client, provider, following):
    response = go(client, provider, following=following)

    assert response["Location"] == reverse("dashboard:overview")
