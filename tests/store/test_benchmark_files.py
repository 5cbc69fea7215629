"""Benchmark files become one table of outcomes, whatever their format; what cannot be taken is refused with its place."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routerapp.store.benchmark_files import group_of, read_outcomes, read_prompts
from routerapp.store.benchmark_tables import BadBenchmark

ROWS: list[dict[str, Any]] = [
    {
        "prompt": "What is 2 + 2?",
        "prompt_id": "a",
        "task": "sums",
        "model": "big",
        "quality": 1.0,
        "cost_usd": 0.5,
        "out_tokens": 3,
    },
    {
        "prompt": "What is 2 + 2?",
        "prompt_id": "a",
        "task": "sums",
        "model": "small",
        "quality": 0.0,
        "cost_usd": None,
        "out_tokens": 4,
    },
    {
        "prompt": "Name a river.",
        "prompt_id": "b",
        "task": "names",
        "model": "small",
        "quality": 0.25,
        "cost_usd": 0.1,
        "out_tokens": 5,
    },
]


def write(folder: Path, ending: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"rows{ending}"
    if ending == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif ending == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        import pyarrow
        import pyarrow.parquet

        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return path


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
def test_reads_the_long_schema_from_every_format(tmp_path: Path, ending: str) -> None:
    outcomes = read_outcomes([write(tmp_path, ending, ROWS)])

    assert (
        outcomes.models == ("big", "small")
        and outcomes.prompt_ids == ("a", "b")
        and outcomes.tasks == ("sums", "names")
    )
    np.testing.assert_array_equal(outcomes.quality, [[1.0, 0.0], [np.nan, 0.25]])
    np.testing.assert_array_equal(outcomes.cost_usd, [[0.5, np.nan], [np.nan, 0.1]])
    np.testing.assert_array_equal(outcomes.output_tokens, [[3, 4], [np.nan, 5]])
    assert np.isnan(outcomes.input_tokens).all()
    assert outcomes.groups == (group_of("what is 2 2"), group_of("Name a river"))


def test_reads_a_table_with_a_column_per_model(tmp_path: Path) -> None:
    wide = [
        {
            "sample_id": "arc.1",
            "prompt": "Why?",
            "eval_name": "arc",
            "big": 1.0,
            "small": 0.0,
            "big|total_cost": 0.01,
            "small|total_cost": 0.001,
        },
        {
            "sample_id": "arc.2",
            "prompt": "How?",
            "eval_name": "arc",
            "big": 0.5,
            "small": 0.5,
            "big|total_cost": 0.02,
            "small|total_cost": None,
        },
    ]

    outcomes = read_outcomes([write(tmp_path, ".csv", wide)])

    assert (
        outcomes.models == ("big", "small")
        and outcomes.tasks == ("arc", "arc")
        and outcomes.prompt_ids == ("arc.1", "arc.2")
    )
    np.testing.assert_array_equal(outcomes.quality, [[1.0, 0.0], [0.5, 0.5]])
    np.testing.assert_array_equal(outcomes.cost_usd, [[0.01, 0.001], [0.02, np.nan]])


def test_joins_files_by_prompt(tmp_path: Path) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    first.mkdir(), second.mkdir()
    outcomes = read_outcomes([write(first, ".csv", ROWS[:1]), write(second, ".jsonl", ROWS[1:])])

    assert len(outcomes) == 2 and outcomes.models == ("big", "small")


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ({"quality": 1.5}, ["'quality'", "row 3", "1.5", "0 to 1"]),
        ({"quality": "good"}, ["'quality'", "row 3", "'good'"]),
        ({"cost_usd": -1.0}, ["'cost_usd'", "row 3", "-1.0"]),
        ({"cost_usd": float("inf")}, ["'cost_usd'", "row 3", "inf"]),
        ({"model": ""}, ["'model'", "row 3", "empty"]),
        ({"prompt_id": "a"}, ["'prompt'", "row 3", "another prompt"]),
        ({"prompt_id": "a", "prompt": "What is 2 + 2?"}, ["'model'", "row 3", "already"]),
    ],
)
def test_a_bad_cell_is_refused_with_its_place(tmp_path: Path, changed: dict[str, Any], named: list[str]) -> None:
    path = write(tmp_path, ".jsonl", [*ROWS[:2], {**ROWS[2], **changed}])

    with pytest.raises(BadBenchmark) as refused:
        read_outcomes([path])

    assert all(word in str(refused.value) for word in ["rows.jsonl", *named])


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("rows.xlsx", "x", ".parquet"),
        ("rows.csv", "prompt,quality\nWhy?,1\n", "'model'"),
        ("rows.csv", "prompt,model\nWhy?,big\n", "'quality'"),
        ("rows.csv", "prompt,model,quality\nWhy?,big\n", "row 1"),
        ("rows.csv", "prompt,model,quality\n", "no rows"),
        ("rows.csv", "prompt,big|total_cost\nWhy?,1\n", "'big'"),
        ("rows.jsonl", "{\n", "line 1"),
        ("rows.jsonl", "[]\n", "line 1"),
        ("rows.parquet", "no parquet", "not a Parquet file"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, text: str, word: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(BadBenchmark, match=r".*" + word.replace("|", r"\|")):
        read_outcomes([path])


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadBenchmark, match=r"absent\.csv"):
        read_outcomes([tmp_path / "absent.csv"])


def test_prompts_to_score_come_once_each(tmp_path: Path) -> None:
    assert read_prompts(write(tmp_path, ".parquet", ROWS)) == (("a", "b"), ("What is 2 + 2?", "Name a river."))
