"""Whether an ID token is to be believed (OpenID Connect Core, 3.1.3.7): signature by the provider's own key, issuer, audience, times, nonce.

Pure: keys and the time come in. Only signatures by asymmetric keys count, so neither `none` nor a public key used as a shared secret passes.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from joserfc.jws import extract_compact

from routerapp.oidc_settings import OidcSettings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
KEY_TYPES = ("RSA", "EC", "OKP")
# Clocks of two machines that both keep time.
LEEWAY_SECONDS = 60
MOST_KEYS = 20
LEAST_RSA_BITS = 2048
# Beyond what a float counts exactly; also keeps NaN and infinity out.
MOST_TIME = 2**53
MOST_SUBJECT = 255


class IdTokenRefused(Exception):
    """The message is for the operator's log: it says which check failed, and quotes nothing of the token."""


class UnknownKey(IdTokenRefused):
    """Signed by a key that is not in the set; perhaps the provider has a newer set."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is at the provider. email only when the provider verified it."""

    issuer: str
    subject: str
    email: str = ""
    name: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


def verify_id_token(
    id_token: str, keys: Mapping[str, Any], oidc: OidcSettings, *, nonce: str, now: int
) -> Mapping[str, Any]:
    """The claims. Raises IdTokenRefused."""
    claims = _signed_claims(id_token, keys)
    checks = jwt.JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY_SECONDS,
        iss={"essential": True, "value": oidc.issuer},
        aud={"essential": True, "value": oidc.client_id},
        sub={"essential": True},
        exp={"essential": True},
        iat={"essential": True},
        nonce={"essential": True},
    )
    try:
        checks.validate(claims)
    except (JoseError, ValueError, TypeError, OverflowError) as problem:
        raise IdTokenRefused(f"A claim does not hold: {str(problem)[:200]}") from problem
    if not 0 < claims["exp"] < MOST_TIME:
        raise IdTokenRefused("The expiry is not a time.")
    _check_party(claims, oidc)
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise IdTokenRefused("The nonce is not the one this browser was sent away with.")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= MOST_SUBJECT:
        raise IdTokenRefused("The subject is not a text of 1 to 255 characters.")
    return claims


def identity_of(claims: Mapping[str, Any], more: Mapping[str, Any]) -> Identity:
    """more: what the user-info endpoint added, used only when it speaks of the same subject; signed claims come first."""
    if more and more.get("sub") != claims["sub"]:
        raise IdTokenRefused("The user info is of another subject than the ID token.")
    # An address and whether it is verified come from one place, never one from each.
    source = claims if "email" in claims else more
    email = source.get("email")
    is_verified = source.get("email_verified") is True
    together = {**more, **claims}
    name = together.get("preferred_username")
    return Identity(
        issuer=str(claims["iss"]),
        subject=str(claims["sub"]),
        email=email if is_verified and isinstance(email, str) and len(email) <= 254 else "",
        name=name if isinstance(name, str) else "",
        claims=together,
    )


def _signed_claims(id_token: str, keys: Mapping[str, Any]) -> dict[str, Any]:
    """By the key the token names; one that names none is tried with each."""
    try:
        named = extract_compact(id_token.encode()).headers().get("kid")
    except (JoseError, ValueError, TypeError, AttributeError, RecursionError) as problem:
        raise IdTokenRefused("This is not a signed ID token.") from problem
    usable = [key for key in _listed(keys) if _is_signing_key(key)]
    fitting = [key for key in usable if named is None or key.get("kid", named) == named]
    if not fitting:
        raise UnknownKey("The provider's key set has no key that this token names.")
    for key in fitting[:MOST_KEYS]:
        try:
            return dict(jwt.decode(id_token, _without_name(key), algorithms=list(ALGORITHMS)).claims)
        except (JoseError, ValueError, TypeError, KeyError, RecursionError) as problem:
            failure: Exception = problem
    raise IdTokenRefused(f"The ID token's signature does not hold ({type(failure).__name__}).") from failure


def _listed(keys: Mapping[str, Any]) -> list[Any]:
    found = keys.get("keys")
    return found if isinstance(found, list) else []


def _without_name(key: Mapping[str, Any]) -> Key:
    """The key alone: which one it is has been settled."""
    return import_key({name: value for name, value in key.items() if name != "kid"})


def _is_signing_key(key: Any) -> bool:
    if not isinstance(key, dict) or key.get("kty") not in KEY_TYPES or key.get("use", "sig") != "sig" or "d" in key:
        return False
    modulus = key.get("n")
    return key["kty"] != "RSA" or (isinstance(modulus, str) and len(modulus) * 6 >= LEAST_RSA_BITS)


def _check_party(claims: Mapping[str, Any], oidc: OidcSettings) -> None:
    """A token for several audiences must have been issued to us (azp)."""
    audience, party = claims["aud"], claims.get("azp")
    if (isinstance(audience, list) and len(audience) > 1 and party is None) or party not in (None, oidc.client_id):
        raise IdTokenRefused("The token was issued to another client.")
