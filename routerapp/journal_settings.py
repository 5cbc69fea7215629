"""How safe and how large the journal is, read from SIGNALBOX_DURABILITY and SIGNALBOX_SPOOL_MAX_BYTES."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from routerapp.bad_setting import BadSetting

NAMES = frozenset({"SIGNALBOX_DURABILITY", "SIGNALBOX_SPOOL_MAX_BYTES"})
DURABILITIES = ("process", "machine")
GIB = 1024**3
# Every living worker keeps a segment of 16 MiB that is drained but still open.
LEAST_SPOOL_BYTES = GIB // 4
MOST_SPOOL_BYTES = 1024 * 1024 * GIB
UNITS = {"": 1, "KIB": 1024, "MIB": 1024**2, "GIB": GIB, "TIB": 1024 * GIB}


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """is_synced: records are on the disk, not only with the kernel, before the caller gets what depends on them."""

    is_synced: bool = False
    spool_max_bytes: int = 4 * GIB


def read_journal(variables: Mapping[str, str]) -> JournalSettings:
    """Raises BadSetting."""
    durability = variables.get("SIGNALBOX_DURABILITY", "process").strip().lower()
    if durability not in DURABILITIES:
        allowed = "process (survives the end of the process) or machine (survives a power cut; slower)"
        raise BadSetting("SIGNALBOX_DURABILITY", durability, allowed)
    return JournalSettings(durability == "machine", _bytes(variables.get("SIGNALBOX_SPOOL_MAX_BYTES", "4GiB")))


def _bytes(text: str) -> int:
    number = text.strip().upper().replace("_", "")
    digits = number.rstrip("KMGTIB").strip()
    unit = UNITS.get(number[len(digits) :].strip())
    if unit is not None and digits.isascii() and digits.isdigit() and len(digits) < 20:
        size = int(digits) * unit
        if LEAST_SPOOL_BYTES <= size <= MOST_SPOOL_BYTES:
            return size
    raise BadSetting(
        "SIGNALBOX_SPOOL_MAX_BYTES",
        text[:40],
        "whole bytes, or KiB, MiB, GiB or TiB, from 256MiB to 1024TiB; as in 4GiB",
    )
