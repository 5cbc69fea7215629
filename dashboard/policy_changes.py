"""What differs between two policy documents: in words, rule by rule, and as lines of JSON.

Rules are matched by their id, so a rename or a move is not a removal and an addition. Reads documents, judges nothing.
"""

from __future__ import annotations

import difflib
import json
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dashboard.condition_words import Phrase, describe_condition
from dashboard.extra_words import EXTRA_NAMES, extra_words
from dashboard.use_words import describe_use, limit_words

MAX_DIFF_LINES = 6_000
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """kind: added, removed, moved or changed. place: where a person finds it. before, after: words, empty where there is nothing."""

    kind: str
    place: str
    what: str = ""
    before: str = ""
    after: str = ""
    rule_id: str = ""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """mark: + added, - removed, @ a gap, blank unchanged."""

    mark: str
    text: str


def changes_between(before: Document | None, after: Document) -> tuple[PolicyChange, ...]:
    """From before to after, rules first in their order, then default and settings. Without before everything is new."""
    old = before or {}
    found = [*_rule_changes(_by_id(old), _by_id(after))]
    if old.get("default") != after.get("default"):
        found += _part_changes("default", "Default", old.get("default"), after.get("default"))
    if (old.get("timezone") or None) != (after.get("timezone") or None):
        found += _value_changes("changed", "Time zone", "", old.get("timezone"), after.get("timezone"))
    found += _limit_changes("Policy constraints", "", old.get("constraints"), after.get("constraints"))
    known = {"rules", "default", "timezone", "constraints"}
    for name in sorted((old.keys() | after.keys()) - known):
        if name in EXTRA_NAMES:
            found += _extra_changes("Policy settings", name, old.get(name), after.get(name))
        elif old.get(name) != after.get(name) and before is not None:
            found += _value_changes("changed", name, "", old.get(name), after.get(name))
    return tuple(found)


def diff_lines(before: Document | None, after: Document, context: int = 3) -> list[DiffLine]:
    """Unified difference of the two documents as indented JSON."""
    old, new = (json.dumps(one or {}, indent=2, ensure_ascii=False).splitlines() for one in (before, after))
    if len(old) + len(new) > MAX_DIFF_LINES:
        return [DiffLine("@", f"{len(old):,} and {len(new):,} lines are too many to compare here; see the documents.")]
    lines = list(difflib.unified_diff(old, new, lineterm="", n=context))[2:]
    return [DiffLine("@", "") if line.startswith("@@") else DiffLine(line[0].strip(), line[1:]) for line in lines]


def _by_id(document: Document) -> dict[str, Mapping[str, Any]]:
    return {str(rule.get("id")): rule for rule in document.get("rules") or () if isinstance(rule, Mapping)}


def _rule_changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[PolicyChange]:
    moved = _moved([rule for rule in old if rule in new], [rule for rule in new if rule in old])
    for number, (rule_id, rule) in enumerate(new.items(), start=1):
        place = f"Rule {number} “{rule_name(rule)}”"
        if rule_id not in old:
            words = f"when {describe_condition(rule.get('when'))}: {describe_use(rule.get('use'))}"
            yield PolicyChange("added", place, after=words, rule_id=rule_id)
            continue
        if rule_id in moved:
            before = list(old).index(rule_id) + 1
            yield PolicyChange("moved", place, "place", f"place {before}", f"place {number}", rule_id)
        if rule != old[rule_id]:
            yield from _part_changes(rule_id, place, old[rule_id], rule)
    for rule_id, rule in old.items():
        if rule_id not in new:
            yield PolicyChange("removed", f"Rule “{rule_name(rule)}”", rule_id=rule_id)


def rule_name(rule: Mapping[str, Any]) -> str:
    return str(rule.get("name") or rule.get("id") or "")


