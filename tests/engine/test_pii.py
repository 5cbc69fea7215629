"""Personal data by pattern and checksum."""

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.engine.pii import find_pii, passes_luhn

SIGNS = string.digits + string.ascii_uppercase
COUNTRIES = st.text(string.ascii_uppercase, min_size=2, max_size=2)


def check_digits_of(country: str, account: str) -> str:
    """ISO 13616, as the standard tells it."""
    number = int("".join(str(int(sign, 36)) for sign in f"{account}{country}00"))
    return f"{98 - number % 97:02d}"


@given(
    COUNTRIES,
    st.text(SIGNS, min_size=11, max_size=28).filter(lambda account: len(account) % 4 != 1),
    st.integers(0, 96),
)
def test_an_iban_counts_with_its_own_check_digits_only(country, account, other):
    right = check_digits_of(country, account)
    wrong = f"{(int(right) + other) % 100:02d}"

    assert "iban" in find_pii(f"to {country}{right}{account}.")[0]
    if len(account) == 11 and (int(wrong) - int(right)) % 97:
        assert "iban" not in find_pii(f"to {country}{wrong}{account}.")[0]


@given(st.text(string.digits, min_size=13, max_size=19))
def test_luhn_is_the_sum_of_digits_with_every_second_one_doubled(digits):
    doubled = [int(one) * (1 + place % 2) for place, one in enumerate(reversed(digits))]
    total = sum(value - 9 if value > 9 else value for value in doubled)

    assert passes_luhn(digits) is (total % 10 == 0 and len(set(digits)) > 1)


@pytest.mark.parametrize(
    ("almost", "kind"), [("DE89 3704 0044 0532 0130 01 ", "iban"), ("4111 1111 1111 1112 ", "card")]
)
def test_a_text_full_of_numbers_that_fail_their_check_costs_little(almost, kind):
    text = almost * (250_000 // len(almost))
    find_pii("warm")

    before = time.process_time()
    found, _ = find_pii(text)

    assert kind not in found
    assert time.process_time() - before < 0.2


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("write to jo.do+x@mail.example.org please", "email"),
        ("card 4111 1111 1111 1111 thanks", "card"),
        ("card 5500-0000-0000-0004", "card"),
        ("IBAN DE89 3704 0044 0532 0130 00 ok", "iban"),
        ("pay to GB82WEST12345698765432 now", "iban"),
        ("my ssn is 219-09-9999", "ssn"),
        ("call +49 30 901820 today", "phone"),
        ("call (415) 555-2671", "phone"),
        ("host 192.168.10.5 is down", "ip_address"),
        ("key sk-abcdefghijklmnop1234", "secret"),
    ],
)
def test_finds(text, kind):
    assert kind in find_pii(text)[0]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("card 4111 1111 1111 1112", "card"),
        ("number 0000 0000 0000 0000", "card"),
        ("IBAN DE89 3704 0044 0532 0130 01", "iban"),
        ("ref 000-12-3456", "ssn"),
        ("version 999.300.1.2", "ip_address"),
        ("order 2024-11-23 shipped", "phone"),
        ("look @home for more", "email"),
    ],
)
def test_a_wrong_checksum_or_shape_is_no_finding(text, kind):
    assert kind not in find_pii(text)[0]
