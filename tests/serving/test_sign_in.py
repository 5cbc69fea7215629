"""Guessing is slow, whoever is guessed at; nobody is locked out for good; unknown names cost and say what known ones do."""

from __future__ import annotations

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.contrib.auth.hashers import get_hasher
from django.utils import timezone

from routerapp.models import AuditEvent, FailedSignIns, User
from routerapp.serving import throttle
from routerapp.serving.sign_in import SignInRefused, check_password
from routerapp.serving.throttle import TooManyFailures
from tests.factories import a_user

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
HERE, THERE = "203.0.113.1", "203.0.113.2"


def fails(username: str, times: int, address: str = HERE, device: str | None = None) -> None:
    for _ in range(times):
        with pytest.raises(SignInRefused):
            check_password(username, "wrong", address=address, device=device)


def comes_in(username: str, address: str = HERE, device: str | None = None) -> bool:
    try:
        return check_password(username, PASSWORD, address=address, device=device).username == username
    except TooManyFailures:
        return False


def time_passes(**how: float) -> None:
    for row in FailedSignIns.objects.all():
        row.since -= timedelta(**how)
        row.blocked_until = row.blocked_until and row.blocked_until - timedelta(**how)
        row.save()


@pytest.mark.parametrize("username", ["grace", "nobody"])
def test_ten_failures_of_a_name_at_an_address_mean_a_wait_told_in_minutes(username: str) -> None:
    a_user(username="grace")
    fails(username, 10)

    with pytest.raises(TooManyFailures, match="Try again in 15 minutes") as refused:
        check_password(username, PASSWORD, address=HERE, device=None)
    assert 890 <= refused.value.seconds <= 900


def test_only_the_one_who_guessed_waits() -> None:
    a_user(username="grace"), a_user(username="eve")
    fails("grace", 10)

    assert not comes_in("grace")
    assert comes_in("grace", THERE)
    assert comes_in("eve")


def test_a_browser_that_was_signed_in_before_gets_in_while_others_are_made_to_wait() -> None:
    """Also from the very address the guesses come from, as behind a proxy nobody named."""
    a_user(username="grace")
    fails("grace", 10)

    assert comes_in("grace", device="known")
    fails("grace", 10, device="stolen")
    assert not comes_in("grace", device="stolen")
    assert comes_in("grace", device="known")


def test_an_address_that_tries_many_names_waits_for_all_of_them() -> None:
    a_user(username="grace")
    for number in range(10):
        fails(f"name-{number}", 9)
    fails("name-x", 9), fails("name-y", 1)

    assert not comes_in("grace")
    assert comes_in("grace", THERE)


def test_trying_during_the_wait_does_not_lengthen_it() -> None:
    a_user(username="grace")
    fails("grace", 10)
    time_passes(minutes=14)
    assert not comes_in("grace")
    time_passes(minutes=1, seconds=1)

    assert comes_in("grace")


def test_failures_of_long_ago_and_those_before_a_success_do_not_count() -> None:
    a_user(username="grace")
    fails("grace", 9)
    time_passes(minutes=16)
    fails("grace", 9)
    assert comes_in("grace")
    fails("grace", 9)

    assert comes_in("grace")


def test_successes_never_use_up_what_an_address_may_fail() -> None:
    a_user(username="grace")
    for _ in range(120):
        assert comes_in("grace")
    assert FailedSignIns.objects.count() == 0


def test_a_name_in_other_letters_and_an_address_next_door_are_the_same_guesser() -> None:
    a_user(username="grace")
    fails("GRACE", 5, "2001:db8::1")
    fails("Grace", 5, "2001:db8::ffff")

    assert not comes_in("grace", "2001:db8::2")
    assert comes_in("grace", "2001:db8:0:1::2")


@pytest.mark.parametrize("username", ["grace", "nobody", "locked", "keyless", "x" * 5_000, "nul\0", "\ud800", ""])
@pytest.mark.parametrize("password", ["wrong", "x" * 100_000, "\0", "\ud800"])
def test_every_refusal_costs_one_hash_and_says_the_same(username: str, password: str) -> None:
    a_user(username="grace"), a_user(username="locked", is_active=False)
    User.objects.create(username="keyless", password="!")
    hasher = type(get_hasher())
    with patch.object(hasher, "encode", autospec=True, side_effect=hasher.encode) as encode:
        with pytest.raises(SignInRefused, match="do not match"):
            check_password(username, password, address=HERE, device=None)

    assert encode.call_count == 1


def test_a_wait_stands_in_the_audit_log_once_and_never_what_was_typed_for_a_name() -> None:
    a_user(username="grace")
    fails("grace", 10)
    fails("my-password-in-the-wrong-field", 10)
    assert not comes_in("grace")

    events = AuditEvent.objects.filter(action="sign_in_blocked")
    assert [(event.subject, event.address) for event in events] == [("user:grace", HERE)]
    assert "my-password" not in str([vars(row) for row in FailedSignIns.objects.all()])


def test_old_rows_are_swept_up() -> None:
    fails("grace", 3)
    assert throttle.forget_old_failures() == 0
    FailedSignIns.objects.update(since=timezone.now() - timedelta(hours=1))

    assert throttle.forget_old_failures() == 2


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes")]
)
def test_waits_are_told_rounded_up(seconds: int, words: str) -> None:
    assert throttle.in_words(seconds) == words
