"""What was measured, kept as it comes: a run that is cut short keeps its parts, and several processes may measure different ones."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.quality.data import PROJECT, TRAINED_PERCENT
from benchmarks.quality.pools import POOLS

FOLDER = PROJECT / "benchmarks" / "results"
PARTS = ("pools", "left_out", "few_labels", "new_models")


class Results:
    """quality.json in a folder: {part: {pool: figures}}, and under "measured" when, of which revision, in how many seconds."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.path = folder / "quality.json"
        self.revision = machine.revision(PROJECT)
        folder.mkdir(exist_ok=True)

    def start_anew(self) -> None:
        self.path.unlink(missing_ok=True)

    def read(self) -> dict[str, Any]:
        """All that is there, pools in the order of the table."""
        found = json.loads(self.path.read_text()) if self.path.is_file() else {}
        order = [pool.name for pool in POOLS]
        parts = {
            part: dict(sorted(found.get(part, {}).items(), key=lambda item: order.index(item[0]))) for part in PARTS
        }
        return {
            "machine": machine.described(),
            "trained_percent": TRAINED_PERCENT,
            "measured": found.get("measured", {}),
            **parts,
        }

    def put(self, part: str, pool: str, figures: Any, seconds: float, draws: int) -> None:
        """Adds what was found, or puts it in the place of what was there; nothing found is kept as nothing."""
        with self._alone():
            run = self.read()
            run[part].pop(pool, None)
            if figures:
                run[part][pool] = figures
                at = datetime.now(UTC).isoformat(timespec="seconds")
                run["measured"][f"{part}/{pool}"] = {
                    "at": at,
                    "revision": self.revision,
                    "seconds": round(seconds, 1),
                    "draws": draws,
                }
            self.path.write_text(json.dumps(run, indent=2, allow_nan=False) + "\n")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