def _moved(old: list[str], new: list[str]) -> set[str]:
    """The fewest ids that must move to turn one order into the other: those outside a longest increasing run."""
    position = {rule_id: place for place, rule_id in enumerate(old)}
    ends: list[int] = []
    tails: list[list[str]] = []
    for rule_id in new:
        place = bisect_left(ends, position[rule_id])
        run = [*(tails[place - 1] if place else []), rule_id]
        ends[place : place + 1] = [position[rule_id]]
        tails[place : place + 1] = [run]
    return set(new) - set(tails[-1] if tails else ())


def _part_changes(rule_id: str, place: str, old: Any, new: Any) -> Iterator[PolicyChange]:
    """Changes inside one rule, or inside the default's use."""
    before, after = old or {}, new or {}
    for name in sorted(before.keys() | after.keys(), key=("name", "enabled", "when", "use").__contains__, reverse=True):
        if before.get(name) == after.get(name):
            continue
        if name == "when":
            yield from _condition_changes(rule_id, place, before.get(name), after.get(name))
        elif name == "enabled":
            words = ("switched on", "switched off") if after.get(name, True) else ("switched off", "switched on")
            yield PolicyChange("changed", place, "", words[1], words[0], rule_id)
        else:
            label = "" if name == "use" else name
            for change in _value_changes("changed", place, label, before.get(name), after.get(name)):
                yield PolicyChange(change.kind, place, change.what, change.before, change.after, rule_id)


def _condition_changes(rule_id: str, place: str, old: Any, new: Any) -> Iterator[PolicyChange]:
    """Leaf by leaf when the two trees have the same shape, else as a whole."""
    pairs = list(_leaf_pairs(describe_condition(old), describe_condition(new)))
    if all(pairs):
        for pair in pairs:
            if pair and pair[0] != pair[1]:
                yield PolicyChange("changed", place, "condition", str(pair[0]), str(pair[1]), rule_id)
        return
    yield PolicyChange(
        "changed", place, "condition", str(describe_condition(old)), str(describe_condition(new)), rule_id
    )


def _leaf_pairs(old: Any, new: Any) -> Iterator[tuple[Phrase, Phrase] | None]:
    """Leaves of two described conditions side by side; a None where the shapes part."""
    if isinstance(old, Phrase) and isinstance(new, Phrase):
        yield old, new
    elif type(old) is not type(new) or old.kind != new.kind or len(old.parts) != len(new.parts):
        yield None
    else:
        for one, other in zip(old.parts, new.parts, strict=True):
            yield from _leaf_pairs(one, other)


def _value_changes(kind: str, place: str, label: str, old: Any, new: Any) -> Iterator[PolicyChange]:
    """Down to the values that differ; lists are compared whole."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for name in [*new, *(gone for gone in old if gone not in new)]:
            inner = f"{label} › {name}" if label else str(name)
            if name == "constraints":
                yield from _limit_changes(place, "limit", old.get(name), new.get(name))
            elif name in EXTRA_NAMES and not label:
                yield from _extra_changes(place, name, old.get(name), new.get(name))
            elif old.get(name) != new.get(name):
                yield from _value_changes(kind, place, inner, old.get(name), new.get(name))
        return
    yield PolicyChange(kind, place, label.replace("_", " "), _plain(old), _plain(new))


def _limit_changes(place: str, label: str, old: Any, new: Any) -> Iterator[PolicyChange]:
    """Constraints, limit by limit, as their chips say it."""
    before, after = old or {}, new or {}
    for name in [*after, *(gone for gone in before if gone not in after)]:
        if before.get(name) != after.get(name):
            words = [limit_words(name, one[name]) if name in one else "no limit" for one in (before, after)]
            yield PolicyChange("changed", place, label, *words)


def _extra_changes(place: str, name: str, old: Any, new: Any) -> Iterator[PolicyChange]:
    """One extra as its chip says it."""
    if old != new:
        before, after = (extra_words(name, one) or "not set" for one in (old, new))
        yield PolicyChange("changed", place, name, before, after)


def _plain(value: Any) -> str:
    if value is None:
        return "not set"
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "none"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
