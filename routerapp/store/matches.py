"""How many of the newest recorded requests a condition or a policy's rules would match, by the engine that serves them.

Three-valued: where an answer hangs on content that was not kept, the request counts as unknown, never as a miss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from routerapp.engine.conditions import Condition, content_leaves, parse_condition
from routerapp.engine.problems import PolicyError, Problem
from routerapp.engine.readings import add_clock
from routerapp.store.recorded import NEWEST, RecordedRequest, recorded_window

EXAMPLES = 5
Observed = Mapping[str, Mapping[str, bool]]


@dataclass(frozen=True, slots=True)
class MatchCount:
    """matched + unknown + those that do not match = total. example_ids: the newest that match."""

    matched: int
    unknown: int
    total: int
    example_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RuleHits:
    """matched: requests this rule would decide for sure. unknown: those it may decide, depending on content that was not kept."""

    rule_id: str
    matched: int
    unknown: int


@dataclass(frozen=True, slots=True)
class PolicyHits:
    """rules in the document's order, disabled ones included with zero; default: what no rule takes."""

    rules: tuple[RuleHits, ...]
    default: RuleHits
    total: int


def count_matches(document: Any, timezone: str = "UTC", limit: int = NEWEST) -> MatchCount:
    """Counts one condition over the newest `limit` recorded requests. Raises PolicyError when the condition cannot be read."""
    condition = parse_condition(document)
    zone = _zone(timezone)
    requests, observed = _requests([condition], limit)
    matched, unknown = 0, 0
    examples: list[str] = []
    for one in requests:
        truth = _truth(condition, one, observed, zone)
        if truth:
            matched += 1
            if len(examples) < EXAMPLES:
                examples.append(one.id)
        elif truth is None:
            unknown += 1
    return MatchCount(matched, unknown, len(requests), tuple(examples))


def count_rule_hits(document: Mapping[str, Any], limit: int = NEWEST) -> PolicyHits:
    """Which rule would take each of the newest `limit` recorded requests. Raises PolicyError when a condition cannot be read."""
    zone = _zone(str(document.get("timezone") or "UTC"))
    rules = [(str(rule.get("id", index)), _condition(rule, index)) for index, rule in enumerate(document["rules"])]
    requests, observed = _requests([condition for _, condition in rules if isinstance(condition, Condition)], limit)
    matched, unknown = dict.fromkeys((rule_id for rule_id, _ in rules), 0), dict.fromkeys((i for i, _ in rules), 0)
    default_matched, default_unknown = 0, 0
    for one in requests:
        is_certain, is_taken = True, False
        for rule_id, condition in rules:
            truth = _truth(condition, one, observed, zone) if isinstance(condition, Condition) else condition
            if truth is False:
                continue
            is_certain = is_certain and truth is True
            (matched if is_certain else unknown)[rule_id] += 1
            if truth:
                is_taken = True
                break
        if not is_taken:
            default_matched += is_certain
            default_unknown += not is_certain
    hits = tuple(RuleHits(rule_id, matched[rule_id], unknown[rule_id]) for rule_id, _ in rules)
    return PolicyHits(hits, RuleHits("default", default_matched, default_unknown), len(requests))


def _condition(rule: Mapping[str, Any], index: int) -> Condition | bool:
    """The rule's condition, or its constant answer: a disabled rule takes nothing, one without a condition everything."""
    if not rule.get("enabled", True):
        return False
    when = rule.get("when")
    return True if when is None else parse_condition(when, f"rules[{index}].when")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise PolicyError((Problem("timezone", "unknown_value", f"{name!r} is no time zone."),)) from None


def _requests(conditions: Sequence[Condition], limit: int) -> tuple[tuple[RecordedRequest, ...], Observed]:
    """The requests, and for those whose body says more than their observations, what it says."""
    window = recorded_window()
    requests = window.newest(limit)
    leaves = [leaf for condition in conditions for leaf in content_leaves(condition)]
    return requests, window.observe(requests, leaves) if leaves else {}


def _truth(condition: Condition, one: RecordedRequest, observed: Observed, zone: ZoneInfo) -> bool | None:
    readings = one.readings
    if condition.uses_clock:
        readings = dict(readings)
        add_clock(readings, one.at_ms, zone)
    return condition.test(readings, observed.get(one.id, one.inputs.observations))
