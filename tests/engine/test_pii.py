"""Personal data by pattern and checksum."""

import pytest

from routerapp.engine.pii import find_pii


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
