"""What the strategies that read predictions share: when there are none to go by, what one says, and the order without any."""

from __future__ import annotations

from typing import Any

from routerapp.engine.constraints import covers
from routerapp.engine.references import Reference, parse_reference
from routerapp.engine.section import Section
from routerapp.engine.strategies.ranking import Option
from routerapp.engine.types import ModelPrediction, Predictions
from routerapp.engine.verdicts import Verdict

MIN_FAMILIARITY = 0.1
# normal quantile of a two-sided 95 % interval
Z = 1.959963984540054
DIGITS = 6


def why_unpredicted(predictions: Predictions | None, min_familiarity: float) -> Verdict | None:
    """Why nothing predicted may be gone by; None where it may."""
    if predictions is None or not predictions.models:
        return Verdict.NOT_PREDICTED
    return Verdict.UNFAMILIAR_PROMPT if predictions.familiarity < min_familiarity else None


def certainty_of(predictions: Predictions) -> float:
    """0 to 1: how clearly the prompt is of a kind known from training. What a gain is multiplied by before it is held against a margin."""
    return predictions.familiarity * max(predictions.tasks.values(), default=1.0)


def said_of(predictions: Predictions | None, options: list[Option]) -> dict[str, Any]:
    """What a trace tells of the predictions: of models only those that were eligible."""
    if predictions is None:
        return {}
    said: dict[str, Any] = {
        "predictor": predictions.predictor,
        "familiarity": predictions.familiarity,
        "difficulty": predictions.difficulty,
        "tasks": dict(predictions.tasks),
    }
    if predictions.cluster is not None:
        known = predictions.cluster_quality
        models = sorted({option.model.slug for option in options})
        said["cluster"] = predictions.cluster
        said["cluster_quality"] = {model: known[model] for model in models if model in known}
    return said


def detail_of(prediction: ModelPrediction) -> dict[str, Any]:
    """Predicted quality with its 95 % interval, within 0 to 1."""
    quality, half = prediction.quality, Z * prediction.sd
    low, high = quality - half, quality + half
    return {
        "predicted_quality": quality,
        "quality_low": round(low, DIGITS) if low > 0.0 else 0.0,
        "quality_high": round(high, DIGITS) if high < 1.0 else 1.0,
    }


def of_target(options: list[Option], target: Reference) -> list[Option]:
    """Those that a reference names, the cheapest first; unpriced ones last, ties by slug."""
    named = [option for option in options if covers(target, option.deployment)]
    return sorted(named, key=lambda one: (one.cost_nusd is None, one.cost_nusd or 0, one.slug))


def by_catalogue(options: list[Option]) -> list[Option]:
    """Best first by the catalogue's quality, then by cost, then by slug; what is unknown comes last."""
    return sorted(
        options,
        key=lambda one: (
            one.quality is None,
            -(one.quality or 0.0),
            one.cost_nusd is None,
            one.cost_nusd or 0,
            one.slug,
        ),
    )


def read_target(section: Section, key: str) -> Reference | None:
    """One reference to deployments, which is required; None where it is missing or wrong."""
    section.require(key)
    text = section.text(key)
    if text is None:
        return None
    reference = parse_reference(text)
    if reference is None or reference.kind in ("policy", "all"):
        section.refuse(key, "bad_reference", "Write deployment:<slug>, model:<slug>, provider:<slug> or tag:<tag>.")
        return None
    return reference
