from datetime import timedelta

import pytest
from django.utils import timezone

from routerapp.models import APIKey
from routerapp.serving import people
from routerapp.serving.permissions import SYSTEM
from tests.api.callers import Caller, calls_as, error_of, maker
from tests.factories import a_key, a_user

pytestmark = pytest.mark.django_db


def bad_headers() -> list[str]:
    good = a_key(scopes=["admin"], created_by=maker()).full_key
    other = a_key(scopes=["admin"], created_by=maker()).full_key
    mixed = good[:20] + other[20:]
    typo = good[:-1] + ("a" if good[-1] != "a" else "b")
    forms = ["Bearer", "Bearer ", f"Bearer {typo}", f"Bearer {mixed}", f"Basic {good}", f"Bearer {good}x", good]
    return [*forms, "Bearer ' OR 1=1 --", "Bearer \x00", "Bearer " + "x" * 10_000, "Bearer sb_live_\xff"]


def test_anything_but_a_whole_key_is_refused_alike() -> None:
    answers = [Caller(None)("GET", "policies", authorization=header) for header in bad_headers()]

    assert {answer.status_code for answer in answers} == {401}
    assert {error_of(answer)["code"] for answer in answers} == {"invalid_api_key"}
    assert len({answer.content for answer in answers}) == 1


def test_no_key_at_all_says_how_to_send_one() -> None:
    assert error_of(Caller(None)("GET", "policies"))["code"] == "missing_api_key"


@pytest.mark.parametrize(
    "change", [{"revoked_at": timezone.now()}, {"expires_at": timezone.now() - timedelta(seconds=1)}]
)
def test_a_revoked_or_expired_key_is_refused_at_once(change: dict[str, object]) -> None:
    caller = calls_as("viewer")
    assert caller("GET", "policies").status_code == 200

    APIKey.objects.filter(pk=caller.key.pk).update(**change)

    assert caller("GET", "policies").status_code == 401


def test_a_key_is_held_to_its_makers_role_of_today() -> None:
    a_user(role="admin")
    caller = calls_as("admin")
    assert caller("GET", "keys").status_code == 200

    people.set_role("maker", "viewer", by=SYSTEM)
    assert caller("GET", "keys").status_code == 403
    assert caller("GET", "policies").status_code == 200
    people.lock("maker", by=SYSTEM)
    assert caller("GET", "policies").status_code == 403


def test_use_is_noted_to_the_minute() -> None:
    caller = calls_as("viewer")
    caller("GET", "policies")
    first = APIKey.objects.get(pk=caller.key.pk).last_used_at

    caller("GET", "policies")

    assert first is not None
    assert APIKey.objects.get(pk=caller.key.pk).last_used_at == first


def test_answers_are_not_kept_by_anyone_between() -> None:
    assert calls_as("viewer")("GET", "policies").headers["Cache-Control"] == "no-store"
