"""Where a person is signed in, and the end of that: one browser's session or all of them.

Raising session_epoch ends sessions for good, even one that is being written at this moment; deleting the rows tidies up.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from routerapp.models import SignInSession, User
from routerapp.serving import audit
from routerapp.serving.changes import find, lock_installation_for
from routerapp.serving.permissions import Actor, require
from routerapp.serving.refusals import Invalid, invalid


def end_sessions(user: User, *, keep: str | None = None) -> int:
    """Every session of the person but the one to keep, whose hash the caller must renew; returns how many rows went."""
    User.objects.filter(pk=user.pk).update(session_epoch=F("session_epoch") + 1)
    user.refresh_from_db(fields=["session_epoch"])
    return SignInSession.objects.filter(user=user).exclude(session_key=keep or "").delete()[0]


def open_sessions(user: User) -> list[SignInSession]:
    """The newest use first."""
    rows = SignInSession.objects.filter(user=user, expire_date__gt=timezone.now()).defer("session_data")
    return list(rows.order_by(F("seen_at").desc(nulls_last=True)))


@transaction.atomic
def sign_out_everywhere(username: str, *, by: Actor) -> int:
    """An admin's: the person must sign in again in every browser."""
    require(by, "edit_people")
    lock_installation_for(by, "edit_people")
    user = find(User.objects.all(), "user", username=username)
    ended = end_sessions(user)
    audit.record(by, "sign_out_everywhere", f"user:{username}", after={"sessions": ended})
    return ended


@transaction.atomic
def sign_out_others(user: User, *, by: Actor, keep_session: str | None) -> int:
    """One's own other browsers. The caller renews the kept session's hash (update_session_auth_hash)."""
    require_self(user, by)
    ended = end_sessions(user, keep=keep_session)
    audit.record(by, "sign_out_others", f"user:{user.username}", after={"sessions": ended})
    return ended


def require_self(user: User, by: Actor) -> None:
    if by.kind != "user" or by.name != user.username:
        raise _not_yours()


def _not_yours() -> Invalid:
    return invalid("", "not_yours", "People change only their own sign-in here.")
