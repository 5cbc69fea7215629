"""The editor's moves on a policy document: each takes a document and returns a new one, the old one untouched.

Pure and without validation of meaning: saving the result is what the engine judges (publish_policy.save_draft).
"""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping
from typing import Any

from routerapp.engine.extras import POLICY_EXTRA_KEYS
from routerapp.serving.refusals import Missing, invalid

Document = Mapping[str, Any]


def add_rule(document: Document, rule: Mapping[str, Any], *, position: int | None = None) -> dict[str, Any]:
    """Insert a rule, at the end unless told; it gets an id of its own that it keeps for ever."""
    edited = _copy(document)
    taken = {existing["id"] for existing in edited["rules"]}
    fresh = {**copy.deepcopy(dict(rule)), "id": new_rule_id(taken)}
    edited["rules"].insert(len(edited["rules"]) if position is None else position, fresh)
    return edited


def replace_rule(document: Document, rule_id: str, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Everything of the rule but its id and its place."""
    edited = _copy(document)
    edited["rules"][_place(edited, rule_id)] = {**copy.deepcopy(dict(rule)), "id": rule_id}
    return edited


def move_rule(document: Document, rule_id: str, direction: str) -> dict[str, Any]:
    """One place up or down; at the end of the list nothing changes."""
    if direction not in ("up", "down"):
        raise invalid("direction", "unknown_direction", "A rule moves up or down.")
    edited = _copy(document)
    place = _place(edited, rule_id)
    target = min(max(place + (-1 if direction == "up" else 1), 0), len(edited["rules"]) - 1)
    edited["rules"].insert(target, edited["rules"].pop(place))
    return edited


def toggle_rule(document: Document, rule_id: str) -> dict[str, Any]:
    """Switch the rule off, or on again."""
    edited = _copy(document)
    rule = edited["rules"][_place(edited, rule_id)]
    rule["enabled"] = not rule.get("enabled", True)
    return edited


def remove_rule(document: Document, rule_id: str) -> dict[str, Any]:
    edited = _copy(document)
    del edited["rules"][_place(edited, rule_id)]
    return edited


def set_default(document: Document, use: Mapping[str, Any]) -> dict[str, Any]:
    """What happens to prompts no rule matches."""
    return {**_copy(document), "default": copy.deepcopy(dict(use))}


def set_constraints(document: Document, constraints: Mapping[str, Any]) -> dict[str, Any]:
    return {**_copy(document), "constraints": copy.deepcopy(dict(constraints))}


def set_extras(document: Document, extras: Mapping[str, Any]) -> dict[str, Any]:
    """Cache, unsupported and content of the whole policy: these and no others, before the rules."""
    edited = _copy(document)
    for name in (*POLICY_EXTRA_KEYS, "content"):
        edited.pop(name, None)
    rest: dict[str, Any] = {name: edited.pop(name) for name in ("rules", "default") if name in edited}
    return {**edited, **copy.deepcopy(dict(extras)), **rest}


def set_timezone(document: Document, timezone: str) -> dict[str, Any]:
    return {**_copy(document), "timezone": timezone}


def new_rule_id(taken: set[str]) -> str:
    """Short, random, and not among those taken: an id is never reused for another rule, so it is not counted up."""
    while (rule_id := f"r-{secrets.token_hex(4)}") in taken:
        continue
    return rule_id


def _copy(document: Document) -> dict[str, Any]:
    edited = copy.deepcopy(dict(document))
    edited.setdefault("rules", [])
    return edited


def _place(document: Document, rule_id: str) -> int:
    for place, rule in enumerate(document["rules"]):
        if rule["id"] == rule_id:
            return place
    raise Missing("rule", rule_id)
