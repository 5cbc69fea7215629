"""Kinds of personal data in a text: one RE2 set pass, then checksums where the kind has one. Gives kinds and places, never the data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import re2

from routerapp.engine.ascii_form import ascii_form

SCAN_BYTES = 256 * 1024
KINDS = ("email", "phone", "card", "iban", "ssn", "ip_address", "secret")

_PATTERNS: tuple[tuple[str, str], ...] = (
    ("email", r"[A-Za-z0-9._%+\-]{1,64}@[A-Za-z0-9.\-]{1,190}\.[A-Za-z]{2,24}\b"),
    ("phone", r"(?:\+|\b00)[1-9]\d{0,2}[ \-./]?\(?\d{1,5}\)?(?:[ \-./]?\d{2,5}){1,4}\b"),
    ("phone", r"\b\(?[2-9]\d{2}\)?[ \-.][2-9]\d{2}[ \-.]\d{4}\b"),
    ("card", r"\b\d(?:[ \-]?\d){12,18}\b"),
    ("iban", r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b"),
    ("ssn", r"\b\d{3}-\d{2}-\d{4}\b"),
    ("ip_address", r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),
    ("secret", r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|AKIA|AIza)[_\-]?[A-Za-z0-9_\-]{16,}\b"),
    ("secret", r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
)


# For every digit, as a byte, the sum of the digits of its double.
_DOUBLED = bytes.maketrans(b"0123456789", bytes([0, 2, 4, 6, 8, 1, 3, 5, 7, 9]))


def passes_luhn(digits: str) -> bool:
    """ISO/IEC 7812-1 annex B. Sums of bytes ('0' is 48): a text may hold thousands of such numbers."""
    raw = digits.encode()
    total = sum(raw[-1::-2]) - 48 * len(raw[-1::-2]) + sum(raw[-2::-2].translate(_DOUBLED))
    return total % 10 == 0 and len(set(raw)) > 1


def _digits_of(text: str) -> str:
    """Of a match: ASCII digits, spaces and hyphens."""
    return text.replace(" ", "").replace("-", "")


def _is_card(text: str) -> bool:
    digits = _digits_of(text)
    return 13 <= len(digits) <= 19 and passes_luhn(digits)


def _is_iban(text: str) -> bool:
    """ISO 13616: country, check digits, mod 97 equals 1. The pattern may run on into the next words, so each beginning counts; in one pass."""
    compact = text.replace(" ", "")
    if len(compact) < 15:
        return False
    # Two letters and two digits, which ISO 13616 puts last, are six digits.
    head = int("".join(str(int(character, 36)) for character in compact[:4]))
    rest = 0
    for length, character in enumerate(compact[4:34], 5):
        value = int(character, 36)
        rest = (rest * (100 if value > 9 else 10) + value) % 97
        if length >= 15 and (rest * 1_000_000 + head) % 97 == 1:
            return True
    return False


def _is_ssn(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _is_ip_address(text: str) -> bool:
    return all(int(part) <= 255 for part in text.split("."))


def _is_phone(text: str) -> bool:
    return 8 <= sum(map(str.isdigit, text)) <= 15


_CHECKS: dict[str, Callable[[str], bool]] = {
    "card": _is_card,
    "iban": _is_iban,
    "ssn": _is_ssn,
    "ip_address": _is_ip_address,
    "phone": _is_phone,
}


@lru_cache(maxsize=1)
def _compiled() -> tuple[Any, tuple[Any, ...]]:
    options = re2.Options()
    options.log_errors = False
    patterns = re2.Set.SearchSet(options)
    for _, pattern in _PATTERNS:
        patterns.Add(pattern)
    patterns.Compile()
    return patterns, tuple(re2.compile(pattern, options) for _, pattern in _PATTERNS)


def find_pii(conversation: str) -> tuple[tuple[str, ...], bool]:
    """(kinds found, sorted; whether everything was scanned). The cap is SCAN_BYTES characters."""
    scan_complete = len(conversation) <= SCAN_BYTES
    head = ascii_form(conversation if scan_complete else conversation[:SCAN_BYTES])
    patterns, single = _compiled()
    found: set[str] = set()
    for index in patterns.Match(head) or ():
        kind = _PATTERNS[index][0]
        if kind in found:
            continue
        check = _CHECKS.get(kind)
        if check is None or any(check(match.group()) for match in single[index].finditer(head)):
            found.add(kind)
    return tuple(sorted(found)), scan_complete


def pii_places(text: str) -> Iterator[tuple[int, int, str]]:
    """(start, end, kind) of all that is in a text, in no order, overlaps included. Reads all of it: bound it first."""
    patterns, single = _compiled()
    for index in patterns.Match(text) or ():
        kind = _PATTERNS[index][0]
        check = _CHECKS_INSIDE.get(kind) or _CHECKS.get(kind)
        for match in single[index].finditer(text):
            if check is None or check(match.group()):
                yield match.start(), match.end(), kind


def _has_card_inside(text: str) -> bool:
    """A card's number may stand right behind another number, which the pattern takes along."""
    digits = _digits_of(text)
    lengths = range(13, min(len(digits), 19) + 1)
    return any(
        passes_luhn(digits[start : start + length]) for length in lengths for start in range(len(digits) - length + 1)
    )


# Where data is taken out, too much is better than too little.
_CHECKS_INSIDE: dict[str, Callable[[str], bool]] = {"card": _has_card_inside}
