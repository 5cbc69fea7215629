"""`bandit`: Thompson sampling per task: of each model a draw from what is known of its success there; the highest is first.

Cold start: a model with too few graded answers for the task is not drawn for; all such models together get a small, even share. Where
all are cold, the catalogue's best takes the others' place: a bandit that starts from nothing is worse than picking one for thousands of
requests. Prompts marked critical are no place to try things: the highest mean is first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from routerapp.engine.beta import chances_of_highest, quantile
from routerapp.engine.bucketing import u
from routerapp.engine.critical import is_critical
from routerapp.engine.section import Section
from routerapp.engine.strategies.predicted import DIGITS, by_catalogue
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain
from routerapp.engine.types import TraceStep
from routerapp.engine.verdicts import Verdict

KEYS = ("explore_below_answers", "explore_share")
EXPLORE_BELOW_ANSWERS = 20
EXPLORE_SHARE = 0.05
ANY = "*"


@dataclass(frozen=True, slots=True)
class Bandit:
    explore_below_answers: int = EXPLORE_BELOW_ANSWERS
    explore_share: float = EXPLORE_SHARE


@dataclass(slots=True)
class _Arm:
    """One model: its cheapest place stands for it, the others follow. answers: graded ones that the parameters hold."""

    places: list[Option]
    shape: tuple[float, float] = (1.0, 1.0)
    answers: float = 0.0
    draw: float = 0.0
    chance: float = 0.0

    @property
    def model(self) -> str:
        return self.places[0].model.slug

    @property
    def mean(self) -> float:
        return self.shape[0] / (self.shape[0] + self.shape[1])


def rank_bandit(options: list[Option], parameters: Bandit, moment: Moment) -> Ranking:
    """The score of a place is its model's draw; probabilities by numeric quadrature over the same tables."""
    arms = _arms(options, moment)
    warm = [arm for arm in arms if arm.answers >= parameters.explore_below_answers]
    cold = [arm for arm in arms if arm.answers < parameters.explore_below_answers]
    is_safe = is_critical(moment.facts)
    share = 0.0 if is_safe or not cold else parameters.explore_share
    if not warm:
        best = by_catalogue([arm.places[0] for arm in cold])[0].model.slug
        warm = [arm for arm in cold if arm.model == best]
        cold = [arm for arm in cold if arm.model != best]
        share = share if cold else 0.0
    _draw(warm, moment, is_safe)
    for arm in warm:
        arm.chance *= 1.0 - share
    for arm in cold:
        arm.chance = share / len(cold)
    warm.sort(key=lambda arm: (-arm.draw, arm.model))
    cold.sort(key=lambda arm: (u(moment.seed, "bandit_cold", moment.rule_id, arm.model), arm.model))
    tries = share > 0.0 and u(moment.seed, "bandit_explore", moment.rule_id, "") < share
    ordered = [cold[0], *warm, *cold[1:]] if tries else [*warm, *cold]
    ranked = [place for arm in ordered for place in _described(arm)]
    if is_safe:
        for option in ranked:
            option.probability = 0.0
        return Ranking(certain(ranked), trace=(_step(ordered[0], parameters, moment, share),))
    return Ranking(ranked, "numeric", trace=(_step(ordered[0], parameters, moment, share),))


def _arms(options: list[Option], moment: Moment) -> list[_Arm]:
    by_model: dict[str, list[Option]] = {}
    for option in sorted(options, key=lambda one: (one.cost_nusd is None, one.cost_nusd or 0, one.slug)):
        by_model.setdefault(option.model.slug, []).append(option)
    known, task = moment.evidence.bandit, moment.features.task
    arms = []
    for model in sorted(by_model):
        arm = _Arm(by_model[model])
        shape = known.get(f"{task}|{model}") or known.get(f"{ANY}|{model}")
        if shape is not None:
            arm.shape = (max(1.0, float(shape[0])), max(1.0, float(shape[1])))
            arm.answers = arm.shape[0] + arm.shape[1] - 2.0
        arms.append(arm)
    return arms


def _draw(arms: list[_Arm], moment: Moment, is_safe: bool) -> None:
    if is_safe:
        for arm in arms:
            arm.draw = arm.mean
        return
    for arm in arms:
        arm.draw = quantile(arm.shape, u(moment.seed, "bandit", moment.rule_id, arm.model))
    for arm, chance in zip(arms, chances_of_highest(tuple(arm.shape for arm in arms)), strict=True):
        arm.chance = chance


def _described(arm: _Arm) -> list[Option]:
    for option in arm.places:
        option.score = round(arm.draw, DIGITS)
        option.detail = {"success": round(arm.mean, DIGITS), "answers": round(arm.answers, DIGITS)}
    arm.places[0].probability = arm.chance
    return arm.places


def _step(first: _Arm, parameters: Bandit, moment: Moment, share: float) -> TraceStep:
    because: dict[str, Any] = {
        "task": moment.features.task,
        "success": round(first.mean, DIGITS),
        "answers": round(first.answers, DIGITS),
    }
    slug = first.places[0].slug
    if first.answers < parameters.explore_below_answers:
        return TraceStep("strategy", slug, Verdict.BANDIT_COLD, {**because, "share": share})
    return TraceStep("strategy", slug, Verdict.THOMPSON_DRAW, {**because, "draw": round(first.draw, DIGITS)})


def _parse(section: Section) -> Bandit:
    answers = section.integer("explore_below_answers", EXPLORE_BELOW_ANSWERS, 0, 100_000)
    share = section.number("explore_share", EXPLORE_SHARE, 0, 0.5)
    return Bandit(answers, EXPLORE_SHARE if share is None else share)


BANDIT = StrategyKind(KEYS, _parse, rank_bandit)
