"""How much of the journal on disk is not in the database yet, and what the drainer had to set aside. Reads folders and offsets only."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from routerapp.models import SpoolOffset
from routerapp.store.spool import Position, boot_folders
from routerapp.store.spool_bound import Level, level_of, measure_spool


@dataclass(frozen=True, slots=True)
class SpoolState:
    """waiting_since_ms: when the oldest segment that is not fully drained was last written to; null when nothing waits.

    most_bytes: what the segments may take, given the bound and the disk; share: how much of it they do. 0 where no bound was given.
    """

    boots: int
    bytes_on_disk: int
    bytes_waiting: int
    waiting_since_ms: int | None
    refused_files: int
    refused_bytes: int
    most_bytes: int = 0
    share: float = 0.0

    @property
    def level(self) -> Level:
        return level_of(self.share)


def read_spool_state(data_dir: Path, bound_bytes: int | None = None) -> SpoolState:
    offsets = {row.spool: Position(row.segment, row.offset) for row in SpoolOffset.objects.all()}
    boots = boot_folders(data_dir / "spool")
    on_disk = waiting = 0
    since: list[int] = []
    for boot in boots:
        position = offsets.get(boot.name, Position())
        for segment, size, written_ms in _segments(boot):
            on_disk += size
            left = size - position.offset if segment == position.segment else size
            if segment >= position.segment and left > 0:
                waiting += left
                since.append(written_ms)
    refused = [size for path in (data_dir / "refused").glob("*.bin") for size in _size(path)]
    state = SpoolState(len(boots), on_disk, waiting, min(since, default=None), len(refused), sum(refused))
    if bound_bytes is None:
        return state
    use = measure_spool(data_dir / "spool", bound_bytes)
    return replace(state, most_bytes=use.most_bytes, share=use.share)


def _segments(boot: Path) -> Iterator[tuple[int, int, int]]:
    """Number, bytes and time of the last write of each; the drainer removes segments at any time."""
    for path in sorted(boot.glob("*.log")):
        with contextlib.suppress(FileNotFoundError):
            status = path.stat()
            yield int(path.stem), status.st_size, status.st_mtime_ns // 1_000_000


def _size(path: Path) -> Iterator[int]:
    with contextlib.suppress(FileNotFoundError):
        yield path.stat().st_size
