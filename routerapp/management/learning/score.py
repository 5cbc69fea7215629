"""`learn score`: what a predictor expects of each model on each prompt of a file, as a table for others to choose and to grade."""

from __future__ import annotations

import math
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from routerapp.learning import artefact
from routerapp.learning.artefact import BadArtefact
from routerapp.learning.reading import read_prompts as read
from routerapp.management.json_command import USAGE, Answer, Failed
from routerapp.store.benchmark_files import read_prompts
from routerapp.store.benchmark_tables import BadBenchmark

HELP = "Write predicted quality and cost of every model of an artefact for every prompt of a file."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("artefact", metavar="ARTEFACT", help="what `learn train` wrote")
    parser.add_argument(
        "--prompts", required=True, metavar="FILE", help="Parquet, CSV or JSONL with the columns prompt and prompt_id"
    )
    parser.add_argument(
        "--out",
        required=True,
        metavar="FILE",
        help="Parquet: prompt_id, model, predicted_quality, predicted_cost_usd (null where unknown)",
    )


def run(options: dict[str, Any]) -> Answer:
    """Raises Failed."""
    try:
        predictor = artefact.load(Path(options["artefact"]))
    except BadArtefact as error:
        raise Failed(str(error), code="bad_artefact") from None
    except OSError as error:
        raise Failed(
            f"{options['artefact']} cannot be read: {error.strerror}.", code="unreadable_file", exit_code=USAGE
        ) from None
    try:
        prompt_ids, prompts = read_prompts(Path(options["prompts"]))
    except BadBenchmark as error:
        raise Failed(str(error), code="bad_benchmark") from None
    quality, cost = predictor.predict_many(read(prompts))
    rows = [
        (
            prompt_id,
            model,
            quality[at, column].item(),
            None if math.isnan(cost[at, column]) else cost[at, column].item(),
        )
        for at, prompt_id in enumerate(prompt_ids)
        for column, model in enumerate(predictor.models)
    ]
    _write(Path(options["out"]), rows)
    document = {
        "predictor": predictor.address,
        "prompts": len(prompts),
        "models": list(predictor.models),
        "rows": len(rows),
    }
    return Answer(
        document, f"{options['out']}: {len(prompts)} prompts x {len(predictor.models)} models, by {predictor.address}"
    )


def _write(path: Path, rows: list[tuple[str, str, float, float | None]]) -> None:
    import pyarrow
    import pyarrow.parquet

    kinds = {
        "prompt_id": pyarrow.string(),
        "model": pyarrow.string(),
        "predicted_quality": pyarrow.float64(),
        "predicted_cost_usd": pyarrow.float64(),
    }
    columns = {name: pyarrow.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(kinds.items())}
    try:
        pyarrow.parquet.write_table(pyarrow.table(columns), path)
    except OSError as error:
        raise Failed(
            f"{path} cannot be written: {error.strerror or error}.", code="unwritable_file", exit_code=USAGE
        ) from None
