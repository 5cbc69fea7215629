"""An experiment as an edit of a policy document: a rule's use becomes the control arm of a split, and later one arm's use stays.

Pure: documents in, documents out. Who publishes them is serving/experiments.py.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from routerapp.engine.constraints import parse_constraints
from routerapp.engine.problems import PolicyError
from routerapp.serving.refusals import Invalid, Missing, invalid

DEFAULT = "default"
CONTROL = "control"


def uses_of(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """(rule id, name, use) of every rule and of the default: the places where an experiment can run."""
    for rule in document.get("rules", ()):
        yield rule["id"], str(rule.get("name") or rule["id"]), rule["use"]
    yield DEFAULT, "Default, when no rule matches", document.get("default") or {}


def split_of(document: Mapping[str, Any], experiment: str) -> tuple[str, Mapping[str, Any]] | None:
    """(rule id, strategy) of the split that names this experiment; None where no rule does."""
    for rule_id, _, use in uses_of(document):
        strategy = use.get("strategy") or {}
        if strategy.get("kind") == "split" and strategy.get("experiment") == experiment:
            return rule_id, strategy
    return None


def with_split(
    document: Mapping[str, Any], rule_id: str, experiment: str, arms: Sequence[Mapping[str, Any]], by: str
) -> dict[str, Any]:
    """The document in which this rule splits. An arm without a use of its own is the control, and comes first: what the rule does today.

    Raises Missing for an unknown rule, Invalid where the rule refuses, splits already or no arm keeps today's use.
    """
    changed = copy.deepcopy(dict(document))
    holder, path = _holder(changed, rule_id)
    today = holder["use"] if rule_id != DEFAULT else holder[DEFAULT]
    if "reject" in today:
        raise invalid(path, "rejects", "This rule refuses its requests; there is nothing to compare.")
    if (today.get("strategy") or {}).get("kind") == "split":
        raise invalid(path, "splits_already", "This rule runs an experiment already.")
    if holder.get("enabled", True) is False:
        raise invalid(path, "switched_off", "This rule is switched off; no request would reach the experiment.")
    if not any(arm.get("use") is None for arm in arms):
        raise invalid(
            "arms", "no_control", "One arm has no use of its own: the control, which does what the rule does today."
        )
    strategy: dict[str, Any] = {"kind": "split", "experiment": experiment}
    if by != "unit":
        strategy["by"] = by
    strategy["arms"] = [
        {"name": arm["name"], "weight": arm["weight"], "use": copy.deepcopy(arm.get("use") or today)}
        for arm in sorted(arms, key=lambda arm: arm.get("use") is not None)
    ]
    holder["use" if rule_id != DEFAULT else DEFAULT] = {"strategy": strategy}
    return changed


def without_split(document: Mapping[str, Any], experiment: str, arm_name: str) -> dict[str, Any]:
    """The document in which one arm's use takes the place of the experiment. Raises Missing for an unknown experiment or arm."""
    changed = copy.deepcopy(dict(document))
    for holder, key in _uses(changed):
        use = holder[key]
        strategy = use.get("strategy") or {}
        if strategy.get("kind") != "split" or strategy.get("experiment") != experiment:
            continue
        arm = next((one for one in strategy["arms"] if one["name"] == arm_name), None)
        if arm is None:
            raise Missing(f"arm of {experiment}", arm_name)
        holder[key] = _kept(use, arm["use"])
        return changed
    raise Missing("experiment in this policy", experiment)


def _kept(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """What the arm did, with what stood around the split: inner values win, inner fallbacks come first, limits add up."""
    around = {key: value for key, value in outer.items() if key != "strategy"}
    kept = {**around, **inner}
    if "fallbacks" in around and "fallbacks" in inner:
        kept["fallbacks"] = list(dict.fromkeys([*inner["fallbacks"], *around["fallbacks"]]))
    if "constraints" in around and "constraints" in inner:
        try:
            both = parse_constraints(around["constraints"]).narrow(parse_constraints(inner["constraints"]))
        except PolicyError as error:
            raise Invalid(error.problems) from error
        kept["constraints"] = both.document()
    if "parameters" in around and "parameters" in inner:
        kept["parameters"] = {**around["parameters"], **inner["parameters"]}
    return kept


def _holder(document: MutableMapping[str, Any], rule_id: str) -> tuple[MutableMapping[str, Any], str]:
    if rule_id == DEFAULT:
        return document, DEFAULT
    for index, rule in enumerate(document.get("rules", ())):
        if rule["id"] == rule_id:
            return rule, f"rules[{index}].use"
    raise Missing("rule in this policy", rule_id)


def _uses(document: MutableMapping[str, Any]) -> Iterator[tuple[MutableMapping[str, Any], str]]:
    for rule in document.get("rules", ()):
        yield rule, "use"
    if document.get(DEFAULT):
        yield document, DEFAULT
