"""What is taken out of kept content, and that nothing else is lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routerapp.engine.redact import CUT, Redactor, redact

AWS_ID = "AKIA" + "IOSFODNN7EXAMPLE"
BLOCK = "-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAK\nq2w==\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "secret", "kind"),
    [
        ("write to jane.doe@example.com today", "jane.doe", "email"),
        ("call +49 30 12345678 now", "12345678", "phone"),
        ("card 4111 1111 1111 1111 please", "4111", "card"),
        ("order 123 4111 1111 1111 1111 please", "4111", "card"),
        ("IBAN DE89 3704 0044 0532 0130 00", "0532", "iban"),
        ("my ssn is 123-45-6789.", "6789", "ssn"),
        ("from 192.168.17.4 again", "192.168", "ip_address"),
        ("key sk-proj-abcdefghijklmnop1234", "abcdefgh", "secret"),
        ("key sk-ant-api03-abcdefghijklmnop", "abcdefgh", "secret"),
        ("ours sb_live_a1B2c3D4e5F6_secretsecret", "secretsecret", "secret"),
        ("Authorization: Bearer abc.DEF-123456", "DEF", "secret"),
        ("authorization: basic dXNlcjpwYXNz", "dXNlcjpwYXNz", "secret"),
        (f"id {AWS_ID} ok", "IOSFODNN", "secret"),
        ("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY", "wJalr", "secret"),
        (f"key:\n{BLOCK}\nthanks", "MIIB", "secret"),
        ("cut off -----BEGIN PRIVATE KEY-----\nMIIB", "MIIB", "secret"),
        ("ghp_abcdefghijklmnopqrstuvwxyz012345", "mnop", "secret"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "c2lnb", "secret"),
        ("postgres://app:hunter22@db.local/x", "hunter22", "secret"),
        ("password: hunter22", "hunter22", "secret"),
        ('{"api_key": "0123456789abcdef"}', "0123456789abcdef", "secret"),
        ('{\\"client_secret\\": \\"0123456789abcdef\\"}', "0123456789abcdef", "secret"),
        ('{"password": "ab cd ef gh"}', "ef gh", "secret"),
        ("passphrase = 'correct horse battery'", "battery", "secret"),
        ("card 4111\u00a01111\u00a01111\u00a01111", "1111", "card"),
        ("card ４１１１ １１１１ １１１１ １１１１", "１１１１", "card"),
        ("card ٤١١١١١١١١١١١١١١١", "١١١", "card"),
        ("card 4111\u200b1111\u200b1111\u200b1111", "1111", "card"),
        ("IBAN DE89\u202f3704\u202f0044\u202f0532\u202f0130\u202f00", "0532", "iban"),
        ("+1\u2011415\u2011555\u20112671", "2671", "phone"),
        ("write to jane＠example.com", "jane", "email"),
    ],
)
def test_takes_out(text: str, secret: str, kind: str) -> None:
    clean, found = redact(text)

    assert secret not in clean
    assert f"[{kind}]" in clean
    assert found >= 1


@pytest.mark.parametrize(
    "text",
    [
        "Nothing to see here, only 42 words and version 1.2.3.",
        "The bearer of this letter; a basic idea.",
        "Room 4111 is on floor 11.",
        "tokens: 4096",
        "skip this; ask-me-anything",
        "世界 🙂 ",
        "",
    ],
)
def test_leaves_the_rest_alone(text: str) -> None:
    assert redact(text) == (text, 0)


def test_keeps_what_stands_around_in_any_script() -> None:
    assert redact("世界 a@example.com 🙂 b@example.com!") == ("世界 [email] 🙂 [email]!", 2)


def test_overlapping_finds_become_one_and_a_secret_names_it() -> None:
    clean, found = redact("token=sk-abcdefghijklmnop1234 and Bearer AIzaabcdefghijklmnopqrstuvwxyz")

    assert (clean, found) == ("[secret] and [secret]", 2)


@given(st.text(max_size=300))
def test_a_second_pass_finds_no_person_left(text: str) -> None:
    clean, _ = redact(f"{text} jane@example.com {text}")

    assert "jane@example.com" not in clean


def test_reads_values_names_and_long_numbers_of_json() -> None:
    redactor = Redactor()
    kept = redactor.value(
        {"jane@example.com": ["sk-abcdefghijklmnop1", 4111111111111111, 12, 0.5, None, True], "n": {"m": "plain"}}
    )

    assert kept == {"[email]": ["[secret]", "[card]", 12, 0.5, None, True], "n": {"m": "plain"}}
    assert (redactor.found, redactor.is_cut) == (3, False)


def test_text_over_the_allowance_is_cut_and_said_so() -> None:
    redactor = Redactor(most=10)

    assert redactor.text("12345678") == "12345678"
    assert redactor.text("abcdef") == "ab" + CUT
    assert redactor.value({"more": "text"}) == CUT
    assert redactor.is_cut


def test_depth_is_bounded_and_odd_text_does_no_harm() -> None:
    deep: object = "x"
    for _ in range(500):
        deep = [deep]
    redactor = Redactor()
    redactor.value(deep)

    assert redactor.is_cut
    assert redactor.text("lone \ud800 surrogate").encode()
