"""Benchmark files -> Outcomes: the long schema (a row per prompt and model) and RouterBench-shaped wide tables (a row per prompt).

Long: `prompt`, `model`, `quality`; optional `dataset`, `task`, `category`, `prompt_id`, `group`, `cost_usd`, `in_tokens`, `out_tokens`.
Wide: `prompt`; for each model a score column `<model>` and a cost column `<model>|total_cost`; optional `eval_name`, `sample_id`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routerapp.learning.outcomes import Outcomes
from routerapp.store.benchmark_tables import MOST_CELL_CHARACTERS, BadBenchmark, BenchmarkTable, read_table

MOST_MODELS = 300
MOST_CELLS = 50_000_000
COST_SUFFIX = "|total_cost"
LABELS = ("dataset", "task", "category", "group")
NUMBERS = {"quality": 1.0, "cost_usd": 1e4, "in_tokens": 1e8, "out_tokens": 1e8}

_PUNCTUATION = re.compile(r"[^\w\s]")


@dataclass(slots=True)
class _Gathered:
    """Prompts and models in the order in which they were first met; values by (prompt, model)."""

    prompts: dict[str, tuple[str, str, str, str, str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    models: dict[str, int] = field(default_factory=dict)
    values: dict[tuple[int, int], tuple[float, float, float, float]] = field(default_factory=dict)


def read_outcomes(paths: Sequence[Path]) -> Outcomes:
    """All files as one table of prompts × models; unknown cells are NaN.

    A prompt that stands in several files (same `prompt_id`) becomes one row. Raises BadBenchmark with file, column, row, value and what
    is allowed.
    """
    gathered = _Gathered()
    for path in paths:
        _gather(read_table(Path(path)), gathered)
    if not gathered.rows:
        raise BadBenchmark("No file was given.")
    if len(gathered.rows) * len(gathered.models) > MOST_CELLS:
        raise BadBenchmark(
            f"{len(gathered.rows)} prompts x {len(gathered.models)} models; at most {MOST_CELLS} cells are taken."
        )
    return _outcomes(gathered)


def read_prompts(path: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(prompt_ids, prompts) of a file with `prompt` and `prompt_id`, each id once in the order of the file. Raises BadBenchmark."""
    table = read_table(Path(path))
    if missing := [name for name in ("prompt", "prompt_id") if name not in table.columns]:
        raise _missing(table, missing[0], ("prompt", "prompt_id"))
    prompts: dict[str, str] = {}
    for row in range(table.rows):
        prompt, prompt_id = _text(table, "prompt", row), _text(table, "prompt_id", row)
        if prompts.setdefault(prompt_id, prompt) != prompt:
            raise table.refuse("prompt_id", row, f"{prompt_id!r} stands for another prompt above.")
    return tuple(prompts), tuple(prompts.values())


def group_of(prompt: str) -> str:
    """What questions of one group share: sha256 of the lower-cased text without punctuation, 16 hex digits."""
    words = _PUNCTUATION.sub(" ", prompt.lower()).split()
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def prompt_id_of(dataset: str, task: str, prompt: str) -> str:
    """sha256 of data set, task and prompt, 16 hex digits."""
    return hashlib.sha256("\x1f".join((dataset, task, prompt)).encode()).hexdigest()[:16]


def _gather(table: BenchmarkTable, gathered: _Gathered) -> None:
    if "prompt" not in table.columns:
        raise _missing(table, "prompt", ("prompt", "model", "quality"))
    if "model" in table.columns:
        if "quality" not in table.columns:
            raise _missing(table, "quality", ("prompt", "model", "quality"))
        for row in range(table.rows):
            _gather_long(table, row, gathered)
    else:
        models = _wide_models(table)
        for row in range(table.rows):
            _gather_wide(table, row, models, gathered)


def _gather_long(table: BenchmarkTable, row: int, gathered: _Gathered) -> None:
    labels = {name: _label(table, name, row) for name in LABELS}
    prompt = _text(table, "prompt", row)
    prompt_id = _label(table, "prompt_id", row) or prompt_id_of(labels["dataset"], labels["task"], prompt)
    at = _place(
        table,
        row,
        prompt_id,
        (prompt, labels["group"], labels["dataset"], labels["task"], labels["category"]),
        gathered,
    )
    values = tuple(_number(table, name, row, most) for name, most in NUMBERS.items())
    _put(table, row, (at, _text(table, "model", row)), values, gathered)


