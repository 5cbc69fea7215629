"""A code proves the app before it counts, works once, and is guessed slowly; recovery codes work once; switching off takes both proofs."""

from __future__ import annotations

from types import SimpleNamespace

import pyotp
import pytest

from routerapp.models import AuditEvent, FailedSignIns, RecoveryCode, SecondFactor, User
from routerapp.serving import second_factor
from routerapp.serving.permissions import Actor, NotAllowed
from routerapp.serving.recovery_codes import codes_left
from routerapp.serving.refusals import Invalid
from routerapp.serving.sign_in import has_second_factor
from routerapp.serving.throttle import TooManyFailures
from routerapp.store.secrets import SecretRefused
from tests.factories import a_user
from tests.serving.actors import ADMIN, PUBLISHER

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
HERE = "203.0.113.1"
NOW = 1_795_000_000


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second_factor, "time", SimpleNamespace(time=lambda: float(NOW)))


def self_of(user: User) -> Actor:
    return Actor(user.username, "user", user.role, HERE)


def enrolled(username: str = "grace") -> tuple[User, pyotp.TOTP, list[str]]:
    user = a_user(username=username)
    row = second_factor.begin_enrolment(user, by=self_of(user))
    totp = pyotp.TOTP(second_factor.secret_of(row))
    codes = second_factor.confirm_enrolment(user, code(totp, -1), by=self_of(user))
    return user, totp, codes


def code(totp: pyotp.TOTP, steps: int = 0) -> str:
    return totp.at(NOW, counter_offset=steps)


def check(user: User, text: str, device: str | None = None) -> str:
    return second_factor.check_code(user, text, address=HERE, device=device)


def test_it_counts_only_once_a_code_has_proved_the_app() -> None:
    user = a_user()
    row = second_factor.begin_enrolment(user, by=self_of(user))
    again = second_factor.begin_enrolment(user, by=self_of(user))
    assert second_factor.secret_of(row) == second_factor.secret_of(again)

    with pytest.raises(Invalid, match="not valid"):
        second_factor.confirm_enrolment(user, "000000", by=self_of(user))
    assert not has_second_factor(user)
    second_factor.confirm_enrolment(user, code(pyotp.TOTP(second_factor.secret_of(row))), by=self_of(user))
    assert has_second_factor(user)


def test_the_secret_is_ciphertext_bound_to_its_person() -> None:
    user, _, _ = enrolled()
    other, _, _ = enrolled("eve")
    row, stolen = SecondFactor.objects.get(user=user), SecondFactor.objects.get(user=other)
    secret = second_factor.secret_of(row)
    row.ciphertext = stolen.ciphertext

    assert len(secret) == 32 and secret not in stolen.ciphertext
    with pytest.raises(SecretRefused):
        second_factor.secret_of(row)


def test_no_code_works_twice_nor_one_from_before_it() -> None:
    user, totp, _ = enrolled()

    with pytest.raises(Invalid):
        check(user, code(totp, -1))
    assert check(user, code(totp)) == "code"
    for old in (code(totp), code(totp, -1)):
        with pytest.raises(Invalid):
            check(user, old)


@pytest.mark.parametrize("steps", [-2, 2, 100])
def test_a_code_of_another_time_is_refused(steps: int) -> None:
    user, totp, _ = enrolled()
    SecondFactor.objects.update(last_step=0)

    with pytest.raises(Invalid):
        check(user, code(totp, steps))


def test_a_code_may_be_typed_in_groups() -> None:
    user, totp, _ = enrolled()
    text = code(totp)

    assert check(user, f" {text[:3]} {text[3:]} ") == "code"


@pytest.mark.parametrize("text", ["", "12345", "1234567", "１２３４５６", "abcdef", "x" * 10_000, "\0\0\0\0\0\0", "😀"])
def test_rubbish_is_a_wrong_code(text: str) -> None:
    user, _, _ = enrolled()

    with pytest.raises(Invalid, match="not valid"):
        check(user, text)


