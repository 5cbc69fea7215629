import pytest
from django.test import Client

from routerapp.models import AuditEvent, User
from routerapp.serving import people
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.refusals import Invalid
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


def test_the_keys_of_somebody_deactivated_call_but_manage_and_look_into_nothing() -> None:
    a_user(username="admin")
    grace = a_user(username="grace")
    key = a_key(scopes=["chat", "policy:pin", "read", "admin"], created_by=grace)
    before = a_snapshot().config.callers[key.slug].scopes

    people.deactivate("grace", by=ADMIN)

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
    "change", [lambda: people.set_role("admin", "viewer", by=ADMIN), lambda: people.deactivate("admin", by=ADMIN)]
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
