"""Recovery codes: ten for the day the phone is lost, shown once, kept as keyed hashes, each good for one sign-in."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from routerapp.models import RecoveryCode, User
from routerapp.store.secrets import keyed_hash

PURPOSE = "recovery-code"
HOW_MANY = 10
# Without the letters and digits people take for one another; ten of 30 are 49 bits.
ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
LENGTH = 10


@transaction.atomic
def replace_codes(user: User) -> list[str]:
    """Ten new ones; the old ones are gone. The caller shows them once."""
    RecoveryCode.objects.filter(user=user).delete()
    codes: set[str] = set()
    while len(codes) < HOW_MANY:
        codes.add("".join(secrets.choice(ALPHABET) for _ in range(LENGTH)))
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, code_hash=_hash(user, code)) for code in codes)
    return [f"{code[:5]}-{code[5:]}" for code in sorted(codes)]


def use_code(user: User, text: str) -> bool:
    """True once for each code."""
    plain = "".join(text.lower().split()).replace("-", "")
    if len(plain) != LENGTH or not set(plain) <= set(ALPHABET):
        return False
    unused = RecoveryCode.objects.filter(user=user, code_hash=_hash(user, plain), used_at=None)
    return unused.update(used_at=timezone.now()) == 1


def codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at=None).count()


def _hash(user: User, plain: str) -> str:
    return keyed_hash(PURPOSE, f"{user.pk}:{plain}")
