"""`manage.py learn train` and `score`: from a file of graded prompts to a table of predictions, with errors that help."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pyarrow.parquet
import pytest
from django.core.management import CommandError, call_command

from tests.learning import invented


@pytest.fixture
def graded(tmp_path: Path) -> Path:
    outcomes = invented.outcomes(90)
    path = tmp_path / "graded.jsonl"
    with path.open("w") as file:
        for at, prompt in enumerate(outcomes.prompts):
            for column, model in enumerate(outcomes.models):
                cost = None if model == "cheap" else outcomes.cost_usd[at, column]
                row = {
                    "prompt_id": outcomes.prompt_ids[at],
                    "prompt": prompt,
                    "task": outcomes.tasks[at],
                    "model": model,
                }
                file.write(json.dumps({**row, "quality": outcomes.quality[at, column], "cost_usd": cost}) + "\n")
    return path


def run(*arguments: str) -> dict[str, object]:
    out = io.StringIO()
    call_command("learn", *arguments, "--json", stdout=out, stderr=io.StringIO())
    return dict(json.loads(out.getvalue()))


def test_trains_and_scores(graded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    artefact, scores = str(tmp_path / "router.safetensors"), tmp_path / "scores.parquet"
    trained = run("train", str(graded), "--pool", "lawyer,cheap", "--out", artefact)
    progress = capsys.readouterr().err
    scored = run("score", artefact, "--prompts", str(graded), "--out", str(scores))

    assert trained["models"] == ["lawyer", "cheap"] and trained["prompts"] == 90 and "100%" in progress
    assert scored["predictor"] == trained["sha256"] and scored["rows"] == 180
    table = pyarrow.parquet.read_table(scores)
    assert table.column_names == ["prompt_id", "model", "predicted_quality", "predicted_cost_usd"]
    first, second = table.slice(0, 2).to_pylist()
    assert (first["prompt_id"], first["model"], second["model"]) == ("p0", "lawyer", "cheap")
    assert (
        0 <= first["predicted_quality"] <= 1
        and first["predicted_cost_usd"] > 0
        and second["predicted_cost_usd"] is None
    )


def test_learns_from_a_few_labels(graded: Path, tmp_path: Path) -> None:
    assert (
        run(
            "train", str(graded), "--pool", "adder,cheap", "--out", str(tmp_path / "a"), "--labels", "40", "--seed", "3"
        )["prompts"]
        == 40
    )


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--pool", "lawyer"), "two different models"),
        (("--pool", "lawyer,nobody"), "'nobody'"),
        (("--pool", "lawyer,cheap", "--labels", "91"), "1 to 90"),
        (("--pool", "lawyer,cheap", "--labels", "10"), "at least 30"),
        (("--pool", "lawyer,cheap", "--out", "/nowhere/router"), "cannot be written"),
    ],
)
def test_what_cannot_be_trained_is_refused(graded: Path, tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    with pytest.raises(CommandError, match=word):
        call_command("learn", "train", str(graded), "--out", str(tmp_path / "a"), *arguments)


def test_a_file_that_is_no_artefact_is_refused(graded: Path, tmp_path: Path) -> None:
    for artefact, word in ((str(graded), "header"), (str(tmp_path / "absent"), "cannot be read")):
        with pytest.raises(CommandError, match=word):
            call_command("learn", "score", artefact, "--prompts", str(graded), "--out", str(tmp_path / "scores"))
