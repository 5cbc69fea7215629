"""The way a decision took through policies, rules and arms, read from its trace, with the path of each `use` in its document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from routerapp.engine.levers.edit import Path, at, edited
from routerapp.engine.policy import Policy, parse_policy
from routerapp.engine.situation import Situation
from routerapp.engine.types import Decision
from routerapp.engine.verdicts import Verdict

_NOTHING = {"reject": "nothing"}


@dataclass(frozen=True, slots=True)
class Visit:
    """One policy on the way. inner: its slug, None for the one that was asked. matched: place of the rule, None for the default.

    uses: paths of what was used here, the outermost first; more than one where an experiment's arm was taken.
    """

    situation: Situation
    policy: Policy
    inner: str | None
    matched: int | None
    uses: tuple[Path, ...]

    @property
    def document(self) -> Mapping[str, Any]:
        return self.policy.document

    @property
    def rule(self) -> str:
        return "default" if self.matched is None else self.policy.rules[self.matched].id

    @property
    def rule_name(self) -> str:
        return "default" if self.matched is None else self.policy.rules[self.matched].name

    def at(self, path: Path) -> Any:
        return at(self.document, path)

    def with_value(self, path: Path, value: Any) -> Situation:
        """The situation with this policy's document edited and what was edited read again. Raises PolicyError."""
        document = edited(self.document, path, value)
        return self.situation.with_policy(self.inner, _read_again(self.policy, document, path))


def _read_again(policy: Policy, document: Mapping[str, Any], path: Path) -> Policy:
    """parse_policy(document), reading only the rule or default that the path leads into: rules do not depend on each other."""
    if path[0] == "rules":
        place = int(path[1])
        alone = parse_policy({**document, "rules": [document["rules"][place]], "default": _NOTHING})
        rules = (*policy.rules[:place], alone.rules[0], *policy.rules[place + 1 :])
        uses_clock = policy.uses_clock or alone.uses_clock
        return replace(policy, rules=rules, document=document, uses_clock=uses_clock)
    if path[0] == "default":
        alone = parse_policy({**document, "rules": []})
        return replace(policy, default=alone.default, document=document)
    return parse_policy(document, version=policy.version)


def visits_of(situation: Situation, decision: Decision) -> tuple[Visit, ...]:
    visits: list[Visit] = []
    policy, inner = situation.policy, None
    for step in decision.trace:
        if policy is None:
            break
        if step.verdict == Verdict.SUB_POLICY_ENTERED:
            inner = step.subject.partition("@")[0]
            policy = situation.config.live_policy(inner)
        elif step.verdict in (Verdict.RULE_MATCHED, Verdict.DEFAULT_USED):
            visits.append(_entered(situation, policy, inner, step.subject))
        elif step.verdict == Verdict.SPLIT_ARM and visits:
            visits[-1] = _in_arm(visits[-1], str(step.because.get("arm", "")))
    return tuple(visits)


def _entered(situation: Situation, policy: Policy, inner: str | None, rule: str) -> Visit:
    for place, one in enumerate(policy.rules):
        if one.id == rule:
            return Visit(situation, policy, inner, place, (("rules", place, "use"),))
    return Visit(situation, policy, inner, None, (("default",),))


def _in_arm(visit: Visit, name: str) -> Visit:
    arms = (*visit.uses[-1], "strategy", "arms")
    documents = visit.at(arms)
    for place, arm in enumerate(documents if isinstance(documents, list | tuple) else ()):
        if isinstance(arm, Mapping) and arm.get("name") == name:
            uses = (*visit.uses, (*arms, place, "use"))
            return Visit(visit.situation, visit.policy, visit.inner, visit.matched, uses)
    return visit
