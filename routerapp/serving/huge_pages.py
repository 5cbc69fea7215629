"""Puts what this process holds on large pages: a request touches thousands of small objects all over the heap, and of four-kilobyte pages the processor remembers the places of a few only.

    settle_memory()        # once, when all is loaded and before the first request

Linux only, and only if the kernel can (MADV_COLLAPSE, since 6.1; madvise(2)). Nothing depends on it.
"""

from __future__ import annotations

import ctypes
import gc
import re
from collections.abc import Iterator
from pathlib import Path

MADV_COLLAPSE = 25
SIZE_FILE = Path("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size")
MAPS_FILE = Path("/proc/self/smaps")
# A stack that is hardly used would take two megabytes for a few kilobytes.
LEAST_RESIDENT = 0.5
# "7f00-7f20 rw-p 00000000 00:00 0 [heap]": begin, end; private, writable, of no file.
HEADING = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) rw-p [0-9a-f]+ 00:00 0\s*(\[heap\])?$")


def settle_memory() -> None:
    """What lives now lives as long as the process: the collector need never look at it again, and it moves to large pages."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    move_to_huge_pages()


def move_to_huge_pages(maps_file: Path = MAPS_FILE, size_file: Path = SIZE_FILE) -> int:
    """Bytes moved; 0 where it cannot be done."""
    try:
        size = int(size_file.read_text())
        areas = list(_resident_areas(maps_file.read_text()))
        madvise = ctypes.CDLL(None).madvise
    except (OSError, ValueError, AttributeError):
        return 0
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    moved = 0
    for begin, end in areas:
        for place in range(-(-begin // size) * size, end // size * size, size):
            # One by one: a page that cannot be moved must not keep back those after it.
            moved += size * (madvise(place, size, MADV_COLLAPSE) == 0)
    return moved


def _resident_areas(smaps: str) -> Iterator[tuple[int, int]]:
    """Begin and end of private memory of no file, most of which is in use."""
    area: tuple[int, int] | None = None
    for line in smaps.splitlines():
        if found := HEADING.match(line):
            area = int(found[1], 16), int(found[2], 16)
        elif area and line.startswith("Rss:"):
            if int(line.split()[1]) * 1024 >= LEAST_RESIDENT * (area[1] - area[0]):
                yield area
            area = None
        elif line[:1].islower() and "-" in line.split(" ", 1)[0]:
            area = None
