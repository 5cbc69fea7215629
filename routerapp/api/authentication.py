"""Who calls the management API: the holder of an API key with a management scope, by `Authorization: Bearer`, never by cookie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from routerapp.models import APIKey
from routerapp.serving.manage_keys import management_role, mark_used
from routerapp.serving.permissions import Actor
from routerapp.store.keys import is_held_by, parse_key


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """What Django and DRF expect of a user, and the actor the use cases ask for."""

    actor: Actor
    is_authenticated: bool = True
    is_active: bool = True


class KeyAuthentication(BaseAuthentication):
    """Every refusal says the same, whichever part was wrong."""

    def authenticate(self, request: Request) -> tuple[KeyHolder, APIKey] | None:
        scheme, _, text = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not scheme:
            return None
        row = _row_of(text.strip()) if scheme.lower() == "bearer" else None
        if row is None:
            raise AuthenticationFailed("This is not a valid API key.", code="invalid_api_key")
        mark_used(row)
        actor = Actor(row.slug, "key", management_role(row), request.META.get("REMOTE_ADDR", ""))
        return KeyHolder(actor), row

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="signalbox"'


def actor_of(request: Request) -> Actor:
    """Only behind ActionPermission, which lets nobody else through."""
    holder: Any = request.user
    actor: Actor = holder.actor
    return actor


def _row_of(text: str) -> APIKey | None:
    parsed = parse_key(text)
    if parsed is None:
        return None
    row = APIKey.objects.select_related("created_by").filter(prefix=parsed.prefix).first()
    if row is None or not is_held_by(parsed, row.key_hash) or row.revoked_at is not None:
        return None
    return None if row.expires_at is not None and row.expires_at <= timezone.now() else row


class KeyAuthenticationScheme(OpenApiAuthenticationExtension):
    """How the schema describes it."""

    target_class = KeyAuthentication
    name = "apiKey"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key with one of the scopes read, edit, publish or admin.",
        }
