"""How full the spool may get and is: the operator's bound, or what the disk still has, whichever is less. Reads folders, never the database."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from routerapp.store.spool import boot_folders


class Level(IntEnum):
    """Worth a look from half, an alarm from four fifths; full: requests are refused, or served unrecorded."""

    ROOMY = 0
    FILLING = 50
    ALARMING = 80
    FULL = 100


@dataclass(frozen=True, slots=True)
class SpoolUse:
    """most_bytes: what the segments of all boots may take together, given the bound and the disk."""

    bytes_used: int
    most_bytes: int

    @property
    def share(self) -> float:
        return self.bytes_used / self.most_bytes if self.most_bytes > 0 else 1.0

    @property
    def level(self) -> Level:
        return level_of(self.share)


def level_of(share: float) -> Level:
    return max(level for level in Level if 100 * share >= level)


def measure_spool(spool_folder: Path, bound_bytes: int) -> SpoolUse:
    used = 0
    for boot in boot_folders(spool_folder):
        # The drainer removes segments and boots at any time.
        with contextlib.suppress(FileNotFoundError):
            for path in boot.glob("*.log"):
                with contextlib.suppress(FileNotFoundError):
                    used += path.stat().st_size
    free = shutil.disk_usage(spool_folder).free if spool_folder.exists() else bound_bytes
    return SpoolUse(used, min(bound_bytes, used + free))
