"""Signing in at an OpenID provider: the way out (state, nonce, PKCE) and the way back (every check, then an identity).

What must be remembered between the two stands in the browser's session (Departure) and is used once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.core.cache import cache

from routerapp.oidc_settings import OidcSettings
from routerapp.providers.egress import EgressGuard
from routerapp.providers.openid import Description, OpenIdProvider, OpenIdUnavailable, Tokens
from routerapp.serving.id_tokens import Identity, IdTokenRefused, UnknownKey, identity_of, verify_id_token
from routerapp.serving.sign_in import SignInRefused

log = logging.getLogger(__name__)
SCOPES = "openid email profile"
AWAY_SECONDS = 600
REMEMBERED_SECONDS = 300
MOST_CODE = 4_000
FAILED = "The sign-in could not be completed. Try again; if it keeps failing, an admin finds the reason in the log."
CANCELLED = "The provider did not sign you in."


@dataclass(frozen=True, slots=True)
class Departure:
    """purpose: sign-in, or link:<user id> of somebody signed in."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    at: float
    following: str
    purpose: str
    redirect_uri: str

    def for_session(self) -> dict[str, Any]:
        return asdict(self)


def depart(oidc: OidcSettings, *, redirect_uri: str, following: str, purpose: str) -> tuple[Departure, str]:
    """What to keep in the session, and where to send the browser. Raises SignInRefused."""
    try:
        description = _description(oidc)
    except OpenIdUnavailable as problem:
        log.warning("OpenID: %s", problem)
        raise SignInRefused("The sign-in provider does not answer. Try again in a minute.") from problem
    departure = Departure(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(64),
        at=time.time(),
        following=following,
        purpose=purpose,
        redirect_uri=redirect_uri,
    )
    challenge = base64.urlsafe_b64encode(hashlib.sha256(departure.verifier.encode()).digest()).rstrip(b"=").decode()
    query = urlencode(
        {
            "response_type": "code",
            "client_id": oidc.client_id,
            "redirect_uri": redirect_uri,
            "scope": SCOPES,
            "state": departure.state,
            "nonce": departure.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
    )
    address = description.authorization_endpoint
    return departure, f"{address}{'&' if urlsplit(address).query else '?'}{query}"


def arrive(oidc: OidcSettings, kept: Any, answer: Mapping[str, str]) -> tuple[Departure, Identity]:
    """kept: what the session held, taken out of it already. answer: the query of the way back. Raises SignInRefused."""
    departure = _departure(kept)
    if departure is None or not hmac.compare_digest(departure.state.encode(), answer.get("state", "").encode()):
        raise SignInRefused("This answer belongs to no sign-in begun in this browser, or to one that is too old.")
    try:
        return departure, _identity(oidc, departure, answer)
    except (OpenIdUnavailable, IdTokenRefused) as problem:
        log.warning("OpenID sign-in refused: %s", problem)
        raise SignInRefused(FAILED) from problem


def _identity(oidc: OidcSettings, departure: Departure, answer: Mapping[str, str]) -> Identity:
    description = _description(oidc)
    # RFC 9207: the answer of another issuer is not ours, whatever it says.
    issuer = answer.get("iss")
    if (issuer or description.has_issuer_in_answers) and issuer != oidc.issuer:
        raise IdTokenRefused("The answer does not come from the issuer that was asked.")
    code = answer.get("code", "")
    if "error" in answer or not code or len(code) > MOST_CODE:
        log.info("OpenID: the provider answered %r", answer.get("error", "")[:100])
        raise SignInRefused(CANCELLED)
    provider = _provider(oidc)
    tokens = provider.exchange(description, code=code, verifier=departure.verifier, redirect_uri=departure.redirect_uri)
    claims = _verified(oidc, provider, description, tokens, departure.nonce)
    return identity_of(claims, _more_claims(oidc, provider, description, tokens, claims))


def _verified(
    oidc: OidcSettings, provider: OpenIdProvider, description: Description, tokens: Tokens, nonce: str
) -> Mapping[str, Any]:
    """A key we do not know yet is asked for once more: providers change keys."""
    name = _cache_name("keys", oidc)
    keys = cache.get(name) or provider.keys(description)
    try:
        claims = verify_id_token(tokens.id_token, keys, oidc, nonce=nonce, now=int(time.time()))
    except UnknownKey:
        keys = provider.keys(description)
        claims = verify_id_token(tokens.id_token, keys, oidc, nonce=nonce, now=int(time.time()))
    cache.set(name, keys, REMEMBERED_SECONDS)
    return claims


def _more_claims(
    oidc: OidcSettings,
    provider: OpenIdProvider,
    description: Description,
    tokens: Tokens,
    claims: Mapping[str, Any],
) -> Mapping[str, Any]:
    """Asked for only when the signed token does not say all we use."""
    wanted = {"email", *filter(None, [oidc.role_claim])}
    if wanted <= set(claims) or not description.userinfo_endpoint or not tokens.access_token:
        return {}
    return provider.user_info(description, tokens.access_token)


def _description(oidc: OidcSettings) -> Description:
    name = _cache_name("description", oidc)
    known: Description | None = cache.get(name)
    if known is None:
        known = _provider(oidc).describe()
        cache.set(name, known, REMEMBERED_SECONDS)
    return known


def _provider(oidc: OidcSettings) -> OpenIdProvider:
    return OpenIdProvider(oidc, EgressGuard(settings.ENVIRONMENT.egress_allow))


def _departure(kept: Any) -> Departure | None:
    try:
        departure = Departure(**kept)
    except TypeError:
        return None
    return departure if time.time() - departure.at < AWAY_SECONDS else None


def _cache_name(what: str, oidc: OidcSettings) -> str:
    return f"openid-{what}-{hashlib.sha256(oidc.issuer.encode()).hexdigest()}"
