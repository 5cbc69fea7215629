"""How people of this installation sign in: whether a second factor and whether passwords, and how long a session lasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from django.conf import settings
from django.db import transaction

from routerapp.engine.problems import Problem
from routerapp.models import InstallationState, Role, User
from routerapp.oidc_settings import OidcSettings
from routerapp.serving import audit
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, invalid

SECTION = "sign_in"
MOST_IDLE_HOURS = 24 * 30
MOST_DAYS = 90


@dataclass(frozen=True, slots=True)
class SignInSettings:
    """require_2fa: nobody gets past enrolling; passwords: off leaves only the OpenID provider; days count from signing in."""

    require_2fa: bool = False
    passwords: bool = True
    idle_hours: int = 12
    most_days: int = 14


LIMITS: Mapping[str, tuple[int, int]] = {"idle_hours": (1, MOST_IDLE_HOURS), "most_days": (1, MOST_DAYS)}


def oidc_settings() -> OidcSettings | None:
    found: OidcSettings | None = settings.ENVIRONMENT.oidc
    return found


def read_sign_in_settings() -> SignInSettings:
    """As they hold now: without an OpenID provider set up, passwords are always on, whatever was saved."""
    stored = InstallationState.objects.filter(id=1).values_list("settings", flat=True).first() or {}
    found = _parse(stored.get(SECTION))
    if found.passwords or oidc_settings() is not None:
        return found
    return SignInSettings(**{**asdict(found), "passwords": True})


@transaction.atomic
def change_sign_in_settings(changes: Mapping[str, Any], *, by: Actor) -> SignInSettings:
    """Any of the fields of SignInSettings; what is not given stays."""
    require(by, "edit_settings")
    state = audit.lock_installation()
    before = _parse(state.settings.get(SECTION))
    _check(changes)
    after = SignInSettings(**{**asdict(before), **changes})
    if before.passwords and not after.passwords:
        _require_way_in()
    state.settings = {**state.settings, SECTION: asdict(after)}
    state.save(update_fields=["settings"])
    audit.record(by, "edit_sign_in_settings", "installation", before=_renamed(before), after=_renamed(after))
    return after


def openid_admins() -> Any:
    """Admins who can sign in at the provider that is set up now."""
    oidc = oidc_settings()
    issuer = oidc.issuer if oidc else ""
    return User.objects.filter(role=Role.ADMIN, is_active=True, identities__issuer=issuer).distinct()


def needs_openid_admin() -> bool:
    """Whether the provider is the only way in."""
    return not read_sign_in_settings().passwords


def _require_way_in() -> None:
    if oidc_settings() is None:
        raise invalid("passwords", "no_other_way", "No OpenID provider is set up, so passwords are the only way in.")
    if not openid_admins().exists():
        raise invalid(
            "passwords",
            "no_openid_admin",
            "No admin has signed in at the OpenID provider yet. Link one on the account page first.",
        )


def _check(changes: Mapping[str, Any]) -> None:
    known = {one.name: one.type for one in fields(SignInSettings)}
    problems = []
    for name, value in changes.items():
        if name not in known:
            problems.append(Problem(name, "unknown_field", f"{name} cannot be set here."))
        elif name in LIMITS:
            low, high = LIMITS[name]
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                problems.append(Problem(name, "out_of_range", f"A whole number from {low} to {high}."))
        elif not isinstance(value, bool):
            problems.append(Problem(name, "not_a_boolean", "This is true or false."))
    if problems:
        raise Invalid(problems)


def _parse(stored: Any) -> SignInSettings:
    if not isinstance(stored, Mapping):
        return SignInSettings()
    return SignInSettings(**{one.name: stored[one.name] for one in fields(SignInSettings) if one.name in stored})


def _renamed(values: SignInSettings) -> dict[str, Any]:
    """For the audit log, which masks whatever is called a password."""
    given = asdict(values)
    return {"sign_in_by_form": given.pop("passwords"), **given}
