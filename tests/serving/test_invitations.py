"""A link works once, for as long as it says, for whom it says; it ends with the power of who made it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from routerapp.models import AuditEvent, Invitation, User
from routerapp.serving import invitations, people
from routerapp.serving.invitations import NewInvitation
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.serving.sign_in_settings import SignInSettings
from tests.factories import a_key, a_team, a_user
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db
NEW = "another fine sentence"


def an_invitation(username: str = "grace", **fields: str) -> NewInvitation:
    return invitations.invite(username, **{"role": "editor", "by": ADMIN} | fields)  # type: ignore[arg-type]


def accept(new: NewInvitation, password: str = NEW) -> User:
    return invitations.accept(new.token, password, address="203.0.113.1")


def test_accepting_makes_the_person_as_promised_once() -> None:
    a_team(slug="legal")
    new = an_invitation(team="legal", email="grace@corp.example")
    assert not User.objects.exists()

    user = accept(new)

    assert (user.username, user.role, user.team and user.team.slug) == ("grace", "editor", "legal")
    assert (user.check_password(NEW), user.must_change_password, user.is_staff) == (True, False, False)
    with pytest.raises(Missing):
        accept(new, "yet another sentence")


def test_a_team_archived_meanwhile_is_not_joined() -> None:
    team = a_team(slug="legal")
    new = an_invitation(team="legal")
    team.archived_at = timezone.now()
    team.save()

    assert accept(new).team is None
    with pytest.raises(Invalid):
        an_invitation("ada", team="legal")


def test_no_link_lets_anybody_in_by_password_where_passwords_are_off(monkeypatch: pytest.MonkeyPatch) -> None:
    person = a_user(username="ada")
    links = an_invitation(), invitations.make_password_link("ada", by=ADMIN)
    monkeypatch.setattr(invitations, "read_sign_in_settings", lambda: SignInSettings(passwords=False))

    for link in links:
        with pytest.raises(Invalid, match="Passwords are switched off"):
            accept(link)
    person.refresh_from_db()
    assert not person.check_password(NEW)
    assert User.objects.count() == 1


def test_seven_days_and_not_a_minute_more() -> None:
    new = an_invitation()
    assert timedelta(days=6, hours=23) < new.row.expires_at - timezone.now() < timedelta(days=7, minutes=1)
    Invitation.objects.update(expires_at=timezone.now())

    with pytest.raises(Missing):
        accept(new)


def test_the_link_is_kept_as_a_hash_and_stands_in_no_log() -> None:
    new = an_invitation()
    written = str([vars(one) for table in (AuditEvent, Invitation) for one in table.objects.all()])

    assert len(new.token) >= 43
    assert new.token not in written + repr(new)


@pytest.mark.parametrize("token", ["", "guessed", "x" * 10_000, "\0", "😀", "\ud800"])
def test_a_guessed_link_is_no_link(token: str) -> None:
    an_invitation()

    with pytest.raises(Missing):
        invitations.find_open(token)


def test_a_withdrawn_link_is_closed_and_the_name_is_free_again() -> None:
    new = an_invitation()
    with pytest.raises(Invalid, match="invited already"):
        an_invitation()
    invitations.withdraw(new.row.pk, by=ADMIN)

    with pytest.raises(Missing):
        accept(new)
    an_invitation()


def test_a_weak_password_leaves_the_link_open() -> None:
    new = an_invitation()
    for weak in ("short", "password123", "", "x" * 5_000):
        with pytest.raises(Invalid):
            accept(new, weak)

    assert accept(new).username == "grace"


@pytest.mark.parametrize(
    "fields",
    [
        {"username": ""},
        {"username": "no spaces"},
        {"username": ".."},
        {"username": "-"},
        {"username": "x" * 151},
        {"username": "nul\0"},
        {"username": "taken"},
        {"role": "owner"},
        {"email": "no address"},
        {"team": "nowhere"},
        {"team": "x" * 10_000},
    ],
)
def test_an_invitation_that_cannot_be_is_refused(fields: dict[str, str]) -> None:
    a_user(username="taken")

    with pytest.raises(Invalid):
        an_invitation(**{"username": "grace", **fields})
    assert not Invitation.objects.exists()


def test_invitations_end_when_their_maker_loses_the_power_to_make_them() -> None:
    """Or somebody about to go would leave themselves a way back in."""
    for end in (
        lambda: people.lock("leaver", by=ADMIN),
        lambda: people.set_role("leaver", "viewer", by=ADMIN),
    ):
        User.objects.all().delete()
        a_user(username="admin")
        leaver = a_user(username="leaver")
        key = a_key(scopes=["admin"], created_by=leaver)
        mine = an_invitation("me-again", role="admin", by=Actor("leaver", "user", "admin"))
        by_key = an_invitation("me-once-more", role="admin", by=Actor(key.slug, "key", "admin"))
        end()

        for new in (mine, by_key):
            with pytest.raises(Missing):
                accept(new)
        key.delete()


def test_a_new_password_link_sets_the_password_ends_sessions_and_unseats_older_links() -> None:
    user = a_user(username="grace", must_change_password=True)
    older = invitations.make_password_link("grace", by=ADMIN)
    new = invitations.make_password_link("grace", by=ADMIN)
    with pytest.raises(Missing):
        accept(older)

    accept(new)

    user.refresh_from_db()
    assert (user.check_password(NEW), user.must_change_password, user.session_epoch) == (True, False, 1)
    assert User.objects.count() == 1


def test_a_new_password_link_is_no_use_to_somebody_locked() -> None:
    a_user(username="admin"), a_user(username="grace")
    new = invitations.make_password_link("grace", by=ADMIN)
    people.lock("grace", by=ADMIN)

    with pytest.raises(Missing):
        accept(new)
    with pytest.raises(Missing):
        invitations.make_password_link("grace", by=ADMIN)


def test_only_admins_invite_and_nobody_above_themselves() -> None:
    with pytest.raises(NotAllowed):
        an_invitation(by=PUBLISHER)
    with pytest.raises(NotAllowed):
        invitations.make_password_link("grace", by=PUBLISHER)
