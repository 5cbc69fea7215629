"""Where a change belongs, in words: the rule and policy, the API key or the request that holds a limit or a parameter."""

from __future__ import annotations

from routerapp.engine.explain import Change

IN_POLICY = ("parameter", "pool", "condition", "rule")


def is_in_policy(change: Change) -> bool:
    """Whether its subject is a policy: constraints may also be an API key's or the request's."""
    return change.kind in IN_POLICY or (change.kind == "constraint" and "constraints." in change.field)


def place_words(change: Change) -> str:
    if not is_in_policy(change):
        return "the request's own constraints" if change.owner == "caller" else f"the API key {change.subject}"
    if not change.rule:
        return f"the policy {change.subject}"
    if change.rule == "default":
        return f"the default of {change.subject}"
    return f"the rule “{change.rule_name or change.rule}” of {change.subject}"
