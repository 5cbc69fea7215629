"""Single models are believed less where a prompt is strange or of no clear kind; nothing changes for predictors from before."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from routerapp.learning import artefact
from routerapp.learning.predictor import Predictor
from routerapp.learning.reading import read_prompt
from routerapp.learning.trust import KEY, TRUST, Trust, trust_of
from tests.learned import POEM, SUM, small_artefact


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    path = tmp_path_factory.mktemp("trust") / "p.safetensors"
    path.write_bytes(small_artefact()[0])
    return artefact.load(path).fitted


def believing(fitted, trust: Trust) -> Predictor:
    return Predictor(replace(fitted, about={**fitted.about, KEY: asdict(trust)}))


def test_training_leaves_its_trust_and_an_older_predictor_believes_everything(fitted):
    assert trust_of(fitted.about) == TRUST
    assert trust_of({}) == Trust(1.0, 0.0, 0.0)


def test_it_falls_with_strangeness_and_with_an_unclear_kind_and_stays_from_0_to_1():
    trust = Trust(0.8, 2.0, 0.5)

    assert trust.of(1.0, 1.0) == 0.8
    assert trust.of(0.75, 1.0) == pytest.approx(0.4)
    assert trust.of(1.0, 0.25) == pytest.approx(0.4)
    assert trust.of(0.2, 1.0) == 0.0


@pytest.mark.parametrize("prompt", [SUM, POEM])
def test_what_sets_models_apart_shrinks_by_it_and_ease_does_not(fitted, prompt):
    reading = read_prompt(prompt)
    whole, half = (believing(fitted, Trust(share)).foresee(reading) for share in (1.0, 0.5))
    nothing = believing(fitted, Trust(0.0)).foresee(reading)

    assert half.ease == whole.ease
    inside = [0 < low < 1 and 0 < high < 1 for low, high in zip(whole.quality, nothing.quality, strict=True)]
    assert any(inside)
    assert (half.quality - nothing.quality)[inside] == pytest.approx(
        ((whole.quality - nothing.quality) / 2)[inside], abs=2e-4
    )


@pytest.mark.parametrize(
    "given",
    [{"share": 2, "by_familiarity": 0, "by_label": 0}, {"share": "x"}, {"other": 1}, 3, {"share": float("nan")}],
)
def test_an_artefact_with_another_trust_is_refused(fitted, given, tmp_path):
    path = tmp_path / "p.safetensors"
    path.write_bytes(artefact.write(replace(fitted, about={**fitted.about, KEY: given}))[0])

    with pytest.raises(artefact.BadArtefact, match="trust"):
        artefact.load(path)
