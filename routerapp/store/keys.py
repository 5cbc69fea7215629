"""The form of API keys: sb_live_<12 of lookup>_<43 of secret><6 of checksum>, all base62.

The lookup prefix (with sb_live_, 20 characters) is stored readable, the whole key only as a keyed hash; 43 base62 digits hold 256 bits.
The checksum is CRC-32 over everything before it: a typo is refused without a look-up. It is no secret and proves nothing.
"""

from __future__ import annotations

import hmac
import secrets
import string
import zlib
from dataclasses import dataclass, field

from routerapp.store.secrets import hash_key

KEY_START = "sb_live_"
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PREFIX_LENGTH = len(KEY_START) + 12
SECRET_LENGTH = 43
CHECKSUM_LENGTH = 6
KEY_LENGTH = PREFIX_LENGTH + 1 + SECRET_LENGTH + CHECKSUM_LENGTH
_ALLOWED = frozenset(ALPHABET)


@dataclass(frozen=True, slots=True)
class NewKey:
    """full is shown once and never stored."""

    full: str = field(repr=False)
    prefix: str
    key_hash: str
    last_four: str


@dataclass(frozen=True, slots=True)
class ParsedKey:
    """A key whose form and checksum are right; whether anyone holds it is another question."""

    prefix: str
    full: str = field(repr=False)


def make_key() -> NewKey:
    prefix = KEY_START + _random(12)
    body = f"{prefix}_{_random(SECRET_LENGTH)}"
    full = body + _checksum(body)
    return NewKey(full=full, prefix=prefix, key_hash=hash_key(full), last_four=full[-4:])


def parse_key(text: str) -> ParsedKey | None:
    """None for anything that is not one of our keys, typed without a mistake."""
    if len(text) != KEY_LENGTH or not text.startswith(KEY_START) or text[PREFIX_LENGTH] != "_":
        return None
    digits = text[len(KEY_START) : PREFIX_LENGTH] + text[PREFIX_LENGTH + 1 :]
    if not _ALLOWED.issuperset(digits) or _checksum(text[:-CHECKSUM_LENGTH]) != text[-CHECKSUM_LENGTH:]:
        return None
    return ParsedKey(prefix=text[:PREFIX_LENGTH], full=text)


def is_held_by(parsed: ParsedKey, key_hash: str) -> bool:
    """Whether the stored hash is of this key; compares in constant time."""
    return hmac.compare_digest(hash_key(parsed.full), key_hash)


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = ""
    for _ in range(CHECKSUM_LENGTH):
        number, digit = divmod(number, 62)
        digits = ALPHABET[digit] + digits
    return digits
