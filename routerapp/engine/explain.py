"""Why not another candidate, and the smallest single change that would choose it: found and checked by decide() itself.

The order of preference: settings, then what the caller asked for, then measurements, last taking the present first out of service;
within one round, the smallest size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from routerapp.engine.counterfactual import (
    MAX_TRIALS,
    Found,
    OutOfTrials,
    Trials,
    chooses,
    smallest_change,
)
from routerapp.engine.levers.catalogue import catalogue_levers, removal_levers
from routerapp.engine.levers.lever import Lever
from routerapp.engine.levers.moment import key_levers, live_levers, request_levers
from routerapp.engine.levers.policy import policy_levers
from routerapp.engine.levers.remedies import can_help
from routerapp.engine.levers.visit import visits_of
from routerapp.engine.names import STRATEGY_PREFIX
from routerapp.engine.situation import Situation
from routerapp.engine.types import Decision
from routerapp.engine.verdicts import Verdict


class UnknownDeployment(LookupError):
    """The configuration of this decision has no such deployment."""


@dataclass(frozen=True, slots=True)
class WhyNot:
    """verdict: why it is out, or chosen, not_chosen, not_reached or rejected_by_rule. gap: score of the first minus its own."""

    verdict: Verdict
    detail: Mapping[str, Any] = field(default_factory=dict)
    gap: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """One edit. owner: people, caller or nobody. kind, subject, field, unit, rule, rule_name, name: see engine/levers/lever.py.

    step: of the number's grid; short: the value one step nearer to before, which does not choose the target. Both None for a switch.
    size: how large the change is; halving and doubling a number are 1 (docs/explain.md).
    """

    owner: str
    kind: str
    subject: str
    field: str
    before: Any
    after: Any
    step: int | float | None = None
    unit: str = ""
    rule: str = ""
    rule_name: str = ""
    name: str = ""
    short: Any = None
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """first: what is chosen now, None if nothing is. change None and is_complete: no one change of those looked at chooses the target.

    decisions: how many were made to find out. is_complete False: the bound was reached first, so a smaller change may exist.
    """

    target: str
    first: str | None
    why_not: WhyNot
    change: Change | None
    decisions: int
    is_complete: bool
    seed: int
    strategy: str = ""


def explain(
    situation: Situation, target: str, *, most: int = MAX_TRIALS, has_time: Callable[[], bool] | None = None
) -> Explanation:
    """Raises UnknownDeployment, and UnknownObservation where the decision itself cannot be made again.

    Choices by chance are made again with the situation's seed. At most `most` decisions, while has_time() holds.
    """
    if target not in situation.config.deployments:
        raise UnknownDeployment(target)
    situation = situation.set_apart()
    decision = situation.decide()
    first = decision.plan[0].deployment if decision.plan else None
    why_not = why_not_chosen(decision, target)
    if first == target:
        return Explanation(target, first, why_not, None, 1, True, situation.seed, decision.strategy)
    trials = Trials(decision, target, most, has_time)
    found: list[Found] = []
    is_complete = True
    try:
        for levers in rounds_of(situation, decision, target):
            smallest_change(_helpful(situation, levers, target, why_not), trials, found.append)
            if found:
                break
    except OutOfTrials:
        is_complete = False
    change = _change(found[-1]) if found else None
    count = trials.count + 1
    return Explanation(target, first, why_not, change, count, is_complete, situation.seed, decision.strategy)


def rounds_of(situation: Situation, decision: Decision, target: str) -> tuple[Iterator[Lever], ...]:
    """Everything that is looked at for this target, in rounds: a later one only if the one before has found nothing."""
    first = decision.plan[0].deployment if decision.plan else None
    return (
        _settings(situation, decision, target, first),
        request_levers(situation, target),
        live_levers(situation, target, first),
        removal_levers(situation, first),
    )


def _settings(situation: Situation, decision: Decision, target: str, first: str | None) -> Iterator[Lever]:
    yield from catalogue_levers(situation, target, first, decision.constraints)
    for visit in reversed(visits_of(situation, decision)):
        # A policy made up for a name has no document that anybody could edit.
        if not visit.policy.slug.startswith(STRATEGY_PREFIX):
            yield from policy_levers(visit, target, first)
    yield from key_levers(situation, target)


def _helpful(situation: Situation, levers: Iterator[Lever], target: str, why_not: WhyNot) -> Iterator[Lever]:
    """Those that are worth a try."""
    subjects = (target, situation.config.deployments[target].model)
    return (lever for lever in levers if can_help(lever, why_not.verdict, subjects))


def why_not_chosen(decision: Decision, target: str) -> WhyNot:
    if chooses(decision, target):
        return WhyNot(Verdict.CHOSEN)
    if decision.outcome == "rejected":
        return WhyNot(Verdict.REJECTED_BY_RULE, {"rule": decision.rule_name})
    own = next((one for one in decision.candidates if one.deployment == target), None)
    if own is None:
        return WhyNot(Verdict.NOT_REACHED, {"rule": decision.rule_name})
    if not own.eligible:
        return WhyNot(own.verdict, own.detail)
    first = next(one for one in decision.candidates if one.deployment == decision.plan[0].deployment)
    place = [one.deployment for one in decision.candidates].index(target) + 1
    detail: dict[str, Any] = {"first": first.deployment, "place": place}
    if own.score is None or first.score is None:
        return WhyNot(Verdict.NOT_CHOSEN, detail)
    return WhyNot(Verdict.NOT_CHOSEN, detail | {"score": own.score, "over": first.score}, first.score - own.score)


def _change(found: Found) -> Change:
    handle = found.handle
    return Change(
        handle.owner.name.lower(),
        handle.kind,
        handle.subject,
        handle.field,
        found.before,
        found.after,
        found.step,
        handle.unit,
        handle.rule,
        handle.rule_name,
        handle.name,
        found.short,
        found.size,
    )
