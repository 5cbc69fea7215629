"""Why not another, where predictions decided: the number that held it is named."""

from __future__ import annotations

from routerapp.engine.types import Inputs, ModelPrediction, Predictions, RequestFacts
from tests.engine.situations import config_of, deployment, inputs_of, model, strategy
from tests.explain.test_explain import asked, told


def predicted_of(**qualities: float) -> Inputs:
    models = {slug: ModelPrediction(quality, 0.02, 300.0) for slug, quality in qualities.items()}
    return Inputs(inputs_of().features, RequestFacts(), predictions=Predictions("5b1e", models))


def test_a_gate_that_held_is_explained_by_its_margin():
    policy = strategy("learned", default="model:a", margin=0.1)
    config = config_of({"a": deployment("a"), "b": deployment("b")}, {"a": model(), "b": model()})
    found = asked(policy, config, "b", inputs=predicted_of(a=0.8, b=0.85))

    assert told(found) == ("parameter", "test", "default.strategy.margin", 0.1, 0.049)


def test_the_threshold_that_would_choose_the_weak_model_is_named():
    policy = strategy("threshold", strong="model:a", weak="model:b", threshold=0.8)
    config = config_of({"a": deployment("a"), "b": deployment("b")}, {"a": model(), "b": model()})
    found = asked(policy, config, "b", inputs=predicted_of(a=0.9, b=0.75))

    assert told(found) == ("parameter", "test", "default.strategy.threshold", 0.8, 0.75)
