"""Moving the heap to large pages: what is in use is moved, what is not stays small, and where it cannot be done nothing happens."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from routerapp.serving.huge_pages import SIZE_FILE, _resident_areas, move_to_huge_pages

SMAPS = """\
55d5ef200000-55d5f0a00000 rw-p 00000000 00:00 0                          [heap]
Size:              24576 kB
Rss:               20480 kB
7f4d00000000-7f4d00800000 rw-p 00000000 00:00 0
Size:               8192 kB
Rss:                  12 kB
7f4d10000000-7f4d10400000 rw-p 00000000 fe:00 18710                      /usr/lib/libpython3.11.so.1.0
Rss:                4096 kB
7f4d20000000-7f4d20400000 r-xp 00000000 00:00 0
Rss:                4096 kB
7ffc00000000-7ffc00400000 rw-p 00000000 00:00 0                          [stack]
Rss:                4096 kB
7f4d30000000-7f4d30400000 rw-p 00000000 00:00 0
Rss:                4096 kB
"""
LARGE_LIST = """
from routerapp.serving.huge_pages import move_to_huge_pages
kept = [object() for _ in range(1_000_000)]
moved = move_to_huge_pages()
huge = next(int(line.split()[1]) for line in open("/proc/self/smaps_rollup") if line.startswith("AnonHugePages"))
print(moved // 1024, huge)
"""


def test_only_private_memory_that_is_in_use_is_an_area() -> None:
    assert list(_resident_areas(SMAPS)) == [(0x55D5EF200000, 0x55D5F0A00000), (0x7F4D30000000, 0x7F4D30400000)]


def test_a_large_heap_lies_on_large_pages_afterwards() -> None:
    modes = SIZE_FILE.with_name("enabled")
    if not modes.exists() or "[never]" in modes.read_text():
        pytest.skip("this kernel has no transparent huge pages, or they are switched off")
    ran = subprocess.run([sys.executable, "-c", LARGE_LIST], capture_output=True, text=True, check=True)
    moved, huge = (int(word) for word in ran.stdout.split())
    if not moved:
        pytest.skip("this kernel cannot collapse pages (before 6.1, or forbidden)")
    assert huge >= moved >= 2 * 1024


@pytest.mark.parametrize("content", [None, "", "a lot\n"])
def test_where_it_cannot_be_done_nothing_happens(tmp_path: Path, content: str | None) -> None:
    size_file = tmp_path / "hpage_pmd_size"
    if content is not None:
        size_file.write_text(content)
    assert move_to_huge_pages(size_file=size_file) == 0
    assert move_to_huge_pages(maps_file=tmp_path / "no such file") == 0
