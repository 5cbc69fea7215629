"""A text as patterns read it: digits, spaces, dashes and full-width signs of every script as ASCII has them, character for character. Pure.

A card number with no-break spaces or Arabic digits is the same number to whoever reads it.
"""

from __future__ import annotations

import unicodedata

# The full-width forms of ! to ~ stand in the order of ASCII.
_FULL_WIDTH, _FULL_WIDTH_END = 0xFF01, 0xFF5E
# No decimal digit, space or dash is beyond.
_LAST = 0x1FFFF
# Characters without a width, which split what looks whole.
_INVISIBLE = {0x200B: " ", 0x200C: " ", 0x200D: " ", 0x2060: " ", 0xFEFF: " "}


def ascii_form(text: str) -> str:
    """As long as the text; places in one are places in the other."""
    return text if text.isascii() else text.translate(_LIKE)


def _signs() -> dict[int, str]:
    found = dict(_INVISIBLE)
    for code in range(0x80, _LAST + 1):
        kind = unicodedata.category(chr(code))
        if kind == "Nd":
            found[code] = str(unicodedata.decimal(chr(code)))
        elif kind in ("Zs", "Pd"):
            found[code] = " " if kind == "Zs" else "-"
    found |= {code: chr(code - _FULL_WIDTH + 0x21) for code in range(_FULL_WIDTH, _FULL_WIDTH_END + 1)}
    return found


_LIKE = _signs()
