"""`learned`: the highest predicted quality less λ times the cost of this request, behind a gate that does no harm.

Each model is held against the default alone, never against the others, so that removing one that loses changes no winner.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Any

from routerapp.engine.cost_quality import lambda_of
from routerapp.engine.money import NUSD_PER_USD
from routerapp.engine.references import Reference
from routerapp.engine.section import Section
from routerapp.engine.strategies.predicted import (
    DIGITS,
    MIN_FAMILIARITY,
    by_catalogue,
    certainty_of,
    detail_of,
    of_target,
    read_target,
    said_of,
    why_unpredicted,
)
from routerapp.engine.strategies.preset import ALLOWED, Target, read_solved, read_target_of_preset
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.types import ModelPrediction, Predictions, TraceStep
from routerapp.engine.verdicts import Verdict

KEYS = (
    "default",
    "cost_quality",
    "margin",
    "max_loss",
    "min_familiarity",
    "cautious",
    "target",
    "solved",
)
COST_QUALITY = 0.0
MARGIN = 0.03
MAX_LOSS = 0.05
MOST_LAMBDA = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Learned:
    """lambda_per_usd: quality that one USD of a request outweighs. margin, max_loss: in quality, 0 to 1."""

    default: Reference
    lambda_per_usd: float = 0.0
    margin: float = MARGIN
    max_loss: float = MAX_LOSS
    min_familiarity: float = MIN_FAMILIARITY
    is_cautious: bool = False
    target: Target | None = None

    def named(self) -> dict[str, Reference]:
        return {"default": self.default}


def rank_learned(options: list[Option], parameters: Learned, moment: Moment) -> Ranking:
    """Score = predicted quality − λ · cost; terms sum to it. First is the best of those that pass the gate, else the default."""
    predictions = moment.predictions
    defaults = of_target(options, parameters.default)
    default = defaults[0] if defaults else None
    unpredicted = why_unpredicted(predictions, parameters.min_familiarity)
    if predictions is None or unpredicted is not None:
        return _unpredicted(options, default, parameters, moment, unpredicted or Verdict.NOT_PREDICTED)
    known = predictions.models
    unscored = [one for one in options if not _score(one, known.get(one.model.slug), parameters.lambda_per_usd)]
    scored = [one for one in options if one.score is not None] if unscored else options
    scored = sorted(scored, key=_place)
    if default is None or default.score is None:
        for one in scored:
            one.detail = detail_of(known[one.model.slug])
        return _without_default(scored, by_catalogue(unscored), default, parameters, moment)
    first = _hold(scored, default, predictions, parameters)
    step = _gate_step(first, default, scored, parameters, predictions, options)
    rest = [one for one in scored if one is not first]
    return Ranking(certain([first, *rest, *by_catalogue(unscored)]), trace=(step,))


def _score(option: Option, prediction: ModelPrediction | None, lambda_per_usd: float) -> bool:
    """Whether it has one. Without a prediction, or without a price where cost counts, it has none: unpriced is not free."""
    if prediction is None:
        option.detail = {"unknown": ["prediction"]}
        return False
    cost, quality = option.cost_nusd, prediction.quality
    if not lambda_per_usd:
        option.terms, option.score = {"quality": quality}, quality
        return True
    if cost is None:
        option.detail = {**detail_of(prediction), "unknown": ["cost"]}
        return False
    # Not minus zero, which has bytes of its own.
    spent = 0.0 - lambda_per_usd * (cost / NUSD_PER_USD)
    option.terms, option.score = {"quality": quality, "cost": spent}, quality + spent
    return True


def _place(option: Option) -> tuple[Any, ...]:
    return (-(option.score or 0.0), option.cost_nusd is None, option.cost_nusd or 0, option.slug)


def _hold(scored: list[Option], default: Option, predictions: Predictions, parameters: Learned) -> Option:
    """Each against the default, with what came of it as its detail; the best of those that pass, else the default."""
    first: Option | None = None
    known, certainty = predictions.models, certainty_of(predictions)
    other, least = known[default.model.slug], default.score or 0.0
    for one in scored:
        mine = known[one.model.slug]
        detail = one.detail = detail_of(mine)
        if one is default:
            continue
        gain = (one.score or 0.0) - least
        detail["gain"] = round(gain, DIGITS)
        is_same_model = one.model.slug == default.model.slug
        why = _why_held(gain if is_same_model else gain * certainty, is_same_model, mine, other, parameters)
        if why is not None:
            detail["held_by"] = why
        elif first is None:
            first = one
    return default if first is None else first


def _why_held(
    gain: float, is_same_model: bool, mine: ModelPrediction, other: ModelPrediction, parameters: Learned
) -> str | None:
    """What keeps the gate shut for this one, None where it may take the default's place. gain: times the prompt's certainty.

    Another place that serves the default's own model can do no harm: any gain will do.
    """
    if gain <= (0.0 if is_same_model else parameters.margin):
        return "margin"
    if other.quality - mine.quality > parameters.max_loss:
        return "max_loss"
    if parameters.is_cautious and not is_same_model and gain <= hypot(mine.sd, other.sd):
        return "standard_error"
    return None


def _gate_step(
    first: Option,
    default: Option,
    scored: list[Option],
    parameters: Learned,
    predictions: Predictions,
    options: list[Option],
) -> TraceStep:
    """What the gate did: opened, held one that scored higher, or had nothing to hold."""
    best = scored[0]
    because: dict[str, Any] = {
        "default": default.slug,
        "best": best.slug,
        "gain": round((best.score or 0.0) - (default.score or 0.0), DIGITS),
        "margin": parameters.margin,
        "certainty": round(certainty_of(predictions), DIGITS),
        "lambda_per_usd": parameters.lambda_per_usd,
    }
    if first is not default:
        verdict = Verdict.GATE_OPENED
        because["gain"] = first.detail["gain"]
    elif best is default:
        verdict = Verdict.DEFAULT_IS_BEST
    else:
        verdict = Verdict.GATE_HELD
        because["held_by"] = best.detail["held_by"]
    return TraceStep("strategy", first.slug, verdict, because | said_of(predictions, options))


def _unpredicted(
    options: list[Option], default: Option | None, parameters: Learned, moment: Moment, verdict: Verdict
) -> Ranking:
    """The default, then the rest as the catalogue rates them."""
    rest = by_catalogue([one for one in options if one is not default])
    ranked = rest if default is None else [default, *rest]
    because = {"default": str(parameters.default), "is_default_eligible": default is not None}
    if verdict is Verdict.UNFAMILIAR_PROMPT:
        because["min_familiarity"] = parameters.min_familiarity
    step = TraceStep("strategy", ranked[0].slug, verdict, because | said_of(moment.predictions, options))
    return Ranking(certain(ranked), trace=(step,))


def _without_default(
    scored: list[Option], unscored: list[Option], default: Option | None, parameters: Learned, moment: Moment
) -> Ranking:
    """Where the default is out of reach the best score is first; where it has no score nothing can be held against it, and it stays."""
    said = said_of(moment.predictions, [*scored, *unscored])
    if default is None:
        ranked = [*scored, *unscored]
        because: dict[str, Any] = {"default": str(parameters.default), "lambda_per_usd": parameters.lambda_per_usd}
        step = TraceStep("strategy", ranked[0].slug, Verdict.DEFAULT_NOT_ELIGIBLE, because | said)
        return Ranking(certain(ranked), trace=(step,))
    because = {"default": str(parameters.default), "is_default_eligible": True, **default.detail}
    step = TraceStep("strategy", default.slug, Verdict.NOT_PREDICTED, because | said)
    rest = [one for one in [*scored, *unscored] if one is not default]
    return Ranking(certain([default, *rest]), trace=(step,))


def _parse(section: Section) -> Learned | None:
    default = read_target(section, "default")
    knob = section.number("cost_quality", COST_QUALITY, 0, 1)
    margin = section.number("margin", MARGIN, 0, 1)
    max_loss = section.number("max_loss", MAX_LOSS, 0, 1)
    familiarity = section.number("min_familiarity", MIN_FAMILIARITY, 0, 1)
    is_cautious = section.flag("cautious", False)
    target = read_target_of_preset(section, tuple(ALLOWED))
    solved = read_solved(section, "lambda", MOST_LAMBDA)
    if default is None or knob is None or margin is None or max_loss is None or familiarity is None:
        return None
    found = lambda_of(knob) if solved is None else solved
    return Learned(default, found, margin, max_loss, familiarity, is_cautious, target)


LEARNED = StrategyKind(KEYS, _parse, rank_learned)
