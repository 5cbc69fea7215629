"""The shipped prior: whole, without a word of anybody's prompt, and a predictor for whatever catalogue has tiers."""

import json

import numpy as np
import pytest

from routerapp.learning import artefact
from routerapp.learning.outcomes import Outcomes
from routerapp.learning.predictor import Predictor
from routerapp.learning.prior import FILE, TIERS, UnknownTier, load_prior, spread, tier_outcomes, tiers_by_price
from routerapp.learning.reading import read_prompt

HARD = "Prove that the product of two coprime perfect numbers is never a perfect square, and give the number of its divisors."


@pytest.fixture(scope="module")
def prior() -> Predictor:
    return load_prior()


def test_it_is_the_file_that_was_shipped_and_small(prior: Predictor) -> None:
    assert prior.models == TIERS
    assert FILE.stat().st_size < 4_000_000


def test_its_header_holds_names_and_numbers_and_nothing_as_long_as_a_prompt(prior: Predictor) -> None:
    words = [*prior.fitted.labels, json.dumps(dict(prior.fitted.about)["reading"])]

    assert max(len(word) for word in words) < 60
    assert all("\n" not in word and len(word.split()) < 6 for word in words)


def test_spread_over_a_catalogue_a_model_is_worth_what_its_tier_is(prior: Predictor) -> None:
    tiers = {"big": "strong", "bigger": "strong", "small": "weak"}
    spread_out = Predictor(spread(prior.fitted, tiers))
    reading = read_prompt(HARD)
    of_tiers, said = prior.predict(reading), spread_out.predict(reading)

    assert said.models["big"].quality == said.models["bigger"].quality == of_tiers.models["strong"].quality
    assert said.models["small"].quality == of_tiers.models["weak"].quality < said.models["big"].quality
    assert said.models["big"].sd >= of_tiers.models["strong"].sd
    assert (said.cluster, said.tasks) == (of_tiers.cluster, of_tiers.tasks)


def test_what_was_spread_is_an_artefact_like_any_other(prior: Predictor, tmp_path) -> None:
    content, address = artefact.write(spread(prior.fitted, {"a": "weak", "b": "strong"}))
    (tmp_path / "p.safetensors").write_bytes(content)

    assert artefact.load(tmp_path / "p.safetensors", address).models == ("a", "b")


def test_refuses_what_is_no_tier(prior: Predictor) -> None:
    with pytest.raises(UnknownTier, match=r"a: 'huge' is no tier\. One of: weak, middle, strong"):
        spread(prior.fitted, {"a": "huge"})
    with pytest.raises(ValueError, match="No model has a tier"):
        spread(prior.fitted, {})


@pytest.mark.parametrize(
    ("prices", "tiers"),
    [
        ({"a": 1, "b": 5, "c": 9}, {"a": "weak", "b": "middle", "c": "strong"}),
        ({"a": 1, "b": 9}, {"a": "weak", "b": "strong"}),
        ({"a": 7}, {"a": "strong"}),
        ({"a": None, "b": 2, "c": 3}, {"a": "middle", "b": "weak", "c": "strong"}),
    ],
)
def test_prices_give_a_first_guess(prices: dict[str, int | None], tiers: dict[str, str]) -> None:
    assert tiers_by_price(prices) == tiers


def test_tiers_are_thirds_of_each_set_by_mean_quality() -> None:
    quality = np.array([[0.0, 1.0, 0.5, 1.0], [0.0, 1.0, 0.5, 0.0]])
    labels = ("p", "q")
    outcomes = Outcomes(
        labels,
        labels,
        labels,
        labels,
        labels,
        labels,
        ("worst", "best", "half", "half2"),
        quality,
        quality,
        quality,
        quality,
    )

    found = tier_outcomes([outcomes])

    assert found.quality.tolist() == [[0.25, 1.0, 1.0], [0.25, 0.0, 1.0]]
    assert np.isnan(found.cost_usd).all()
