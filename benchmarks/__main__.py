"""`make bench`: every benchmark in turn, or the ones named: `python -m benchmarks decide features`. Results go to benchmarks/results/.

`gateways` takes --quick (a rough answer in two minutes), --stored (report and chart of the last run, nothing measured) and --publish
(tables and chart into docs/performance.md). What follows a first `reports` is for it: --rows, --folder, --url.
"""

from __future__ import annotations

import importlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import machine

NAMES = (
    "features",
    "decide",
    "journal",
    "client",
    "snapshot",
    "backtest",
    "by_stage",
    "learned",
    "reports",
    "gateways",
)
# Take long or need data that is not in the repository: only when named.
NAMED_ONLY = ("learning_simulations",)
OPTIONS = ("--quick", "--stored", "--publish")
RESULTS = Path(__file__).parent / "results"


def main(arguments: list[str]) -> None:
    of_reports = arguments[1:] if arguments[:1] == ["reports"] else []
    arguments = arguments[: len(arguments) - len(of_reports)]
    options = [argument for argument in arguments if argument in OPTIONS]
    names = [argument for argument in arguments if argument not in OPTIONS]
    if unknown := [name for name in names if name not in NAMES + NAMED_ONLY]:
        sys.exit(
            f"{unknown[0]!r} is no benchmark. There are: {', '.join(NAMES + NAMED_ONLY)}; options: {', '.join(OPTIONS)}."
        )
    RESULTS.mkdir(exist_ok=True)
    for name in names or NAMES:
        print(f"\n== {name}")
        module = importlib.import_module(f"benchmarks.{name}")
        own = {"gateways": [options], "reports": [of_reports]}.get(name, [])
        figures = module.measure(*own)
        for label, value in figures.items():
            print(f"  {label:<68} {value}")
        if name != "gateways":
            record = {"at": datetime.now(UTC).isoformat(timespec="seconds"), **machine.described(), "figures": figures}
            (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["soak"]:
        # Takes its own options, and an hour: named only.
        sys.exit(importlib.import_module("benchmarks.soak.__main__").main(sys.argv[2:]))
    main(sys.argv[1:])