def _gather_wide(table: BenchmarkTable, row: int, models: Sequence[str], gathered: _Gathered) -> None:
    prompt, task = _text(table, "prompt", row), _label(table, "eval_name", row)
    prompt_id = _label(table, "sample_id", row) or prompt_id_of("", task, prompt)
    at = _place(table, row, prompt_id, (prompt, _label(table, "group", row), "", task, task), gathered)
    for model in models:
        score = _number(table, model, row, NUMBERS["quality"])
        cost = _number(table, model + COST_SUFFIX, row, NUMBERS["cost_usd"])
        _put(table, row, (at, model), (score, cost, math.nan, math.nan), gathered)


def _wide_models(table: BenchmarkTable) -> tuple[str, ...]:
    models = tuple(name.removesuffix(COST_SUFFIX) for name in table.columns if name.endswith(COST_SUFFIX))
    if not models:
        raise BadBenchmark(
            f"{table.name}: has neither a column 'model' (a row per prompt and model) nor columns '<model>{COST_SUFFIX}' (a row per prompt)."
        )
    if missing := [model for model in models if model not in table.columns]:
        raise BadBenchmark(f"{table.name}: has {missing[0] + COST_SUFFIX!r} but no score column {missing[0]!r}.")
    return models


def _place(
    table: BenchmarkTable, row: int, prompt_id: str, described: tuple[str, str, str, str, str], gathered: _Gathered
) -> int:
    known = gathered.prompts.get(prompt_id)
    if known is None:
        prompt, group, *labels = described
        gathered.prompts[prompt_id] = (prompt, group or group_of(prompt), labels[0], labels[1], labels[2])
        gathered.rows[prompt_id] = len(gathered.rows)
    elif known[0] != described[0]:
        raise table.refuse("prompt", row, f"{prompt_id!r} stands for another prompt above.")
    return gathered.rows[prompt_id]


def _put(table: BenchmarkTable, row: int, at: tuple[int, str], values: Sequence[float], gathered: _Gathered) -> None:
    prompt, model = at
    column = gathered.models.setdefault(model, len(gathered.models))
    if column >= MOST_MODELS:
        raise table.refuse("model", row, f"{model!r} is model {MOST_MODELS + 1}; at most {MOST_MODELS} are taken.")
    if (prompt, column) in gathered.values:
        raise table.refuse("model", row, f"{model!r} has answered this prompt already.")
    gathered.values[prompt, column] = (values[0], values[1], values[2], values[3])


def _text(table: BenchmarkTable, name: str, row: int) -> str:
    value = _label(table, name, row)
    if not value:
        raise table.refuse(name, row, "is empty; a text is needed.")
    return value


def _label(table: BenchmarkTable, name: str, row: int) -> str:
    column = table.columns.get(name)
    value = None if column is None else column[row]
    if value is None:
        return ""
    if isinstance(value, (bool, float)) or not isinstance(value, (str, int)):
        raise table.refuse(name, row, f"{_shown(value)} is not text.")
    text = str(value)
    if len(text) > MOST_CELL_CHARACTERS:
        raise table.refuse(name, row, f"{len(text)} characters; at most {MOST_CELL_CHARACTERS} are taken.")
    return text


def _number(table: BenchmarkTable, name: str, row: int, most: float) -> float:
    column = table.columns.get(name)
    value = None if column is None else column[row]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return math.nan
    allowed = f"a number from 0 to {most:g} is allowed, or nothing where it is unknown"
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise table.refuse(name, row, f"{_shown(value)}: {allowed}.") from None
    if not 0.0 <= number <= most:
        raise table.refuse(name, row, f"{_shown(value)}: {allowed}.")
    return number


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _missing(table: BenchmarkTable, name: str, needed: Sequence[str]) -> BadBenchmark:
    return BadBenchmark(
        f"{table.name}: has no column {name!r}; needed are {', '.join(needed)}. It has: {', '.join(list(table.columns)[:30])}."
    )


def _outcomes(gathered: _Gathered) -> Outcomes:
    shape = (len(gathered.rows), len(gathered.models), len(NUMBERS))
    cells: NDArray[np.float64] = np.full(shape, math.nan)
    for (prompt, model), values in gathered.values.items():
        cells[prompt, model] = values
    texts, groups, datasets, tasks, categories = zip(*gathered.prompts.values(), strict=True)
    numbers = [np.ascontiguousarray(layer) for layer in _layers(cells)]
    return Outcomes(tuple(gathered.rows), texts, groups, datasets, tasks, categories, tuple(gathered.models), *numbers)


def _layers(cells: NDArray[np.float64]) -> Iterator[NDArray[np.float64]]:
    return (cells[:, :, layer] for layer in range(cells.shape[2]))
