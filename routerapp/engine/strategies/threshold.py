"""`threshold`: the weak model where it is predicted to be good enough, else the strong one (RouteLLM, Ong et al. 2024, section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routerapp.engine.references import Reference
from routerapp.engine.section import Section
from routerapp.engine.strategies.predicted import (
    DIGITS,
    MIN_FAMILIARITY,
    by_catalogue,
    detail_of,
    of_target,
    read_target,
    said_of,
    why_unpredicted,
)
from routerapp.engine.strategies.preset import MAX_SHARE_DEAR, Target, read_solved, read_target_of_preset
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.types import Predictions, TraceStep
from routerapp.engine.verdicts import Verdict

KEYS = ("strong", "weak", "threshold", "on", "min_familiarity", "target", "solved")
THRESHOLD = 0.7
ON = ("weak", "relative")


@dataclass(frozen=True, slots=True)
class Threshold:
    """on: weak compares the weak model's predicted quality, relative the share it reaches of the strong one's."""

    strong: Reference
    weak: Reference
    threshold: float = THRESHOLD
    on: str = ON[0]
    min_familiarity: float = MIN_FAMILIARITY
    target: Target | None = None

    def named(self) -> dict[str, Reference]:
        return {"strong": self.strong, "weak": self.weak}


def rank_threshold(options: list[Option], parameters: Threshold, moment: Moment) -> Ranking:
    """Both are eligible: one, then the other. One is not: the other. Without predictions: the strong one."""
    strong, weak = of_target(options, parameters.strong), of_target(options, parameters.weak)
    predictions = moment.predictions
    for option in options:
        if predictions is not None and (found := predictions.models.get(option.model.slug)) is not None:
            option.detail = detail_of(found)
    verdict, because = _judged(strong, weak, parameters, predictions)
    is_weak = verdict is Verdict.WEAK_GOOD_ENOUGH
    order = [*weak, *strong] if is_weak else [*strong, *weak]
    taken = {option.slug for option in order}
    ranked = list(dict.fromkeys(option.slug for option in order))
    by_slug = {option.slug: option for option in options}
    rest = by_catalogue([option for option in options if option.slug not in taken])
    final = [*(by_slug[slug] for slug in ranked), *rest]
    step = TraceStep("strategy", final[0].slug, verdict, because | said_of(predictions, options))
    return Ranking(certain(final), trace=(step,))


def _judged(
    strong: list[Option], weak: list[Option], parameters: Threshold, predictions: Predictions | None
) -> tuple[Verdict, dict[str, Any]]:
    because: dict[str, Any] = {"threshold": parameters.threshold, "on": parameters.on}
    unpredicted = why_unpredicted(predictions, parameters.min_familiarity)
    if predictions is None or unpredicted is not None:
        return unpredicted or Verdict.NOT_PREDICTED, because
    chance = _chance(strong, weak, parameters.on, predictions)
    if chance is None:
        return Verdict.NOT_PREDICTED, because
    because["predicted"] = chance
    is_enough = chance >= parameters.threshold
    return Verdict.WEAK_GOOD_ENOUGH if is_enough else Verdict.WEAK_NOT_GOOD_ENOUGH, because


def _chance(strong: list[Option], weak: list[Option], on: str, predictions: Predictions) -> float | None:
    """What is held against the threshold, None where a prediction of one that is eligible is missing."""
    low = predictions.models.get(weak[0].model.slug) if weak else None
    if low is None:
        return None
    if on == "weak":
        return low.quality
    high = predictions.models.get(strong[0].model.slug) if strong else None
    if high is None:
        return None
    return 1.0 if high.quality <= low.quality else round(low.quality / high.quality, DIGITS)


def _parse(section: Section) -> Threshold | None:
    strong, weak = read_target(section, "strong"), read_target(section, "weak")
    if strong is not None and strong == weak:
        section.refuse("weak", "duplicate_id", "The weak one must be another than the strong one.")
    least = section.number("threshold", THRESHOLD, 0, 1)
    on = section.text("on", ON[0]) or ON[0]
    if on not in ON:
        section.refuse("on", "unknown_value", f"One of: {', '.join(ON)}.")
    familiarity = section.number("min_familiarity", MIN_FAMILIARITY, 0, 1)
    target = read_target_of_preset(section, (MAX_SHARE_DEAR,))
    solved = read_solved(section, "threshold", 2)
    if strong is None or weak is None or least is None or familiarity is None:
        return None
    return Threshold(strong, weak, least if solved is None else solved, on, familiarity, target)


THRESHOLD_KIND = StrategyKind(KEYS, _parse, rank_threshold)
