"""The tracked tree, for tests that look at files."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = ("static/vendor/", "tests/browser/vendor/")


@lru_cache(maxsize=1)
def tracked() -> tuple[Path, ...]:
    """Files git tracks, or would: without vendored ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return tuple(
        sorted(ROOT / name for name in set(listed) if not name.startswith(SKIPPED) and (ROOT / name).is_file())
    )


def files(*suffixes: str, below: str = "") -> list[Path]:
    return [path for path in tracked() if path.suffix in suffixes and str(path.relative_to(ROOT)).startswith(below)]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))
