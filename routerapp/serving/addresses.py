"""Addresses we may send prompts to, judged when they are saved. The same guard judges again at each connection."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings

from routerapp.models import ProviderKind
from routerapp.providers.egress import EgressGuard
from routerapp.providers.errors import EgressRefused
from routerapp.serving.refusals import invalid


def checked_address(url: str, kind: str, path: str) -> str:
    """The base URL without a trailing slash, when the egress guard allows it. A simulated provider has none."""
    if kind == ProviderKind.SIMULATED:
        if url:
            raise invalid(path, "no_address", "A simulated provider has no address.")
        return ""
    cleaned = url.strip().rstrip("/")
    if not cleaned:
        raise invalid(path, "required", "Give the address of the API, such as https://api.example.com/v1.")
    if len(cleaned) > 500 or not cleaned.isascii() or not cleaned.isprintable() or " " in cleaned:
        raise invalid(path, "bad_address", "An address has at most 500 printable ASCII characters.")
    try:
        EgressGuard(settings.ENVIRONMENT.egress_allow).check_url(cleaned)
        _refuse_extras(cleaned, path)
    except (EgressRefused, ValueError) as error:
        raise invalid(path, "egress_refused", str(error)) from error
    return cleaned


def origin_of(url: str) -> tuple[str, str]:
    """Scheme and host with port: where a credential would travel to."""
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()


def _refuse_extras(url: str, path: str) -> None:
    parts = urlsplit(url)
    if parts.username or parts.password:
        raise invalid(path, "credential_in_address", "Keep credentials out of the address; set them as the credential.")
    if parts.query or parts.fragment:
        raise invalid(path, "bad_address", "A base address has no query and no fragment.")
