"""`make bench-quality`: trains on a part of graded prompts, measures on the rest, beside the baselines. Results: benchmarks/results/quality.*

Options: --pools NAME,…; --splits N (further divisions, means of all); --quick (fewer draws, folds and new models); --data FOLDER;
--only pools,left_out,few_labels,new_models (parts of the run); --keep (what an earlier run measured and this one does not); --stored (measure nothing); --publish (the page into docs/routing-quality.md).
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.quality.bars import bars
from benchmarks.quality.data import FOLDER, PROJECT, BenchmarkData, DataMissing, divided
from benchmarks.quality.few_labels import mean_apgr
from benchmarks.quality.left_out import MOST_FOLDS, left_out
from benchmarks.quality.new_model import new_model
from benchmarks.quality.ours import fit_ours
from benchmarks.quality.page import page
from benchmarks.quality.pool_run import run_pool
from benchmarks.quality.pools import POOLS, Pool
from benchmarks.quality.results import PARTS, Results

PAGE = PROJECT / "docs" / "routing-quality.md"
BEGIN, END = "<!-- figures: written by `python -m benchmarks.quality --publish` -->", "<!-- end of figures -->"
FEW_LABELS = (300, 1_500)


def main(arguments: list[str]) -> None:
    options = _options(arguments)
    results = Results()
    try:
        data = BenchmarkData(options.data)
        if not options.keep and not options.stored:
            results.start_anew()
        if not options.stored:
            measure(options, data, results)
    except DataMissing as missing:
        print(f"Nothing was measured: {missing}")
        return
    run = results.read()
    text = page(run | {"bars": bars(run)})
    (results.path.with_suffix(".md")).write_text(text)
    print(text)
    if options.publish:
        publish(text)


def publish(text: str) -> None:
    """Puts the page's sections between the marks of the documentation, one heading level down."""
    written = PAGE.read_text()
    before, rest = written.split(BEGIN)
    _, after = rest.split(END)
    body = re.sub("^## ", "### ", text.split("\n", 1)[1].strip(), flags=re.MULTILINE)
    PAGE.write_text(f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")


def measure(options: argparse.Namespace, data: BenchmarkData, results: Results) -> None:
    """All parts asked for, pool by pool; says on stderr where it is."""
    draws = 200 if options.quick else 1_000
    folds = 4 if options.quick else MOST_FOLDS
    works: dict[str, Callable[[Pool], Any]] = {
        "pools": lambda pool: run_pool(pool, data, options.splits, draws),
        "left_out": lambda pool: left_out(data.of(pool), draws, folds),
        "few_labels": lambda pool: _few(pool, data, options.quick),
        "new_models": lambda pool: _joined(pool, data, options.quick),
    }
    for part in options.only:
        for pool in options.pools:
            print(f"{part}: {pool.name} …", file=sys.stderr, flush=True)
            start = time.perf_counter()
            found = works[part](pool)
            results.put(part, pool.name, found, time.perf_counter() - start, draws)


def _few(pool: Pool, data: BenchmarkData, is_quick: bool) -> list[dict[str, Any]]:
    """Where RouteLLM published figures for few labels of the same prompts."""
    if pool.name != "routellm-mmlu":
        return []
    draws = 2 if is_quick else 5
    return [mean_apgr(fit_ours, data.of(pool), labels, draws) for labels in FEW_LABELS]


def _joined(pool: Pool, data: BenchmarkData, is_quick: bool) -> dict[str, Any]:
    train, test = divided(data.of(pool))
    return new_model(fit_ours, train, test, models=2 if is_quick else 4, draws=1)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--pools", type=_pools, default=list(POOLS), help=", ".join(pool.name for pool in POOLS))
    parser.add_argument("--splits", type=_count, default=1, help="how many divisions to measure (default 1)")
    parser.add_argument("--quick", action="store_true", help="fewer draws, folds and new models")
    parser.add_argument("--data", type=Path, default=FOLDER, help="folder of the graded prompts")
    parser.add_argument("--keep", action="store_true", help="keep what an earlier run measured and this one does not")
    parser.add_argument("--stored", action="store_true", help="measure nothing, show what was measured before")
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