def test_five_wrong_codes_mean_a_wait_wherever_they_come_from_but_for_a_known_browser() -> None:
    user, totp, codes = enrolled()
    for _ in range(5):
        with pytest.raises(Invalid):
            check(user, "000000")

    for text in (code(totp), codes[0]):
        with pytest.raises(TooManyFailures):
            check(user, text)
    assert check(user, code(totp), device="known") == "code"


def test_knowing_the_password_gives_no_fresh_tries_at_codes() -> None:
    user, _, _ = enrolled()
    refusals: list[type] = []
    for _ in range(7):
        with pytest.raises((Invalid, TooManyFailures)) as refused:
            second_factor.switch_off(user, PASSWORD, "000000", by=self_of(user), device=None)
        refusals.append(refused.type)

    assert refusals == [Invalid] * 5 + [TooManyFailures] * 2


def test_each_recovery_code_works_once_and_only_for_its_person() -> None:
    user, _, codes = enrolled()
    other, _, _ = enrolled("eve")
    assert len(set(codes)) == 10 and codes_left(user) == 10

    with pytest.raises(Invalid):
        check(other, codes[0])
    assert check(user, codes[0].upper().replace("-", " ")) == "recovery code"
    with pytest.raises(Invalid):
        check(user, codes[0])
    assert codes_left(user) == 9
    assert AuditEvent.objects.filter(action="use_recovery_code", subject="user:grace").count() == 1


def test_new_recovery_codes_end_the_old_ones_and_take_a_code() -> None:
    user, totp, old = enrolled()
    with pytest.raises(Invalid):
        second_factor.new_recovery_codes(user, "000000", by=self_of(user), device=None)
    new = second_factor.new_recovery_codes(user, code(totp), by=self_of(user), device=None)

    with pytest.raises(Invalid):
        check(user, old[1])
    assert check(user, new[1]) == "recovery code"


def test_switching_off_takes_password_and_code_and_takes_the_recovery_codes_along() -> None:
    user, totp, _ = enrolled()
    for password, text in (("wrong", code(totp)), (PASSWORD, "000000"), ("", code(totp))):
        with pytest.raises(Invalid):
            second_factor.switch_off(user, password, text, by=self_of(user), device=None)
    assert has_second_factor(user)

    second_factor.switch_off(user, PASSWORD, code(totp), by=self_of(user), device=None)

    assert not has_second_factor(user)
    assert not RecoveryCode.objects.exists()


def test_who_has_no_password_switches_off_by_the_code() -> None:
    user, totp, _ = enrolled()
    user.set_unusable_password()
    user.save()

    second_factor.switch_off(user, "", code(totp), by=self_of(user), device=None)

    assert not has_second_factor(user)


def test_an_admin_resets_somebody_elses_and_says_why() -> None:
    user, _, _ = enrolled()
    epoch = User.objects.get(pk=user.pk).session_epoch
    second_factor.reset_second_factor("grace", by=ADMIN, reason="lost phone")

    event = AuditEvent.objects.get(action="reset_second_factor")
    assert (event.subject, event.reason) == ("user:grace", "lost phone")
    assert not has_second_factor(user)
    assert User.objects.get(pk=user.pk).session_epoch == epoch + 1


def test_nobody_resets_their_own_nor_without_the_role() -> None:
    user, _, _ = enrolled()

    with pytest.raises(Invalid, match="Switch your own"):
        second_factor.reset_second_factor("grace", by=self_of(user))
    with pytest.raises(NotAllowed):
        second_factor.reset_second_factor("grace", by=PUBLISHER)
    with pytest.raises(Invalid, match="only their own"):
        second_factor.begin_enrolment(user, by=ADMIN)


def test_no_secret_enters_the_audit_log_or_the_failures() -> None:
    user, totp, codes = enrolled()
    check(user, codes[0])
    with pytest.raises(Invalid):
        check(user, codes[0])
    written = str([vars(one) for table in (AuditEvent, FailedSignIns, RecoveryCode) for one in table.objects.all()])

    for secret in (totp.secret, *codes, *(one.replace("-", "") for one in codes)):
        assert secret not in written
