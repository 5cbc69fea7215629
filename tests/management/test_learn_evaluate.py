"""`learn evaluate`: a table and a document about an artefact on prompts it has not seen, beside what it must beat; clear refusals."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.management.commands import Ran

Run = Callable[..., Ran]
TOPICS = (
    ("What is the integral of x to the power {} over the unit interval?", (0.9, 0.3)),
    ("Tell the story of king number {} and his castle by the sea.", (0.5, 0.9)),
)


def graded_file(path: Path, first: int, prompts: int, models: tuple[str, ...] = ("dear", "cheap")) -> Path:
    """Two kinds of prompts; the dear model is good at one, the cheap one at the other."""
    generator = np.random.Generator(np.random.PCG64(first))
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["dataset", "prompt", "model", "quality", "cost_usd", "group"])
        for at in range(first, first + prompts):
            kind = at % 2
            text, chances = TOPICS[kind]
            for place, model in enumerate(models):
                right = float(generator.random() < chances[place % 2])
                writer.writerow([f"kind {kind}", text.format(at), model, right, (0.01, 0.001)[place % 2], f"g{at}"])
    return path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("graded")
    return graded_file(folder / "train.csv", 0, 200), graded_file(folder / "test.csv", 1_000, 120)


@pytest.fixture
def artefact(run: Run, files: tuple[Path, Path], tmp_path: Path) -> Path:
    path = tmp_path / "router.safetensors"
    assert run("learn", "train", str(files[0]), "--pool", "dear,cheap", "--out", str(path)).exit_code == 0
    return path


def test_shows_the_predictor_beside_the_baselines_over_all_and_for_each_data_set(
    run: Run, files: tuple[Path, Path], artefact: Path
) -> None:
    told = run(
        "learn", "evaluate", str(artefact), str(files[1]), "--beside", str(files[0]), "--draws", "50"
    ).stdout.splitlines()

    assert told[0].startswith("120 prompts of 120 questions, 2 models. Best single ")
    first = [line.split("|")[1].strip() for line in told[2:15] if line.startswith("|")]
    assert first[0] == "router"
    assert first[2:] == [
        "**predictor**",
        "best single",
        "zero router",
        "cheapest",
        "random",
        "oracle",
        "kNN (80)",
        "k-means (64)",
        "linear",
        "logistic",
        "task known",
    ]
    assert "kind 0" in told and "kind 1" in told


def test_the_document_holds_the_whole_report(run: Run, files: tuple[Path, Path], artefact: Path) -> None:
    found = run("learn", "evaluate", str(artefact), str(files[1]), "--draws", "50", "--json").json

    figures = found["routers"]["predictor"]
    assert figures == found["report"]["figures"]
    assert figures["gain_over_zero"]["low"] > 0.02
    assert figures["gain_over_zero"]["value"] < figures["oracle_aiq"]["value"] - figures["zero_aiq"]["value"]
    assert found["routers"]["zero router"]["gain_over_zero"]["value"] == pytest.approx(0.0)
    assert "ece" in figures and "ece" not in found["routers"]["oracle"]
    assert set(found["report"]["by_dataset"]) == {"kind 0", "kind 1"}
    assert all(math.isclose(sum(point["shares"].values()), 1, abs_tol=1e-3) for point in found["report"]["points"])


def test_refuses_what_it_cannot_measure(run: Run, files: tuple[Path, Path], artefact: Path, tmp_path: Path) -> None:
    def error(*arguments: str) -> str:
        return str(run("learn", "evaluate", *arguments, "--json").error["message"])

    other = graded_file(tmp_path / "other.csv", 2_000, 40, models=("dear", "unknown"))

    assert "knows no model 'huge'" in error(str(artefact), str(files[1]), "--pool", "huge,cheap")
    assert "two different models" in error(str(artefact), str(files[1]), "--pool", "cheap,cheap")
    assert "have no outcomes of 'cheap'" in error(str(artefact), str(other))
    assert "120 questions of these files are also measured" in error(
        str(artefact), str(files[1]), "--beside", str(files[1])
    )
    assert "50 to 5000" in error(str(artefact), str(files[1]), "--draws", "3")
    assert "cannot be read" in error(str(tmp_path / "none"), str(files[1]))
    assert "train.csv" in error(str(files[0]), str(files[1]))
