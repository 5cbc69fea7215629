"""Do no harm: the default model answers unless another one is clearly expected to do better, and the prompt is like those of training."""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.engine.types import Predictions

WIDE_MARGIN = 0.02
NARROW_MARGIN = 0.01
MANY_PROMPTS = 2_000
LEAST_FAMILIARITY = 0.1


@dataclass(frozen=True, slots=True)
class Gated:
    """model: who answers. why: left_default, below_margin, unfamiliar, not_predicted or is_default; gain: over the default, in quality."""

    model: str
    why: str
    gain: float = 0.0


def margin_for(prompts: int) -> float:
    """The gain in predicted quality below which the default stays: 0.02 with under 2,000 graded prompts, 0.01 from there on."""
    return WIDE_MARGIN if prompts < MANY_PROMPTS else NARROW_MARGIN


def pass_gate(
    predictions: Predictions | None, wanted: str, default: str, margin: float, least: float = LEAST_FAMILIARITY
) -> Gated:
    """Whether `wanted` may take the place of `default` for this prompt; margin and least are of quality and familiarity, 0 to 1.

    An unfamiliar prompt, an empty one (familiarity 0) and one without predictions of both models get the default.
    """
    if wanted == default:
        return Gated(default, "is_default")
    if predictions is None or wanted not in predictions.models or default not in predictions.models:
        return Gated(default, "not_predicted")
    gain = round(predictions.models[wanted].quality - predictions.models[default].quality, 4)
    if predictions.familiarity < least:
        return Gated(default, "unfamiliar", gain)
    if gain <= margin:
        return Gated(default, "below_margin", gain)
    return Gated(wanted, "left_default", gain)
