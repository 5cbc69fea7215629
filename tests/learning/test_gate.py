"""The default model answers unless another one is clearly better for a prompt like those of training."""

from __future__ import annotations

import pytest

from routerapp.engine.types import ModelPrediction, Predictions
from routerapp.learning.gate import Gated, margin_for, pass_gate


def predictions(better: float, familiarity: float = 1.0) -> Predictions:
    return Predictions(
        "", {"default": ModelPrediction(0.6), "other": ModelPrediction(0.6 + better)}, familiarity=familiarity
    )


@pytest.mark.parametrize(
    ("predicted", "wanted", "expected"),
    [
        (predictions(0.05), "other", Gated("other", "left_default", 0.05)),
        (predictions(0.02), "other", Gated("default", "below_margin", 0.02)),
        (predictions(0.3, familiarity=0.05), "other", Gated("default", "unfamiliar", 0.3)),
        (predictions(0.3), "default", Gated("default", "is_default")),
        (predictions(0.3), "absent", Gated("default", "not_predicted")),
        (None, "other", Gated("default", "not_predicted")),
    ],
)
def test_leaves_the_default_only_for_a_reason(predicted: Predictions | None, wanted: str, expected: Gated) -> None:
    assert pass_gate(predicted, wanted, "default", margin=0.02) == expected


def test_asks_for_more_where_less_was_graded() -> None:
    assert margin_for(300) == 0.02 > margin_for(5_000) == 0.01
