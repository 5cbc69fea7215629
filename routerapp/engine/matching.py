"""The first rule that matches, with a trace of those that did not; and the same question asked offline, where it may have no answer."""

from __future__ import annotations

from collections.abc import Mapping

from routerapp.engine.policy import Policy, Rule
from routerapp.engine.readings import Readings, add_clock, read_inputs
from routerapp.engine.types import Inputs, TraceStep
from routerapp.engine.verdicts import Verdict

_DEFAULT_USED = TraceStep("rule", "default", Verdict.DEFAULT_USED)


class UnknownObservation(Exception):
    """A rule asks about content that was neither kept nor observed, so the decision cannot be made again."""

    def __init__(self, rule_id: str, leaf_ids: tuple[str, ...]) -> None:
        super().__init__(f"Rule {rule_id} asks about content that was not kept.")
        self.rule_id = rule_id
        self.leaf_ids = leaf_ids


def readings_for(policy: Policy, inputs: Inputs, now_ms: int) -> Readings:
    readings = read_inputs(inputs)
    if policy.uses_clock:
        add_clock(readings, now_ms, policy.timezone)
    return readings


def first_match(policy: Policy, readings: Readings, observations: Mapping[str, bool], trace: list[TraceStep]) -> Rule:
    """The first enabled rule that matches, else the default; adds one step per rule looked at. Raises UnknownObservation."""
    for stretch in policy.stretches:
        missed = stretch.missed
        places = stretch.everywhere if stretch.field is None else stretch.by_value.get(readings.get(stretch.field), ())
        passed = 0
        for place in places:
            if missed:
                trace.extend(missed[passed:place])
                passed = place + 1
            rule = stretch.rules[place]
            if _matches(rule, readings, observations, trace):
                return rule
        trace.extend(missed[passed:])
    trace.append(_DEFAULT_USED)
    return policy.default


def _matches(rule: Rule, readings: Readings, observations: Mapping[str, bool], trace: list[TraceStep]) -> bool:
    is_unknown = False
    for test, missed in rule.checks:
        truth = test(readings, observations)
        if truth is None:
            is_unknown = True
        elif not truth:
            trace.append(missed)
            return False
    if is_unknown:
        raise _unknown(rule, observations)
    trace.append(rule.matched)
    return True


def evaluate_policy_match(policy: Policy, inputs: Inputs, now_ms: int) -> tuple[str | None, bool]:
    """(rule id, False) of the first match, (None, False) for the default, (rule id, True) where that rule cannot be told."""
    readings = readings_for(policy, inputs, now_ms)
    try:
        rule = first_match(policy, readings, inputs.observations, [])
    except UnknownObservation as unknown:
        return unknown.rule_id, True
    return (None if rule is policy.default else rule.id), False


def _unknown(rule: Rule, observations: Mapping[str, bool]) -> UnknownObservation:
    leaves = rule.when.leaves if rule.when else ()
    return UnknownObservation(rule.id, tuple(leaf.leaf_id for leaf in leaves if leaf.leaf_id not in observations))
