"""`learn evaluate`: a predictor on graded prompts it has not seen, beside what it must beat, with intervals."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from routerapp.learning import artefact
from routerapp.learning.artefact import BadArtefact
from routerapp.learning.baselines import fit_task_known, kmeans, knn, linear, logistic
from routerapp.learning.bootstrap import Figure
from routerapp.learning.evaluation import evaluate
from routerapp.learning.outcomes import Floats, Outcomes
from routerapp.learning.predicted import predicted
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import read_prompts
from routerapp.learning.report import Report
from routerapp.learning.report_table import table_of
from routerapp.learning.routers import Router, fit_best_single, fit_cheapest, fit_levels, fit_random, oracle
from routerapp.management.json_command import USAGE, Answer, Failed
from routerapp.store.benchmark_files import read_outcomes
from routerapp.store.benchmark_tables import BadBenchmark

HELP = "Measure an artefact on graded prompts it was not trained on: AIQ, APGR, savings, calibration, with intervals."
PREDICTOR, ORACLE = "predictor", "oracle"
# They choose, but predict no quality that could be right or wrong.
CHOOSERS = {"best single": fit_best_single, "zero router": fit_levels, "cheapest": fit_cheapest, "random": fit_random}
LEAST_DRAWS, MOST_DRAWS = 50, 5_000


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("artefact", metavar="ARTEFACT", help="what `learn train` wrote")
    parser.add_argument("files", nargs="+", metavar="FILE", help="graded prompts: Parquet, CSV or JSONL")
    parser.add_argument("--pool", metavar="MODEL,…", help="only these of the artefact's models")
    parser.add_argument(
        "--beside",
        nargs="+",
        metavar="FILE",
        help="train kNN, k-means, linear, logistic and the task known on these files, to show them beside it",
    )
    parser.add_argument("--draws", type=int, default=500, metavar="N", help="of the bootstrap (500)")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of the bootstrap and the baselines (0)")


def run(options: dict[str, Any]) -> Answer:
    """Raises Failed."""
    if not LEAST_DRAWS <= options["draws"] <= MOST_DRAWS:
        raise Failed(f"--draws: {LEAST_DRAWS} to {MOST_DRAWS} are allowed.", code="usage", exit_code=USAGE)
    predictor = _predictor(options["artefact"])
    models = _models(options["pool"], predictor)
    outcomes = _outcomes(options["files"], models, "these files")
    routers = {PREDICTOR: predicted(predictor)} | _untrained(outcomes, options["seed"])
    if options["beside"]:
        trained = _outcomes(options["beside"], models, "the files of --beside")
        routers |= _trained(trained, outcomes, options["seed"])
    reports = _reports(routers, outcomes, options)
    document = {
        "predictor": predictor.address,
        "routers": {name: _figures(name, report.figures) for name, report in reports.items()},
        "report": reports[PREDICTOR].as_json(),
    }
    return Answer(document, _text(reports))


def _reports(routers: dict[str, Router], outcomes: Outcomes, options: dict[str, Any]) -> dict[str, Report]:
    try:
        return {
            name: evaluate(router, outcomes, draws=options["draws"], seed=options["seed"])
            for name, router in routers.items()
        }
    except ValueError as error:
        raise Failed(str(error), code="bad_benchmark") from None


def _untrained(outcomes: Outcomes, seed: int) -> dict[str, Router]:
    """What needs no training data: chosen in hindsight on the very prompts measured."""
    answered = outcomes.rows(np.flatnonzero(~np.isnan(outcomes.quality).any(axis=1)))
    return {name: fit(answered, seed) for name, fit in CHOOSERS.items()} | {ORACLE: oracle(answered)}


def _trained(trained: Outcomes, measured: Outcomes, seed: int) -> dict[str, Router]:
    """Baselines trained on other prompts. Raises Failed where a question stands on both sides."""
    if shared := set(trained.groups) & set(measured.groups):
        raise Failed(
            f"--beside: {len(shared)} questions of these files are also measured; a baseline that has seen them cannot be measured on them.",
            code="seen_before",
        )
    fits = {"kNN (80)": knn(_vectors), "k-means (64)": kmeans(_vectors), "linear": linear(_vectors)}
    fits |= {"logistic": logistic(_vectors), "task known": fit_task_known}
    return {name: fit(trained, seed) for name, fit in fits.items()}


def _vectors(prompts: Sequence[str]) -> Floats:
    return np.asarray(read_prompts(prompts).vectors, dtype=np.float64)


def _predictor(name: str) -> Predictor:
    try:
        return artefact.load(Path(name))
    except BadArtefact as error:
        raise Failed(str(error), code="bad_artefact") from None
    except OSError as error:
        raise Failed(f"{name} cannot be read: {error.strerror}.", code="unreadable_file", exit_code=USAGE) from None


def _models(pool: str | None, predictor: Predictor) -> tuple[str, ...]:
    if pool is None:
        return predictor.models
    wanted = tuple(dict.fromkeys(name.strip() for name in pool.split(",") if name.strip()))
    unknown = [name for name in wanted if name not in predictor.models]
    if unknown:
        known = ", ".join(predictor.models)
        message = f"--pool: the artefact knows no model {unknown[0]!r}. It knows: {known}."
        raise Failed(message, code="unknown_model", exit_code=USAGE)
    if len(wanted) < 2:
        raise Failed("--pool: two different models at least are needed.", code="usage", exit_code=USAGE)
    return wanted


def _outcomes(files: list[str], models: tuple[str, ...], whose: str) -> Outcomes:
    try:
        outcomes = read_outcomes([Path(file) for file in files])
    except BadBenchmark as error:
        raise Failed(str(error), code="bad_benchmark") from None
    missing = [model for model in models if model not in outcomes.models]
    if missing:
        known = ", ".join(outcomes.models)
        message = f"{whose} have no outcomes of {missing[0]!r}; narrow the pool with --pool. They have: {known}."
        raise Failed(message[0].upper() + message[1:], code="unknown_model", exit_code=USAGE)
    return outcomes.pool(models)


def _text(reports: dict[str, Report]) -> str:
    report = reports[PREDICTOR]
    best = max(report.singles, key=lambda one: one.quality.value or 0.0)
    cost = "" if best.cost_usd is None else f", ${1_000 * (best.cost_usd.value or 0.0):.3f} per 1,000"
    left_out = f"; {report.left_out} not answered by all models are left out" if report.left_out else ""
    head = (
        f"{report.prompts} prompts of {report.groups} questions, {len(report.models)} models{left_out}. Best single {best.model} "
        f"{best.quality.value or 0.0:.3f}{cost}. APGR and CPT: {report.strong} and {report.weak}. "
        f"[brackets]: 95 % of {report.draws} draws of whole questions."
    )
    rows = {name: _figures(name, one.figures) for name, one in reports.items()}
    tables = [head, table_of(rows, PREDICTOR)]
    for dataset in report.by_dataset:
        of_set = {name: _figures(name, one.by_dataset[dataset]) for name, one in reports.items()}
        tables.append(f"{dataset or 'without a data set'}\n\n{table_of(of_set, PREDICTOR)}")
    return "\n\n".join(tables)


def _figures(router: str, figures: Mapping[str, Figure]) -> dict[str, dict[str, float | None]]:
    predicts = router not in CHOOSERS and router != ORACLE
    return {name: one.as_json() for name, one in figures.items() if predicts or name != "ece"}
