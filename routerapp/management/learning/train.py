"""`learn train`: benchmark files -> a predictor's artefact."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import numpy as np

from routerapp.learning import artefact
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.reading import read_prompts
from routerapp.learning.training import TooFewOutcomes, train
from routerapp.management.json_command import USAGE, Answer, Failed
from routerapp.store.benchmark_files import read_outcomes
from routerapp.store.benchmark_tables import BadBenchmark

HELP = "Train a predictor of each model's quality and cost from files of graded prompts."


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("files", nargs="+", metavar="FILE", help="graded prompts: Parquet, CSV or JSONL")
    parser.add_argument(
        "--pool", required=True, metavar="MODEL,…", help="the models to choose among, as the files name them"
    )
    parser.add_argument("--out", required=True, metavar="ARTEFACT", help="where to write the predictor (safetensors)")
    parser.add_argument("--labels", type=int, metavar="N", help="learn from N of the prompts only, drawn at random")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="for the draw and the training (0)")


def run(options: dict[str, Any]) -> Answer:
    """Raises Failed."""
    started = time.monotonic()
    outcomes = _pool(options)
    _say("reading prompts", 0.0)
    readings = read_prompts(outcomes.prompts)
    try:
        fitted = train(outcomes, readings, options["seed"], _say)
    except TooFewOutcomes as error:
        raise Failed(str(error), code="too_few_outcomes") from None
    content, address = artefact.write(fitted)
    _write(Path(options["out"]), content)
    seconds = time.monotonic() - started
    document = {
        "artefact": options["out"],
        "sha256": address,
        "bytes": len(content),
        "models": list(fitted.models),
        **fitted.about,
    }
    text = (
        f"{options['out']}: {len(outcomes)} prompts, {len(fitted.models)} models, {len(content):,} bytes, {seconds:.0f} s\n"
        f"sha256 {address}"
    )
    return Answer(document, text)


def _pool(options: dict[str, Any]) -> Outcomes:
    models = [model.strip() for model in options["pool"].split(",") if model.strip()]
    if len(models) < 2 or len(set(models)) != len(models):
        raise Failed(
            "--pool: two different models at least, with a comma between them, are needed.",
            code="usage",
            exit_code=USAGE,
        )
    try:
        outcomes = read_outcomes([Path(file) for file in options["files"]])
    except BadBenchmark as error:
        raise Failed(str(error), code="bad_benchmark") from None
    if missing := [model for model in models if model not in outcomes.models]:
        known = ", ".join(outcomes.models)
        raise Failed(
            f"--pool: the files know no model {missing[0]!r}. They know: {known}.",
            code="unknown_model",
            exit_code=USAGE,
        )
    outcomes = outcomes.pool(models)
    wanted = options["labels"]
    if wanted is None:
        return outcomes
    if not 1 <= wanted <= len(outcomes):
        raise Failed(f"--labels {wanted}: 1 to {len(outcomes)} prompts can be drawn.", code="usage", exit_code=USAGE)
    generator = np.random.Generator(np.random.PCG64(options["seed"]))
    return outcomes.rows(np.sort(generator.choice(len(outcomes), wanted, replace=False)))


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: to a file beside it, then renamed."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
        os.replace(file.name, path)
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.", code="unwritable_file", exit_code=USAGE) from None


def _say(stage: str, share: float) -> None:
    print(f"{share:4.0%}  {stage}", file=sys.stderr, flush=True)
