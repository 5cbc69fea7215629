"""What the policies on a decision's way say: their constraints, what they use, which rules are on, and the thresholds of conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from routerapp.engine.levers.conditions import threshold_levers
from routerapp.engine.levers.constraint import Holder, constraint_levers
from routerapp.engine.levers.edit import GONE, Path, written
from routerapp.engine.levers.lever import IN_FAVOUR, STATEMENT, Handle, Lever, Owner, Switch
from routerapp.engine.levers.strategy import strategy_levers
from routerapp.engine.levers.visit import Visit
from routerapp.engine.situation import Situation
from routerapp.engine.types import DeploymentFacts


def policy_levers(visit: Visit, target: str, first: str | None) -> Iterator[Lever]:
    """Innermost what was used, then around it, then which rule it was."""
    for depth, path in reversed(list(enumerate(visit.uses))):
        yield from _use(visit, path, target, first, is_innermost=depth == len(visit.uses) - 1)
    yield from _constraints(visit, ("constraints",), "", target, takes_new=False)
    yield from _rules(visit)
    yield from threshold_levers(visit)


def _use(visit: Visit, path: Path, target: str, first: str | None, *, is_innermost: bool) -> Iterator[Lever]:
    use = visit.at(path)
    if not isinstance(use, Mapping) or "reject" in use:
        return
    pool = visit.at((*path, "pool")) or visit.at((*visit.uses[0], "pool")) or []
    is_passed_on = len(pool) == 1 and str(pool[0]).startswith("policy:")
    takes_new = is_innermost and not is_passed_on
    yield from _constraints(visit, (*path, "constraints"), visit.rule, target, takes_new=takes_new)
    if is_passed_on:
        return
    facts = visit.situation.config.deployments[target]
    yield from strategy_levers(visit, path, facts, first)
    if is_innermost:
        yield from _pool(visit, path, list(pool), facts)
    if isinstance(use.get("sticky"), Mapping):
        handle = _handle(visit, "parameter", (*path, "sticky"))
        yield Switch(handle, True, False, lambda _: visit.with_value((*path, "sticky"), GONE), STATEMENT)


def _pool(visit: Visit, path: Path, pool: list[Any], facts: DeploymentFacts) -> Iterator[Lever]:
    """Written first, where the order decides; else as a further member, which is no change if it is one already."""
    own = f"deployment:{facts.slug}"
    strategy = visit.at((*path, "strategy", "kind")) or "ordered"
    after = [own, *(one for one in pool if one != own)] if strategy == "ordered" else [*pool, own]
    if own not in pool or strategy == "ordered":
        place = (*path, "pool")
        yield Switch(
            _handle(visit, "pool", place), tuple(pool), tuple(after), partial(visit.with_value, place), STATEMENT
        )


def _constraints(visit: Visit, path: Path, rule: str, target: str, *, takes_new: bool) -> Iterator[Lever]:
    document = visit.at(path)

    def apply(changed: Mapping[str, Any]) -> Situation:
        return visit.with_value(path, changed)

    holder = Holder(
        document if isinstance(document, Mapping) else {},
        apply,
        Owner.PEOPLE,
        visit.policy.slug,
        f"{written(path)}.",
        rule,
        visit.rule_name if rule else "",
        takes_new,
    )
    yield from constraint_levers(holder, visit.situation, target)


def _rules(visit: Visit) -> Iterator[Lever]:
    """A rule that is off and stands before the one that matched; and the one that matched."""
    rules = visit.policy.rules
    for place, rule in enumerate(rules if visit.matched is None else rules[: visit.matched]):
        if not rule.is_enabled:
            yield _rule_switch(visit, place, True, IN_FAVOUR)
    if visit.matched is not None:
        yield _rule_switch(visit, visit.matched, False, STATEMENT)


def _rule_switch(visit: Visit, place: int, after: bool, size: float) -> Switch:
    path = ("rules", place, "enabled")
    rule = visit.policy.rules[place]
    handle = Handle(Owner.PEOPLE, "rule", visit.policy.slug, written(path), rule=rule.id, rule_name=rule.name)
    return Switch(handle, not after, after, partial(visit.with_value, path), size)


def _handle(visit: Visit, kind: str, path: Path) -> Handle:
    return Handle(Owner.PEOPLE, kind, visit.policy.slug, written(path), rule=visit.rule, rule_name=visit.rule_name)
