"""A predictor learns which model is good at what, copes with what is unknown, and says the same in every process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from routerapp.learning import artefact
from routerapp.learning.artefact import BadArtefact
from routerapp.learning.fitted import Fitted
from routerapp.learning.margins import take_apart
from routerapp.learning.predictor import OtherReading, Predictor
from routerapp.learning.reading import read_prompt, read_prompts
from routerapp.learning.training import TooFewOutcomes, train
from tests.learning import invented

LAW = "Please judge the appeal: may the party claim under the contract statute?"
SUMS = "Please count: add the numbers, sum plus total, carry 3?"


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    outcomes = invented.outcomes()
    return train(outcomes, read_prompts(outcomes.prompts))


@pytest.fixture(scope="module")
def saved(fitted: Fitted, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    content, address = artefact.write(fitted)
    path = tmp_path_factory.mktemp("artefacts") / "router.safetensors"
    path.write_bytes(content)
    return path, address


def best_for(predictor: Predictor, prompt: str) -> str:
    models = predictor.predict(read_prompt(prompt)).models
    return max(models, key=lambda model: models[model].quality)


def test_knows_who_is_good_at_what(fitted: Fitted) -> None:
    predictor = Predictor(fitted)

    assert best_for(predictor, LAW) == "lawyer" and best_for(predictor, SUMS) == "adder"


def test_says_what_it_thinks_a_prompt_is(fitted: Fitted) -> None:
    predictions = Predictor(fitted, "ab" * 32).predict(read_prompt(LAW))

    assert next(iter(predictions.tasks)) == "law" and len(predictions.tasks) <= 3 and predictions.predictor == "ab" * 32
    assert predictions.cluster is not None and set(predictions.cluster_quality) == set(invented.MODELS)
    assert all(
        0.0 <= model.quality <= 1.0 and model.sd > 0.0 and model.output_tokens for model in predictions.models.values()
    )


def test_foresees_cost_by_the_prompt(fitted: Fitted) -> None:
    outcomes = invented.outcomes(seed=1)
    _, cost = Predictor(fitted).predict_many(read_prompts(outcomes.prompts))

    assert np.corrcoef(cost[:, 0], outcomes.cost_usd[:, 0])[0, 1] > 0.8
    assert cost.mean(axis=0) == pytest.approx(outcomes.cost_usd.mean(axis=0), rel=0.1)


def test_is_calibrated_on_prompts_it_has_not_seen(fitted: Fitted) -> None:
    outcomes = invented.outcomes(seed=2)
    quality, _ = Predictor(fitted).predict_many(read_prompts(outcomes.prompts))

    assert quality.mean(axis=0) == pytest.approx(outcomes.quality.mean(axis=0), abs=0.12)


def test_an_empty_prompt_gets_the_models_levels_and_no_familiarity(fitted: Fitted) -> None:
    predictions = Predictor(fitted).predict(read_prompt(""))

    assert predictions.familiarity == 0.0 and predictions.cluster is None and predictions.tasks == {}
    means = invented.outcomes().quality.mean(axis=0)
    assert [model.quality for model in predictions.models.values()] == pytest.approx(means, abs=1e-3)


def test_one_and_many_say_the_same(fitted: Fitted) -> None:
    texts = [LAW, SUMS, "", "Something else entirely"]
    quality, _ = Predictor(fitted).predict_many(read_prompts(texts))

    for row, text in zip(quality, texts, strict=True):
        assert row.tolist() == [model.quality for model in Predictor(fitted).predict(read_prompt(text)).models.values()]


def test_learns_from_tables_with_holes() -> None:
    outcomes = invented.outcomes(400)
    holes = np.random.Generator(np.random.PCG64(5)).random(outcomes.quality.shape) < 0.3
    holes[holes.all(axis=1)] = False
    outcomes = replace(
        outcomes, quality=np.where(holes, np.nan, outcomes.quality), cost_usd=np.where(holes, np.nan, outcomes.cost_usd)
    )

    predictor = Predictor(train(outcomes, read_prompts(outcomes.prompts)))

    assert best_for(predictor, LAW) == "lawyer" and best_for(predictor, SUMS) == "adder"


def test_unknown_costs_stay_unknown() -> None:
    outcomes = invented.outcomes(120)
    cost = outcomes.cost_usd.copy()
    cost[:, 1] = np.nan

    _, foreseen = Predictor(train(replace(outcomes, cost_usd=cost), read_prompts(outcomes.prompts))).predict_many(
        read_prompts([LAW])
    )

    assert np.isnan(foreseen[0]).tolist() == [False, True, False]


def test_works_without_any_label() -> None:
    outcomes = replace(invented.outcomes(120), tasks=("",) * 120)

    predictions = Predictor(train(outcomes, read_prompts(outcomes.prompts))).predict(read_prompt(LAW))

    assert predictions.tasks == {}


def test_a_newcomer_with_few_marks_takes_its_place() -> None:
    outcomes = invented.outcomes(400)
    quality, cost = outcomes.quality.copy(), outcomes.cost_usd.copy()
    quality[50:, 1] = cost[50:, 1] = np.nan

    fitted = train(replace(outcomes, quality=quality, cost_usd=cost), read_prompts(outcomes.prompts))
    foreseen, prices = Predictor(fitted).predict_many(read_prompts(outcomes.prompts))

    assert fitted.models == invented.MODELS
    assert foreseen.mean(axis=0) == pytest.approx(outcomes.quality.mean(axis=0), abs=0.12)
    assert prices.mean(axis=0) == pytest.approx(outcomes.cost_usd.mean(axis=0), rel=0.15)


def test_too_few_prompts_are_refused() -> None:
    outcomes = invented.outcomes(12)

    with pytest.raises(TooFewOutcomes, match="12 prompts"):
        train(outcomes, read_prompts(outcomes.prompts))


def test_margins_add_up_and_levels_are_centred() -> None:
    quality = np.array([[1.0, 0.0], [1.0, np.nan], [0.5, 0.5]])
    margins = take_apart(quality)

    total = margins.ease[:, None] + margins.level + margins.relative
    assert np.allclose(total, quality, equal_nan=True) and margins.level.sum() == pytest.approx(0.0)


def test_a_reading_of_another_version_is_refused(fitted: Fitted) -> None:
    with pytest.raises(OtherReading, match="version 'other'"):
        Predictor(fitted).predict(replace(read_prompt(LAW), version="other"))


def test_training_twice_gives_the_same_bytes(fitted: Fitted) -> None:
    outcomes = invented.outcomes()

    assert artefact.write(train(outcomes, read_prompts(outcomes.prompts))) == artefact.write(fitted)


def test_an_artefact_says_what_it_said_before_it_was_written(fitted: Fitted, saved: tuple[Path, str]) -> None:
    path, address = saved
    loaded = artefact.load(path, address)

    assert loaded.address == address and loaded.models == invented.MODELS
    assert loaded.predict(read_prompt(LAW)) == Predictor(fitted, address).predict(read_prompt(LAW))


def test_another_process_says_the_same(saved: tuple[Path, str]) -> None:
    code = (
        "import sys; from pathlib import Path; from routerapp.learning import artefact; from routerapp.learning.reading import read_prompt;"
        "print(artefact.load(Path(sys.argv[1])).predict(read_prompt(sys.argv[2])))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code, str(saved[0]), LAW],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert said == {f"{artefact.load(saved[0]).predict(read_prompt(LAW))}\n"}


def test_a_changed_artefact_is_refused(saved: tuple[Path, str], tmp_path: Path) -> None:
    content = bytearray(saved[0].read_bytes())
    content[-1] ^= 1
    changed = tmp_path / "changed.safetensors"
    changed.write_bytes(content)

    with pytest.raises(BadArtefact, match="sha256"):
        artefact.load(changed, saved[1])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda content: content[:-5], "lie within"),
        (lambda content: content[:4], "length"),
        (lambda content: b"\xff" * 200, "length"),
        (lambda content: content.replace(b'"level"', b'"lever"'), "lever"),
        (lambda content: content.replace(b'\\"format\\":\\"1\\"', b'\\"format\\":\\"9\\"'), "format '9'"),
        (lambda content: content.replace(b'\\"models\\":[\\"', b'\\"model_\\":[\\"'), "names"),
    ],
)
def test_a_file_that_is_no_artefact_is_refused(saved: tuple[Path, str], tmp_path: Path, change, word: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "bad.safetensors"
    path.write_bytes(change(saved[0].read_bytes()))

    with pytest.raises(BadArtefact, match=word):
        artefact.load(path)


def test_holds_no_word_of_a_prompt(saved: tuple[Path, str]) -> None:
    content = saved[0].read_bytes()

    assert b"statute" not in content and b"python" not in content
