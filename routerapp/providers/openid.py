"""What is asked of an OpenID provider, over the guarded control client: its description, its keys, a token for a code, more claims.

Only fetches and checks the form of what comes back; whether an ID token is to be believed is judged by serving/id_tokens.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import msgspec

from routerapp.oidc_settings import OidcSettings, is_safe_address
from routerapp.providers.control import control_client
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import ProviderError

WELL_KNOWN = "/.well-known/openid-configuration"
# Short: a page waits for it.
TIMEOUT = httpx.Timeout(5.0, connect=3.0)
MOST_TOKEN_CHARACTERS = 64 * 1024


class OpenIdUnavailable(Exception):
    """The provider did not answer as OpenID Connect says. The message is for the operator's log."""


@dataclass(frozen=True, slots=True)
class Description:
    """What discovery says, as far as it is used."""

    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    has_issuer_in_answers: bool = False
    takes_basic: bool = True


@dataclass(frozen=True, slots=True)
class Tokens:
    id_token: str = field(repr=False)
    access_token: str = field(repr=False)


class OpenIdProvider:
    """One provider as set up. A new connection each time: signing in is rare."""

    def __init__(self, oidc: OidcSettings, guard: EgressGuard) -> None:
        self._oidc = oidc
        self._guard = guard

    def describe(self) -> Description:
        """Raises OpenIdUnavailable, also when the description is not of this issuer."""
        found = self._ask(lambda client: client.get(self._oidc.issuer.rstrip("/") + WELL_KNOWN))
        if found.get("issuer") != self._oidc.issuer:
            raise OpenIdUnavailable(f"The description names another issuer: {str(found.get('issuer'))[:200]!r}.")
        methods = found.get("token_endpoint_auth_methods_supported")
        return Description(
            authorization_endpoint=_endpoint(found, "authorization_endpoint"),
            token_endpoint=_endpoint(found, "token_endpoint"),
            jwks_uri=_endpoint(found, "jwks_uri"),
            userinfo_endpoint=_endpoint(found, "userinfo_endpoint") if found.get("userinfo_endpoint") else "",
            has_issuer_in_answers=found.get("authorization_response_iss_parameter_supported") is True,
            takes_basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        )

    def keys(self, description: Description) -> dict[str, Any]:
        """The JSON Web Key Set."""
        return self._ask(lambda client: client.get(description.jwks_uri))

    def exchange(self, description: Description, *, code: str, verifier: str, redirect_uri: str) -> Tokens:
        """The code, once, for tokens (RFC 6749, 4.1.3; RFC 7636)."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
        secret = self._oidc.client_secret
        auth: httpx.Auth = httpx.Auth()
        if secret and description.takes_basic:
            auth = httpx.BasicAuth(_form_encoded(self._oidc.client_id), _form_encoded(secret))
        else:
            form |= {"client_id": self._oidc.client_id} | ({"client_secret": secret} if secret else {})
        found = self._ask(lambda client: client.post(description.token_endpoint, data=form, auth=auth))
        id_token, access_token = found.get("id_token"), found.get("access_token")
        if not isinstance(id_token, str) or len(id_token) > MOST_TOKEN_CHARACTERS:
            raise OpenIdUnavailable("The token answer has no ID token.")
        return Tokens(id_token, access_token if isinstance(access_token, str) else "")

    def user_info(self, description: Description, access_token: str) -> dict[str, Any]:
        """Claims some providers give only here (OpenID Connect Core, 5.3)."""
        headers = {"Authorization": f"Bearer {access_token}"}
        return self._ask(lambda client: client.get(description.userinfo_endpoint, headers=headers))

    def _ask(self, send: Callable[[httpx.Client], httpx.Response]) -> dict[str, Any]:
        """One JSON object. Redirects are not followed; nothing of the answer goes into the message but its status."""
        try:
            with control_client(self._guard, TIMEOUT) as client:
                response = send(client)
        except (httpx.HTTPError, httpx.InvalidURL, ProviderError) as problem:
            raise OpenIdUnavailable(f"The OpenID provider cannot be reached: {problem}") from problem
        if response.status_code != 200:
            raise OpenIdUnavailable(f"The OpenID provider answered {response.status_code}.")
        try:
            found = msgspec.json.decode(response.content)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as problem:
            raise OpenIdUnavailable("The OpenID provider did not answer with JSON.") from problem
        if not isinstance(found, dict):
            raise OpenIdUnavailable("The OpenID provider did not answer with a JSON object.")
        return found


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    address = found.get(name)
    if not isinstance(address, str) or len(address) > 2_000 or not is_safe_address(address):
        raise OpenIdUnavailable(f"The description's {name} is not an https:// address.")
    return address


def _form_encoded(text: str) -> str:
    """RFC 6749, 2.3.1: id and secret are form-encoded inside Basic."""
    return str(httpx.QueryParams({"x": text}))[2:]
