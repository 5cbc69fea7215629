from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from routerapp.models import APIKey, AuditEvent
from routerapp.serving import manage_keys, people
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.refusals import Invalid, Missing
from routerapp.store.keys import is_held_by, parse_key
from tests.factories import a_key, a_policy, a_snapshot, a_team, a_user
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db


def test_the_key_is_given_once_and_only_its_hash_is_kept() -> None:
    created = manage_keys.create_key("Team key", by=ADMIN)

    parsed = parse_key(created.full_key)
    row = APIKey.objects.get()
    assert parsed is not None
    assert is_held_by(parsed, row.key_hash)
    assert (row.slug, row.prefix, row.last_four) == ("team-key", parsed.prefix, created.full_key[-4:])
    assert created.full_key not in str(vars(row))
    assert created.full_key not in repr(created)
    assert not any(created.full_key in str(vars(event)) for event in AuditEvent.objects.all())


def test_everything_that_binds_a_key_reaches_the_snapshot() -> None:
    a_team(slug="legal")
    policy = a_policy()
    created = manage_keys.create_key(
        "Legal",
        team="legal",
        scopes=["policy:pin", "chat"],
        constraints={"regions": ["eu"]},
        default_policy=policy.slug,
        requests_per_minute=60,
        daily_spend_usd="5",
        expires_at=timezone.now() + timedelta(days=1),
        by=ADMIN,
    )

    caller = a_snapshot().keys[created.row.prefix].caller
    assert (caller.slug, caller.team, caller.scopes) == ("legal", "legal", ("chat", "policy:pin"))
    assert (caller.constraints, caller.default_policy) == ({"regions": ["eu"]}, policy.slug)
    assert (caller.requests_per_minute, caller.daily_spend_nusd) == (60, 5_000_000_000)


def test_two_keys_of_one_name_have_slugs_of_their_own() -> None:
    slugs = {manage_keys.create_key("Same", by=ADMIN).row.slug for _ in range(3)}

    assert len(slugs) == 3


def test_a_revoked_key_is_out_of_the_snapshot_for_good() -> None:
    created = manage_keys.create_key("Key", by=ADMIN)
    manage_keys.revoke_key("key", by=ADMIN, reason="left on a train")

    assert created.row.prefix not in a_snapshot().keys
    assert AuditEvent.objects.get(action="revoke_key").reason == "left on a train"
    with pytest.raises(Missing):
        manage_keys.revoke_key("key", by=ADMIN)
    with pytest.raises(Missing):
        manage_keys.edit_key("key", {"name": "Again"}, by=ADMIN)


@pytest.mark.parametrize(
    "fields",
    [
        {"scopes": []},
        {"scopes": ["chat", "root"]},
        {"team": "gone"},
        {"default_policy": "gone"},
        {"constraints": {"regions": "eu"}},
        {"constraints": {"nonsense": 1}},
        {"constraints": ["eu"]},
        {"daily_spend_usd": "-1"},
        {"requests_per_minute": -5},
        {"expires_at": timezone.now() - timedelta(seconds=1)},
        {"name": "nul \0"},
        {"name": ""},
    ],
)
def test_what_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        manage_keys.create_key(**{"name": "Key", "by": ADMIN, **fields})
    assert not APIKey.objects.exists()


def test_limits_can_be_changed_and_scopes_cannot() -> None:
    manage_keys.create_key("Key", by=ADMIN, daily_spend_usd="1")
    row = manage_keys.edit_key("key", {"daily_spend_usd": None, "constraints": {"providers": ["acme"]}}, by=ADMIN)

    assert (row.daily_spend_nusd, row.constraints_document) == (None, {"providers": ["acme"]})
    for name in ("scopes", "key_hash", "slug", "created_by", "revoked_at"):
        with pytest.raises(Invalid):
            manage_keys.edit_key("key", {name: "admin"}, by=ADMIN)


def test_keys_are_for_admins_to_make() -> None:
    with pytest.raises(NotAllowed):
        manage_keys.create_key("Key", by=PUBLISHER)


@pytest.mark.parametrize("scope", ["edit", "publish", "admin"])
def test_no_scope_goes_beyond_the_makers_role(monkeypatch: pytest.MonkeyPatch, scope: str) -> None:
    """Were keys ever opened to lower roles, they still could not mint what they lack."""
    monkeypatch.setattr("routerapp.serving.changes.require", lambda by, action: None)

    with pytest.raises(Invalid, match="cannot give the scope"):
        manage_keys.create_key("Key", scopes=["read", scope], by=Actor("eve", "user", "viewer"))


@pytest.mark.parametrize(
    ("scopes", "role", "expected"),
    [
        (["chat"], "admin", ""),
        (["chat", "read"], "admin", "viewer"),
        (["read", "publish"], "admin", "publisher"),
        (["admin"], "admin", "admin"),
        (["admin"], "editor", "editor"),
        (["read"], "editor", "viewer"),
    ],
)
def test_a_key_manages_what_scopes_and_maker_both_allow(scopes: list[str], role: str, expected: str) -> None:
    assert manage_keys.management_role(a_key(scopes=scopes, created_by=a_user(role=role))) == expected


def test_a_key_loses_what_its_maker_loses() -> None:
    a_user(role="admin", username="admin")
    maker = a_user(role="admin")
    row = manage_keys.create_key("Key", scopes=["admin"], by=Actor(maker.username, "user", "admin")).row

    people.set_role(maker.username, "editor", by=ADMIN)
    assert manage_keys.management_role(APIKey.objects.get(pk=row.pk)) == "editor"
    people.lock(maker.username, by=ADMIN)
    assert manage_keys.management_role(APIKey.objects.get(pk=row.pk)) == ""


def test_a_key_made_by_a_key_hangs_on_the_same_person() -> None:
    maker = a_user(role="admin")
    parent = a_key(scopes=["admin"], created_by=maker)

    row = manage_keys.create_key("Child", scopes=["admin"], by=Actor(parent.slug, "key", "admin")).row

    assert row.created_by == maker


def test_a_key_nobody_answers_for_manages_nothing() -> None:
    assert manage_keys.management_role(a_key(scopes=["admin"], created_by=None)) == ""
