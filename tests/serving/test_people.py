import pytest
from django.test import Client
from django.utils import timezone

from routerapp.models import AuditEvent, Invitation, SecondFactor, User
from routerapp.serving import invitations, manage_keys, people, second_factor, sessions
from routerapp.serving.edit_teams import archive_team
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.serving.sign_in_settings import SignInSettings, change_sign_in_settings, read_sign_in_settings
from routerapp.store.snapshot import load_snapshot
from tests.factories import a_key, a_snapshot, a_team, a_user
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db
NEW = "another fine sentence"


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def has_session(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_a_made_up_password_is_given_once_and_must_be_changed() -> None:
    a_team(slug="legal")
    new = people.create_user("grace", role="editor", team="legal", by=ADMIN)

    user = User.objects.get()
    assert new.password is not None
    assert user.check_password(new.password)
    assert (user.role, user.must_change_password, user.is_superuser, user.is_staff) == ("editor", True, False, False)
    assert new.password not in str([vars(event) for event in AuditEvent.objects.all()])


@pytest.mark.parametrize(
    "fields",
    [
        {"role": "owner"},
        {"password": "short"},
        {"password": "password123"},
        {"username": "no spaces!"},
        {"username": ""},
    ],
)
def test_a_person_that_cannot_be_is_refused(fields: dict[str, str]) -> None:
    with pytest.raises(Invalid):
        people.create_user(**{"username": "grace", "role": "viewer", "by": ADMIN, **fields})
    assert not User.objects.exists()


def test_a_name_is_given_once() -> None:
    people.create_user("grace", role="viewer", by=ADMIN)

    with pytest.raises(Invalid):
        people.create_user("grace", role="viewer", by=ADMIN)


def test_the_keys_of_somebody_locked_call_but_manage_and_look_into_nothing() -> None:
    a_user(username="admin")
    grace = a_user(username="grace")
    key = a_key(scopes=["chat", "policy:pin", "read", "admin"], created_by=grace)
    before = a_snapshot().config.callers[key.slug].scopes

    people.lock("grace", by=ADMIN)

    assert before == ("chat", "policy:pin", "read", "admin")
    assert load_snapshot().config.callers[key.slug].scopes == ("chat", "policy:pin")


def test_another_role_ends_the_persons_sessions() -> None:
    a_user(username="admin")
    user, other = a_user(role="viewer"), a_user(role="viewer")
    client, others = signed_in(user), signed_in(other)

    people.set_role(user.username, "editor", by=ADMIN)

    assert not has_session(client)
    assert has_session(others)


@pytest.mark.parametrize(
    "change", [lambda: people.set_role("admin", "viewer", by=ADMIN), lambda: people.lock("admin", by=ADMIN)]
)
def test_the_last_admin_stays(change: object) -> None:
    a_user(username="admin")
    a_user(is_active=False)

    with pytest.raises(Invalid, match="stay admin"):
        change()  # type: ignore[operator]
    assert User.objects.filter(role="admin", is_active=True).count() == 1


def test_a_new_password_ends_every_other_session() -> None:
    user = a_user(username="grace", must_change_password=True)
    here, elsewhere = signed_in(user), signed_in(user)
    actor = Actor("grace", "user", user.role)

    people.change_password(user, "correct horse battery", NEW, by=actor, keep_session=here.session.session_key)

    user.refresh_from_db()
    assert user.check_password(NEW)
    assert not user.must_change_password
    assert has_session(here)
    assert not has_session(elsewhere)


@pytest.mark.parametrize(
    ("name", "current", "new"),
    [("grace", "wrong", NEW), ("grace", "correct horse battery", "short"), ("eve", "correct horse battery", NEW)],
)
def test_a_password_is_changed_by_its_owner_who_knows_it(name: str, current: str, new: str) -> None:
    user = a_user(username="grace")

    with pytest.raises(Invalid):
        people.change_password(user, current, new, by=Actor(name, "user", "admin"))
    user.refresh_from_db()
    assert user.check_password("correct horse battery")


def test_people_are_for_admins() -> None:
    user = a_user(role="publisher", username="publisher")

    with pytest.raises(NotAllowed):
        people.set_role(user.username, "admin", by=PUBLISHER)
    with pytest.raises(NotAllowed):
        people.create_user("eve", role="admin", by=PUBLISHER)


def test_a_locked_person_is_out_at_once_and_comes_back_by_unlocking() -> None:
    a_user(username="admin")
    grace = a_user(username="grace")
    client = signed_in(grace)
    people.lock("grace", by=ADMIN, reason="left")

    grace.refresh_from_db()
    assert (grace.is_active, grace.locked_at is not None, has_session(client)) == (False, True, False)
    assert client.get("/account/").status_code == 302
    people.unlock("grace", by=ADMIN)

    grace.refresh_from_db()
    assert (grace.is_active, grace.locked_at) == (True, None)
    assert client.get("/account/").status_code == 302
    assert AuditEvent.objects.get(action="lock_user").reason == "left"


def test_a_session_that_is_written_while_it_ends_is_over_all_the_same() -> None:
    """The row may come back; the epoch it carries does not."""
    from routerapp.models import SignInSession

    grace = a_user(username="grace")
    client = signed_in(grace)
    row = SignInSession.objects.get(user=grace)
    sessions.sign_out_everywhere("grace", by=ADMIN)
    row.save(force_insert=True)

    assert client.get("/account/").status_code == 302


def test_signing_out_elsewhere_keeps_this_browser() -> None:
    grace = a_user(username="grace")
    here, elsewhere = signed_in(grace), signed_in(grace)

    response = here.post("/account/sessions/sign-out/")

    assert response.status_code == 302
    assert (here.get("/account/").status_code, elsewhere.get("/account/").status_code) == (200, 302)


def test_nobody_changes_their_own_role_or_locks_themselves_out() -> None:
    a_user(username="admin"), a_user(username="second")

    for change in (lambda: people.set_role("admin", "viewer", by=ADMIN), lambda: people.lock("admin", by=ADMIN)):
        with pytest.raises(Invalid, match="another admin can"):
            change()


@pytest.mark.parametrize("loss", [{"is_active": False}, {"role": "editor"}])
def test_who_lost_the_role_while_waiting_for_the_lock_changes_nothing(loss: dict[str, object]) -> None:
    """Two admins lock each other at once: the second had been let in before, and waited."""
    ada, grace = a_user("admin", username="ada"), a_user("admin", username="grace")
    as_asked = Actor("ada", "user", "admin")
    User.objects.filter(pk=ada.pk).update(**loss)

    for write in (
        lambda: people.lock("grace", by=as_asked),
        lambda: people.set_role("grace", "viewer", by=as_asked),
        lambda: invitations.invite("backdoor", role="admin", by=as_asked),
        lambda: invitations.make_password_link("grace", by=as_asked),
        lambda: people.create_user("backdoor", role="admin", by=as_asked),
        lambda: manage_keys.create_key("backdoor", by=as_asked),
        lambda: sessions.sign_out_everywhere("grace", by=as_asked),
        lambda: second_factor.reset_second_factor("grace", by=as_asked),
        lambda: invitations.withdraw(1, by=as_asked),
    ):
        with pytest.raises(NotAllowed):
            write()

    grace.refresh_from_db()
    assert (grace.is_active, grace.role) == (True, "admin")
    assert not Invitation.objects.exists()
    assert not User.objects.filter(username="backdoor").exists()


def test_a_new_password_link_ends_with_a_lock_and_with_a_password_that_the_person_chose() -> None:
    a_user(role="admin", username="boss")
    grace = a_user(role="viewer", username="grace")
    before_lock = invitations.make_password_link("grace", by=ADMIN).token
    people.lock("grace", by=ADMIN)
    people.unlock("grace", by=ADMIN)
    before_change = invitations.make_password_link("grace", by=ADMIN).token
    grace.refresh_from_db()
    people.change_password(grace, "correct horse battery", NEW, by=Actor("grace", "user", "viewer"))

    for token in (before_lock, before_change):
        with pytest.raises(Missing):
            invitations.accept(token, "some other fine sentence", address="")
    grace.refresh_from_db()
    assert grace.check_password(NEW)


def test_nobody_is_put_into_an_archived_team() -> None:
    team = a_team(slug="legal", archived_at=timezone.now())
    a_user(role="viewer", username="grace")

    for put in (
        lambda: people.edit_person("grace", {"team": "legal"}, by=ADMIN),
        lambda: people.create_user("ada", role="viewer", team="legal", by=ADMIN),
    ):
        with pytest.raises(Invalid) as refused:
            put()
        assert [(one.path, one.code) for one in refused.value.problems] == [("team", "archived")]
    assert not User.objects.filter(team=team).exists()


def test_a_team_archived_while_its_person_was_locked_out_is_left_on_coming_back() -> None:
    team = a_team(slug="legal")
    grace = a_user(role="viewer", username="grace", team=team)
    a_user(role="admin", username="boss")
    people.lock("grace", by=ADMIN)
    archive_team("legal", by=ADMIN)

    people.edit_person("grace", {"team": "legal", "email": "g@corp.example"}, by=ADMIN)
    people.unlock("grace", by=ADMIN)
    grace.refresh_from_db()

    assert (grace.team, grace.email, grace.is_active) == (None, "g@corp.example", True)


def test_a_team_is_given_and_taken_without_signing_anybody_out() -> None:
    a_team(slug="legal")
    grace = a_user(role="viewer", username="grace")
    client = signed_in(grace)

    people.edit_person("grace", {"team": "legal", "email": "g@corp.example"}, by=ADMIN)
    grace.refresh_from_db()
    assert (grace.team and grace.team.slug, grace.email) == ("legal", "g@corp.example")
    people.edit_person("grace", {"team": None}, by=ADMIN)
    grace.refresh_from_db()

    assert (grace.team, grace.email, has_session(client)) == (None, "g@corp.example", True)


@pytest.mark.parametrize(
    "changes", [{"role": "owner"}, {"team": "nowhere"}, {"email": "x"}, {"is_superuser": True}, {"password": "x"}]
)
def test_what_a_person_cannot_be_made_is_refused_and_nothing_is_changed(changes: dict[str, object]) -> None:
    grace = a_user(role="viewer", username="grace")

    with pytest.raises(Invalid):
        people.edit_person("grace", {"email": "g@corp.example", **changes}, by=ADMIN)
    grace.refresh_from_db()
    assert (grace.role, grace.email, grace.is_superuser) == ("viewer", "", False)


def test_guessing_ones_current_password_is_slow_too() -> None:
    from routerapp.serving.throttle import TooManyFailures

    user = a_user(username="grace")
    actor = Actor("grace", "user", user.role)
    for _ in range(10):
        with pytest.raises(Invalid):
            people.change_password(user, "wrong", NEW, by=actor)

    with pytest.raises(TooManyFailures):
        people.change_password(user, "correct horse battery", NEW, by=actor)


@pytest.mark.parametrize(
    "changes",
    [{"idle_hours": 0}, {"idle_hours": 721}, {"most_days": "7"}, {"most_days": True}, {"require_2fa": 1}, {"x": 1}],
)
def test_sign_in_settings_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        change_sign_in_settings(changes, by=ADMIN)
    assert read_sign_in_settings() == SignInSettings()


def test_passwords_cannot_go_without_another_way_in() -> None:
    with pytest.raises(Invalid, match="only way in"):
        change_sign_in_settings({"passwords": False}, by=ADMIN)
    with pytest.raises(NotAllowed):
        change_sign_in_settings({"require_2fa": False}, by=PUBLISHER)


def test_the_machine_lets_an_admin_in_whatever_is_in_the_way() -> None:
    from routerapp.serving.invitations import accept
    from routerapp.serving.rescue import let_in

    a_user(username="admin")
    grace = a_user(role="viewer", username="grace")
    SecondFactor.objects.create(user=grace, ciphertext="x", confirmed_at=grace.date_joined)
    people.lock("grace", by=ADMIN)

    rescue = let_in("grace")
    user = accept(rescue.token, NEW, address="")

    assert (user.role, user.is_active, user.check_password(NEW)) == ("admin", True, True)
    assert not SecondFactor.objects.exists()
    assert rescue.steps == ("unlocked", "made admin", "second factor taken off")
