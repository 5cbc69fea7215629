"""`make bench-quality`: trains on a part of graded prompts, measures on the rest, beside the baselines. Results: benchmarks/results/quality.*

Options: --pools NAME,…; --splits N (further divisions, means of all); --quick (fewer draws, folds and new models); --data FOLDER;
--only pools|left-out|few-labels|new-model (a part of the run); --publish (the page into docs/routing-quality.md).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import machine
from benchmarks.quality.bars import bars
from benchmarks.quality.data import FOLDER, PROJECT, TRAINED_PERCENT, BenchmarkData, DataMissing, divided
from benchmarks.quality.few_labels import mean_apgr
from benchmarks.quality.left_out import MOST_FOLDS, left_out
from benchmarks.quality.new_model import new_model
from benchmarks.quality.ours import fit_ours
from benchmarks.quality.page import page
from benchmarks.quality.pool_run import run_pool
from benchmarks.quality.pools import POOLS, Pool

PARTS = ("pools", "left-out", "few-labels", "new-model")
RESULTS = PROJECT / "benchmarks" / "results"
PAGE = PROJECT / "docs" / "routing-quality.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks.quality --publish` -->", "<!-- end of figures -->"
FEW_LABELS = (300, 1_500)


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    start = time.perf_counter()
    try:
        data = BenchmarkData(options.data)
        run = measure(options, data)
    except DataMissing as missing:
        print(f"Nothing was measured: {missing}")
        return
    run["seconds"] = round(time.perf_counter() - start, 1)
    run["bars"] = bars(run)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "quality.json").write_text(json.dumps(run, indent=2, allow_nan=False) + "\n")
    (RESULTS / "quality.md").write_text(page(run))
    print(page(run))
    if options.publish:
        publish(page(run))


def publish(text: str) -> None:
    """Puts the page's sections between the marks of the documentation, one heading level down."""
    written = PAGE.read_text()
    before, rest = written.split(BEGIN)
    _, after = rest.split(END)
    body = re.sub("^## ", "### ", text.split("\n", 1)[1].strip(), flags=re.MULTILINE)
    PAGE.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")


def measure(options: argparse.Namespace, data: BenchmarkData) -> dict[str, Any]:
    """All parts asked for, pool by pool; says on stderr where it is."""
    draws = 200 if options.quick else 1_000
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "revision": machine.revision(PROJECT),
        "machine": machine.described(),
        "draws": draws,
        "trained_percent": TRAINED_PERCENT,
        "pools": list(_each(options, "pools", lambda pool: run_pool(pool, data, options.splits, draws)).values()),
        "left_out": _each(
            options, "left-out", lambda pool: left_out(data.of(pool), draws, 4 if options.quick else MOST_FOLDS)
        ),
        "few_labels": _each(options, "few-labels", lambda pool: _few(pool, data, options.quick)),
        "new_models": _each(options, "new-model", lambda pool: _joined(pool, data, options.quick)),
    }


def _each(options: argparse.Namespace, part: str, work: Callable[[Pool], Any]) -> dict[str, Any]:
    if part not in options.only:
        return {}
    found = {}
    for pool in options.pools:
        print(f"{part}: {pool.name} …", file=sys.stderr, flush=True)
        found[pool.name] = work(pool)
    return {name: one for name, one in found.items() if one}


def _few(pool: Pool, data: BenchmarkData, is_quick: bool) -> list[dict[str, Any]]:
    """Where RouteLLM published figures for few labels of the same prompts."""
    if pool.name != "routellm-mmlu":
        return []
    draws = 2 if is_quick else 5
    return [mean_apgr(fit_ours, data.of(pool), labels, draws) for labels in FEW_LABELS]


def _joined(pool: Pool, data: BenchmarkData, is_quick: bool) -> dict[str, Any]:
    train, test = divided(data.of(pool))
    return new_model(fit_ours, train, test, models=2 if is_quick else 5, draws=1 if is_quick else 2)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--pools", type=_pools, default=list(POOLS), help=", ".join(pool.name for pool in POOLS))
    parser.add_argument("--splits", type=_count, default=1, help="how many divisions to measure (default 1)")
    parser.add_argument("--quick", action="store_true", help="fewer draws, folds and new models")
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder of the graded prompts")
    parser.add_argument("--publish", action="store_true", help="write the page into docs/routing-quality.md")
    parser.add_argument("--only", type=_parts, default=PARTS, help=f"parts of the run: {', '.join(PARTS)}")
    return parser.parse_args(arguments)


def _pools(names: str) -> list[Pool]:
    known = {pool.name: pool for pool in POOLS}
    return [known[name] for name in _named(names, known)]


def _parts(names: str) -> list[str]:
    return _named(names, PARTS)


def _named(names: str, known: Any) -> list[str]:
    wanted = names.split(",")
    if unknown := [name for name in wanted if name not in known]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not there; there are: {', '.join(known)}.")
    return wanted


def _count(text: str) -> int:
    if not text.isdigit() or not 1 <= int(text) <= 20:
        raise argparse.ArgumentTypeError(f"{text!r}: a number from 1 to 20 is allowed.")
    return int(text)


if __name__ == "__main__":
    main(sys.argv[1:])
