"""`cascade`: cheap first; whoever's answer does not pass the checks hands over to the next, the last one is not asked whether it passes."""

from __future__ import annotations

from dataclasses import dataclass

from routerapp.engine.answer_checks import Check, read_checks
from routerapp.engine.section import Section
from routerapp.engine.strategies.cheapest import rank_cheapest
from routerapp.engine.strategies.ordered import rank_ordered
from routerapp.engine.strategies.ranking import Moment, Option, Ranking, StrategyKind, certain

ORDERS = ("cheapest", "written")
MOST_STEPS = 4


@dataclass(frozen=True, slots=True)
class Cascade:
    """order: of the estimated cost of this request, or as the pool is written. most_steps: how many may be asked for an answer."""

    accept_if: tuple[Check, ...]
    order: str = "cheapest"
    most_steps: int = 3


def rank_cascade(options: list[Option], parameters: Cascade, moment: Moment) -> Ranking:
    """Of several deployments of one model only the first is a step of the cascade: the same model would say the same again."""
    rank = rank_cheapest if parameters.order == "cheapest" else rank_ordered
    ranked = rank(options, None, moment).options
    models: set[str] = set()
    steps: list[Option] = []
    others: list[Option] = []
    for option in ranked:
        is_step = option.model.slug not in models and len(steps) < parameters.most_steps
        (steps if is_step else others).append(option)
        models.add(option.model.slug)
    documents = tuple(check.document for check in parameters.accept_if)
    return Ranking(certain([*steps, *others]), accept_if=documents, escalations=max(0, len(steps) - 1))


def _parse(section: Section) -> Cascade:
    section.require("accept_if")
    order = section.text("order", "cheapest") or "cheapest"
    if order not in ORDERS:
        section.refuse("order", "unknown_value", f"One of: {', '.join(ORDERS)}.")
    checks = read_checks(section, "accept_if") if section.has("accept_if") else ()
    return Cascade(checks, order, section.integer("most_steps", 3, 2, MOST_STEPS))


CASCADE = StrategyKind(("accept_if", "order", "most_steps"), _parse, rank_cascade)
