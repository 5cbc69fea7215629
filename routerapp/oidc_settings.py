"""The OpenID provider people may sign in with, read from SIGNALBOX_OIDC_…: all of it, or none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

from routerapp.bad_setting import BadSetting

PREFIX = "SIGNALBOX_OIDC_"
NAMES = frozenset(
    PREFIX + name
    for name in (
        "ISSUER",
        "CLIENT_ID",
        "CLIENT_SECRET",
        "LABEL",
        "DEFAULT_ROLE",
        "ROLE_CLAIM",
        "ROLE_MAP",
        "ALLOWED_DOMAINS",
        "AUTO_CREATE",
    )
)
# As in models.Role, which cannot be read before settings are.
ROLES = ("viewer", "editor", "publisher", "admin")
LOOPBACK = ("127.0.0.1", "::1", "localhost")
MOST_LABEL = 40


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """role_map: value of the role claim → role. allowed_domains empty: any. The secret stays out of repr."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    label: str = "single sign-on"
    default_role: str = "viewer"
    role_claim: str = ""
    role_map: Mapping[str, str] = field(default_factory=dict)
    allowed_domains: tuple[str, ...] = ()
    auto_create: bool = False


def read_oidc(variables: Mapping[str, str]) -> OidcSettings | None:
    """None when nothing is set. Raises BadSetting."""
    given = {name.removeprefix(PREFIX): value.strip() for name, value in variables.items() if name in NAMES}
    given = {name: value for name, value in given.items() if value}
    if not given:
        return None
    for needed in ("ISSUER", "CLIENT_ID"):
        if needed not in given:
            raise BadSetting(PREFIX + needed, "", f"a value, since {PREFIX}{sorted(given)[0]} is set")
    if bool(given.get("ROLE_MAP")) != bool(given.get("ROLE_CLAIM")):
        missing = "ROLE_CLAIM" if given.get("ROLE_MAP") else "ROLE_MAP"
        raise BadSetting(PREFIX + missing, "", "a value: the role claim and its map go together")
    return OidcSettings(
        issuer=_issuer(given["ISSUER"]),
        client_id=given["CLIENT_ID"],
        client_secret=given.get("CLIENT_SECRET"),
        label=_label(given.get("LABEL", "single sign-on")),
        default_role=_role("DEFAULT_ROLE", given.get("DEFAULT_ROLE", "viewer")),
        role_claim=given.get("ROLE_CLAIM", ""),
        role_map=_role_map(given.get("ROLE_MAP", "")),
        allowed_domains=_domains(given.get("ALLOWED_DOMAINS", "")),
        auto_create=_switch("AUTO_CREATE", given.get("AUTO_CREATE", "0")),
    )


def is_safe_address(url: str) -> bool:
    """https anywhere; plain http only to this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK))


def _issuer(text: str) -> str:
    parts = urlsplit(text) if is_safe_address(text) else None
    if parts is None or parts.query or parts.fragment or "@" in parts.netloc or len(text) > 300:
        raise BadSetting(PREFIX + "ISSUER", text, "the https:// address of the provider, exactly as it names itself")
    return text


def _label(text: str) -> str:
    if len(text) > MOST_LABEL or not text.isprintable():
        raise BadSetting(PREFIX + "LABEL", text[:60], f"at most {MOST_LABEL} printable characters")
    return text


def _role(name: str, text: str) -> str:
    if text not in ROLES:
        raise BadSetting(PREFIX + name, text, "one of " + ", ".join(ROLES))
    return text


def _role_map(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        value, equals, role = entry.rpartition("=")
        if not equals or not value.strip() or role.strip() not in ROLES:
            raise BadSetting(
                PREFIX + "ROLE_MAP", entry, "value=role pairs separated by commas; roles are " + ", ".join(ROLES)
            )
        found[value.strip()] = role.strip()
    return MappingProxyType(found)


def _domains(text: str) -> tuple[str, ...]:
    domains = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for domain in domains:
        if "@" in domain or "*" in domain or "/" in domain or " " in domain:
            raise BadSetting(PREFIX + "ALLOWED_DOMAINS", domain, "domains of e-mail addresses, separated by commas")
    return domains


def _switch(name: str, text: str) -> bool:
    if text not in ("0", "1"):
        raise BadSetting(PREFIX + name, text, "0 or 1")
    return text == "1"
