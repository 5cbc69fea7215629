"""Ids of decisions: UUIDv7 text (RFC 9562), so that they sort by time and tell their age."""

from __future__ import annotations

import re
from collections.abc import Callable

_FORM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def make_id(now_ms: int, random_bits: Callable[[int], int]) -> str:
    """48 bits of Unix milliseconds, 74 random bits."""
    noise = random_bits(74)
    digits = f"{(now_ms << 80) | (7 << 76) | ((noise >> 62) << 64) | (2 << 62) | (noise & ((1 << 62) - 1)):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def made_at_ms(identifier: str) -> int | None:
    """When the id was made, in Unix milliseconds; None for text that is no UUIDv7."""
    if not _FORM.fullmatch(identifier):
        return None
    return int(identifier[:8] + identifier[9:13], 16)
