"""`make bench`: every benchmark in turn, or the ones named: `python -m benchmarks decide features`. Results go to benchmarks/results/."""

from __future__ import annotations

import importlib
import json
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

NAMES = ("features", "decide", "journal", "client", "gateway")
RESULTS = Path(__file__).parent / "results"


def main(names: list[str]) -> None:
    RESULTS.mkdir(exist_ok=True)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for name in names or NAMES:
        if name not in NAMES:
            sys.exit(f"{name!r} is no benchmark. There are: {', '.join(NAMES)}.")
        print(f"\n== {name}")
        figures = importlib.import_module(f"benchmarks.{name}").measure()
        for label, value in figures.items():
            print(f"  {label:<58} {value}")
        record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **machine, "figures": figures}
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")


if sys.argv[1:2] == ["soak"]:
    # Takes its own options, and an hour: named only.
    sys.exit(importlib.import_module("benchmarks.soak.__main__").main(sys.argv[2:]))
main(sys.argv[1:])
