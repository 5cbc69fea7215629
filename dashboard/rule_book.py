"""The rules as they stood when a decision was made: names, and conditions in words beside what the request had."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from dashboard.condition_words import describe_condition
from dashboard.templatetags.numbers import plain
from routerapp.engine.types import Decision
from routerapp.store.revisions import RevisionGone, load_config_document

LONGEST_WORDS = 300
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RuleBook:
    """rules: policy slug -> rule id -> the rule's document. seen: feature -> its value in this request."""

    rules: Mapping[str, Mapping[str, Document]] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)

    def name(self, policy: str, rule_id: str) -> str:
        return str(self._rule(policy, rule_id).get("name") or rule_id)

    def reason(self, policy: str, rule_id: str, place: str = "") -> str:
        """The condition, or the part of it at place (all[2]), and what this request had; empty when the revision is gone."""
        when = self._rule(policy, rule_id).get("when")
        part = _part(when, place)
        if not isinstance(part, Mapping):
            return ""
        text = str(describe_condition(part))
        field_name = str(part.get("field"))
        if field_name in self.seen:
            text += f"; this request: {plain(self.seen[field_name]) or 'empty'}"
        return text if len(text) <= LONGEST_WORDS else text[:LONGEST_WORDS] + "…"

    def _rule(self, policy: str, rule_id: str) -> Document:
        return self.rules.get(policy, {}).get(rule_id, {})


def rule_book(decision: Decision) -> RuleBook:
    """Of the revision that decided. Without it there are no names but ids: nothing is guessed from today's rules."""
    seen = msgspec.structs.asdict(decision.features)
    try:
        config = load_config_document(decision.config)
    except RevisionGone:
        return RuleBook(seen=seen)
    rules = {}
    for slug, policy in config.get("policies", {}).items():
        number = decision.policy_version if slug == decision.policy else policy.get("live")
        document = policy.get("versions", {}).get(str(number)) or {}
        rules[slug] = {str(rule.get("id")): rule for rule in document.get("rules", ())}
    return RuleBook(rules, seen)


def _part(when: Any, place: str) -> Any:
    """The conjunct the trace names: place is empty or all[index]."""
    index = place.removeprefix("all[").removesuffix("]")
    if not place or not isinstance(when, Mapping) or not index.isdecimal():
        return when
    parts = when.get("all") or ()
    return parts[int(index)] if int(index) < len(parts) else when
